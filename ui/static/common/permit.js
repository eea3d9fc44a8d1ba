// What this page may do now, and why not: the state's verbs, the link, and who operates.

import { el } from "./dom.js";

const NOTHING_PREDICTED = new Set(["approve", "redo", "skip", "keypoint", "rehearse"]);
const MOVES = new Set(["approve", "run", "home", "drive"]);
const NEEDS_PLAN = new Set(["predict", "run", "edit-plan", "replan", "target"]);

export class Permit {
  /** @param {import("../live/link.js").Link} link */
  constructor(link) {
    this.link = link;
    this.can = {};
    this.state = "starting";
    this.mine = true; // until the server says who operates
    this.operator = null;
  }

  /** @param {Protocol.Hello} message */
  hello({ abilities }) {
    this.abilities = abilities;
  }

  /** @param {Protocol.Status} message */
  status(message) {
    this.latest = message;
    this.can = message.can;
    this.state = message.state;
    this.busy = message.busy;
  }

  /** @param {Protocol.LeaseState} message */
  lease({ mine, operator }) {
    this.mine = mine;
    this.operator = operator;
  }

  allows(verb) {
    return Boolean(this.link.ready && this.mine && this.can[verb]);
  }

  /**
   * Send a command if it may be given now.
   * @param {Protocol.PageMessage} message
   */
  send(message) {
    return this.allows(message.type) && this.link.send(message);
  }

  /** Why `verb` is not possible now, as a sentence; empty if it is. */
  why(verb) {
    if (this.allows(verb)) return "";
    if (!this.link.connected) return "Not connected to the console.";
    if (this.link.worldLost) return "The world was lost. Another one is being started.";
    if (!this.mine)
      return this.operator
        ? `You are watching; ${this.operator.name} operates.`
        : "You are watching. Take control first.";
    if (verb === "pause") return "Nothing runs that could be paused.";
    if (this.busy) return `Not while it is ${this.state}.`;
    if (MOVES.has(verb) && this.latest?.trouble) return this.latest.trouble.next_move;
    if (this.latest && !this.latest.task && this.abilities?.includes("set-up")) return "Set a scene up first.";
    if (verb === "undo") return "No step was carried out that could be undone.";
    if (verb === "revert") return "The pose is the policy's own.";
    if (verb === "approve" && this.latest?.verdict?.decision === "refuse") return "The safety checks refuse this step.";
    if (verb === "keypoint" && this.latest?.prediction)
      return "This policy does not predict around another keypoint; move the pose instead.";
    if (NOTHING_PREDICTED.has(verb) && !this.latest?.prediction) return "No step is predicted: press Predict first.";
    if (NEEDS_PLAN.has(verb) && !this.latest?.plan.length) return "There is no plan yet: give an instruction.";
    if (NEEDS_PLAN.has(verb) && this.state === "done") return "The plan is finished: give another instruction.";
    if (verb === "predict" && this.latest?.prediction) return "A step is predicted already: approve it, or press Redo.";
    return `Not possible while the console is “${this.state}”.`;
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
