// What this page may do now, and why not: the server's preconditions, under what only the page knows: the link, and who
// operates.

import { el } from "./dom.js";

export class Permit {
  constructor(link) {
    this.link = link;
    this.mine = true; // until the server says who operates
    this.operator = null;
  }

  status(message) {
    this.latest = message;
  }

  lease({ mine, operator }) {
    this.mine = mine;
    this.operator = operator;
  }

  allows(verb) {
    return this.why(verb) === "";
  }

  /** Send a command if it may be given now. */
  send(message) {
    return this.allows(message.type) && this.link.send(message);
  }

  /** Why this page may command nothing at all now, as a sentence; empty if it may. */
  get barred() {
    if (!this.link.connected) return "Not connected to the console.";
    if (this.link.worldLost) return "The world was lost. Another one is being started.";
    if (!this.mine) return this.operator ? `You are watching; ${this.operator.name} operates.` : "You are watching. Take control first.";
    return "";
  }

  /** Why `verb` is not possible now, as a sentence; empty if it is. */
  why(verb) {
    if (this.barred) return this.barred;
    return this.latest ? this.latest.preconditions[verb] ?? "" : "The console has not told yet how it stands.";
  }

  /** The button to press next, if one of the usual ones is. */
  get next() {
    const { plan } = this.latest ?? {};
    return ["approve", "predict", "plan"].find((verb) => this.allows(verb) && (verb !== "predict" || plan.length));
  }

  /** Enable or disable a button, its tooltip saying what it does or why it cannot. */
  show(button, verb, tip) {
    const why = this.why(verb);
    button.disabled = why !== "";
    const title = why ? `${tip} — ${why}` : tip;
    if (button.title !== title) button.title = title;
  }
}

/** A small button with a tooltip that is its name for assistive tools too. */
export const iconButton = (sign, tip, onclick, name = "") =>
  el("button", { type: "button", class: `c-mini ${name}`, title: tip, "aria-label": tip, onclick }, sign);
