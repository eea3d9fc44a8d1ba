// Instructions given before, in this browser: arrow up and down in the box, or the list beside it.

import { el } from "../common/dom.js";
import { memory } from "../common/storage.js";

const KEY = "clap-instructions";
const KEPT = 30;

export const SHORTCUTS = [
  ["↑ / ↓", "In the instruction: the ones before and after"],
  ["Enter", "In the instruction: plan"],
];

export class History {
  constructor(use, box) {
    this.use = use;
    this.box = box;
    this.texts = JSON.parse(memory.getItem(KEY) ?? "[]");
    this.at = -1; // -1 is what is being written now
    this.button = document.getElementById("c-history-open");
    this.list = document.getElementById("c-history");
    document.getElementById("c-instruction").addEventListener("keydown", (event) => this.key(event), { capture: true });
    document.getElementById("c-instruction").addEventListener("input", (event) => {
      if (event.isTrusted) this.at = -1;
    });
    this.button.addEventListener("click", () => this.open(this.list.hidden));
    document.addEventListener("pointerdown", (event) => {
      const at = /** @type {Node} */ (event.target);
      if (!this.list.contains(at) && !this.button.contains(at)) this.open(false);
    });
    this.list.addEventListener("keydown", (event) => this.walk(event));
    addEventListener("keydown", (event) => event.key === "Escape" && this.open(false), { capture: true });
    this.enable();
  }

  add(text) {
    this.at = -1;
    if (!text.trim()) return;
    this.texts = [text, ...this.texts.filter((other) => other !== text)].slice(0, KEPT);
    memory.setItem(KEY, JSON.stringify(this.texts));
    this.enable();
  }

  enable() {
    this.button.disabled = this.texts.length === 0;
    this.button.title = this.texts.length
      ? "Instructions given before (↑ and ↓ in the box)"
      : "No instruction was given yet";
  }

  key(event) {
    const step = { ArrowUp: 1, ArrowDown: -1 }[event.key];
    const next = this.at + (step ?? 0);
    if (!step || next < -1 || next >= this.texts.length) return;
    event.preventDefault();
    if (this.at === -1) this.written = this.box().value;
    this.at = next;
    this.use(next === -1 ? this.written : this.texts[next]);
  }

  open(wanted) {
    if (this.list.hidden === !wanted) return;
    this.list.hidden = !wanted;
    this.button.setAttribute("aria-expanded", wanted);
    if (!wanted) return;
    this.list.replaceChildren(
      ...this.texts.map((text) =>
        el(
          "li",
          {},
          el(
            "button",
            {
              type: "button",
              onclick: () => {
                this.open(false);
                this.use(text);
              },
            },
            text,
          ),
        ),
      ),
    );
    this.list.querySelector("button").focus();
  }

  walk(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const all = [...this.list.querySelectorAll("button")];
    all[(all.indexOf(/** @type {any} */ (document.activeElement)) + step + all.length) % all.length].focus();
  }
}
