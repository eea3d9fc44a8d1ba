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
  status({ arm_fault }) {
    const key = arm_fault && `${arm_fault.name} ${arm_fault.sentence}`;
    if (key !== this.shown) this.show(arm_fault);
    this.shown = key;
    this.enable();
  }

  linkChanged() {
    this.enable();
  }

  show(arm_fault) {
    $("c-recovery").hidden = !arm_fault;
    if (!arm_fault) return;
    this.button.replaceChildren(arm_fault.name === RESUMES ? "Resume" : "Recover");
    $("c-recovery").replaceChildren(
      el("b", {}, arm_fault.name),
      el("span", {}, arm_fault.sentence),
      el("em", {}, `→ ${arm_fault.next_move}`),
      this.button,
    );
  }

  enable() {
    this.permit.show(this.button, "recover", "Let the arm move again; it does not move by this");
  }
}
