// The checklist of steps, with the proposed keypoint and the verdict under the current one.

import { el, metres, setText } from "./dom.js";

const MARKS = { done: "✓", skipped: "⇥" };
const NAMES = { done: "done", skipped: "skipped", current: "current step", todo: "to do" };

export class Plan {
  status(message) {
    const empty = document.getElementById("c-plan-empty");
    const list = document.getElementById("c-plan-steps");
    const seen = document.getElementById("c-seen");
    seen.hidden = message.seen === null;
    seen.title = message.seen ?? "";
    setText(seen, `I see: ${message.seen}`);
    empty.hidden = message.plan.length > 0;
    setText(empty, message.state === "planning" ? "The planner is writing a plan …"
      : "No plan yet. Type an instruction above, or click an example, then press Plan.");
    const shown = JSON.stringify([message.plan, message.prediction, message.verdict, message.state]);
    if (shown === this.shown) return;
    this.shown = shown;
    const items = [];
    message.plan.forEach((step, k) => {
      if (k > 0 && step.subtask !== message.plan[k - 1].subtask) items.push(el("li", { class: "c-subtask", "aria-hidden": "true" }, `then, part ${step.subtask + 1}`));
      items.push(this.line(step, k, message));
    });
    list.replaceChildren(...items);
    const current = list.querySelector("[aria-current]");
    if (current) list.scrollTop = current.offsetTop - list.offsetTop - 40;
  }

  line(step, k, message) {
    const current = step.status === "current";
    const proposed = current && message.prediction?.step === step.text ? message.prediction : null;
    return el("li", { class: `c-step c-${step.status}`, "aria-current": current && "step" },
      el("span", { class: "c-mark", role: "img", "aria-label": NAMES[step.status] }, MARKS[step.status] ?? String(k + 1)),
      el("div", { class: "c-step-text" }, capital(step.text),
        proposed && el("div", { class: "c-proposal" },
          el("code", { title: "The keypoint, in the world frame" }, metres(proposed.keypoint)),
          el("span", {}, ` · gripper ${proposed.action.gripper_open ? "open" : "closed"} at the end`)),
        proposed && message.verdict && el("div", { class: `c-verdict c-${message.verdict.decision}`, title: checks(message.verdict) }, verdict(message.verdict))),
      el("span", { class: "c-step-state" }, current && message.state === "moving" ? "moving" : current ? "" : NAMES[step.status]));
  }
}

/** "the robot grasps the red block" reads as "Grasps the red block": every step has the same subject. */
function capital(text) {
  const short = text.replace(/^the robot /, "");
  return short.charAt(0).toUpperCase() + short.slice(1);
}

function verdict({ decision, sentence, checks: all }) {
  if (decision === "allow") return `✓ ${all.length} safety checks passed`;
  return decision === "ask" ? `Please look: ${sentence}` : `Refused: ${sentence}`;
}

const checks = ({ checks: all }) => all.map((check) => `${check.ok ? "✓" : "✗"} ${check.sentence}`).join("\n");
