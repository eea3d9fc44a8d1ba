// The instruction: its box, its history, the examples, and what was not understood.

import { el, setText } from "../common/dom.js";
import { explain } from "./explanation.js";
import { History } from "./instruction_history.js";

const $ = (id) => document.getElementById(id);

export class Instruction {
  /** @param {import("../common/permit.js").Permit} permit */
  constructor(permit) {
    this.permit = permit;
    this.history = new History(
      (text) => this.use(text),
      () => this.box,
    );
    window.__clap.plan = (text) => this.plan(text);
  }

  get box() {
    return document.querySelector("#c-instruction textarea, #c-instruction input");
  }

  plan(text) {
    if (this.permit.send({ type: "plan", instruction: text ?? "" })) this.history.add(text ?? "");
  }

  /** Put a text into the box. */
  use(text) {
    this.box.value = text;
    this.box.dispatchEvent(new Event("input", { bubbles: true })); // so that Gradio knows it too
    this.box.focus();
  }

  /** @param {Protocol.Status} message */
  status(message) {
    this.message = message;
    this.enable();
    this.chips(message);
    this.explain(message);
  }

  linkChanged() {
    this.enable();
  }

  enable() {
    this.permit.show($("c-do-plan"), "plan", "Let the planner write the steps for this instruction");
    $("c-do-plan").classList.toggle("c-next", this.permit.next === "plan");
  }

  chips({ examples }) {
    const key = examples.join("\n");
    if (this.shown === key) return;
    this.shown = key;
    $("c-chips").replaceChildren(
      ...examples.map((text, k) =>
        el(
          "button",
          {
            type: "button",
            class: k === 0 ? "c-chip c-own" : "c-chip",
            title: k === 0 ? "This scene was set up for this instruction" : "Another thing to do on this table",
            onclick: () => this.use(text),
          },
          text,
        ),
      ),
    );
  }

  /** A failure of the instruction takes the examples' place until another one is given. */
  explain({ failure, instruction, detected_objects }) {
    const about = failure?.name.startsWith("instruction") ? failure : null;
    const key = about && `${instruction} ${about.sentence}`;
    if (key === this.explained) return;
    this.explained = key;
    $("c-explain").hidden = !about;
    $("c-chips").hidden = Boolean(about);
    if (!about) return;
    const offers = explain(about.sentence, instruction, detected_objects);
    $("c-explain").replaceChildren(
      el("p", {}, el("b", {}, about.name === "instruction refused" ? "Refused. " : "Not understood. "), about.sentence),
      el(
        "div",
        { class: "c-chips" },
        ...offers.map(({ label, text, tip }) =>
          el("button", { type: "button", class: "c-chip", title: tip, onclick: () => this.use(text) }, label),
        ),
        el(
          "button",
          {
            type: "button",
            class: "c-chip",
            title: "Show what can be said here",
            onclick: () => {
              $("c-explain").hidden = true;
              $("c-chips").hidden = false;
            },
          },
          "Examples",
        ),
      ),
    );
    setText($("c-explain-live"), `${about.sentence} ${about.next_move}`);
  }
}
