// What keeps a real arm from moving: what happened, what to do by hand, and the button that clears it.

import { el } from "../common/dom.js";

const $ = (id) => document.getElementById(id);
const RESUMES = "protective stop"; // nothing is wrong with the arm: it only waits for a person

export class Recovery {
  /** @param {import("../common/permit.js").Permit} permit */
  constructor(permit) {
    this.permit = permit;
    this.button = el("button", {
      type: "button",
      class: "c-small c-primary",
      id: "c-do-recover",
      onclick: () => permit.send({ type: "recover" }),
    });
  }

  /** @param {Protocol.Status} message */
  status({ trouble }) {
    const key = trouble && `${trouble.name} ${trouble.sentence}`;
    if (key !== this.shown) this.show(trouble);
    this.shown = key;
    this.enable();
  }

  linkChanged() {
    this.enable();
  }

  show(trouble) {
    $("c-recovery").hidden = !trouble;
    if (!trouble) return;
    this.button.replaceChildren(trouble.name === RESUMES ? "Resume" : "Recover");
    $("c-recovery").replaceChildren(
      el("b", {}, trouble.name),
      el("span", {}, trouble.sentence),
      el("em", {}, `→ ${trouble.next_move}`),
      this.button,
    );
  }

  enable() {
    this.permit.show(this.button, "recover", "Let the arm move again; it does not move by this");
  }
}
