// The first-visit tour: five steps, each beside the part it speaks of. Arrow keys or Enter go on, Esc ends it (and stops).

import { closeDialog } from "./dialog.js";
import { el } from "./dom.js";
import { memory } from "./storage.js";
import { showPanel } from "./panels.js";

const KEY = "clap-tour";
const GAP = 12;
const STEPS = [
  ["#c-views", "See", "Front, left and top are what the policy sees. Found objects are amber, the point it aims at is red. The 3D scene below turns by dragging."],
  ["#c-instruction-card", "Say", "Type what the robot should do, or click an example, then press Plan. The plan appears as a list that you can change."],
  [".c-execute-card", "Act", "Predict shows the next step in blue. Nothing moves before you approve it; Run all goes on by itself where the safety checks allow."],
  ["#c-open-drive", "Drive and share", "Drive the arm by hand with keys, pad or gamepad. Many may watch this page, one operates: the pill beside it says who. Evaluation and Training, at the top, show how well the policy does."],
  ["#c-stop", "Stop", "Stop works for everyone, at any time. Esc stops from anywhere, Space outside of text fields. If this page is lost, the motion halts by itself."],
];

export class Tour {
  constructor() {
    this.step = null;
    addEventListener("keydown", (event) => this.key(event), { capture: true });
    addEventListener("resize", () => this.place());
  }

  /** The first hello of a first visit begins the tour. */
  hello() {
    if (!memory.getItem(KEY)) this.begin();
  }

  begin() {
    this.end();
    closeDialog(); // the list of keys, from which it may have been begun
    showPanel("operate");
    this.ring = el("div", { class: "c-tour-ring", "aria-hidden": "true" });
    this.card = el("dialog", { class: "c-tour", id: "c-tour", "aria-labelledby": "c-tour-title", tabindex: "-1" });
    document.body.append(this.ring, this.card);
    this.card.show(); // not showModal(), which would make Stop inert
    document.dispatchEvent(new Event("clap-dialog"));
    this.show(0);
  }

  end() {
    if (this.step === null) return;
    memory.setItem(KEY, "seen");
    this.step = null;
    this.ring.remove();
    this.card.close(); // the focus goes back to where it was
    this.card.remove();
  }

  show(step) {
    if (step >= STEPS.length) return this.end();
    this.step = Math.max(0, step);
    const [target, title, text] = STEPS[this.step];
    const last = this.step === STEPS.length - 1;
    const button = (label, act, kind = "") => el("button", { type: "button", class: `c-small ${kind}`, onclick: act }, label);
    this.card.replaceChildren(
      el("p", { class: "c-dim" }, `Step ${this.step + 1} of ${STEPS.length}`), el("h2", { id: "c-tour-title" }, title), el("p", {}, text),
      el("div", { class: "c-tour-buttons" }, button("Leave the tour", () => this.end()), el("span", { class: "c-grow" }),
        this.step > 0 ? button("Back", () => this.show(this.step - 1)) : null,
        button(last ? "Begin" : "Next", () => this.show(this.step + 1), "c-primary")));
    document.querySelector(target).scrollIntoView({ block: "nearest" });
    this.place();
    this.card.querySelector(".c-primary").focus();
  }

  place() {
    if (this.step === null) return;
    const target = document.querySelector(STEPS[this.step][0]);
    this.ring.classList.toggle("c-dims", !target.closest("#c-top"));
    const box = target.getBoundingClientRect();
    Object.assign(this.ring.style, { left: `${box.left - 4}px`, top: `${box.top - 4}px`, width: `${box.width + 8}px`, height: `${box.height + 8}px` });
    const { offsetWidth: width, offsetHeight: height } = this.card;
    const inside = (value, most) => Math.max(GAP, Math.min(value, most - GAP));
    const below = box.bottom + GAP + height < innerHeight;
    const above = box.top - GAP - height > 0;
    const top = below ? box.bottom + GAP : above ? box.top - GAP - height : box.top + GAP;
    this.card.style.left = `${inside(box.left, innerWidth - width)}px`;
    this.card.style.top = `${inside(top, innerHeight - height)}px`;
  }

  key(event) {
    if (this.step === null) return;
    if (event.key === "Escape") this.end(); // the page's own listener stops the robot as well
    const turn = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (turn) {
      event.preventDefault();
      event.stopPropagation();
      this.show(this.step + turn);
    }
    if (event.key === "Tab") {
      const stops = [...this.card.querySelectorAll("button"), document.getElementById("c-stop")];
      const at = stops.indexOf(document.activeElement);
      stops[(at + (event.shiftKey ? stops.length - 1 : 1)) % stops.length].focus();
      event.preventDefault();
    }
  }
}
