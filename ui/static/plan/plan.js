// The checklist of steps. The steps to come can be edited: written anew, inserted, deleted and put in another order;
// nothing is sent before "Use this plan".

import { el, metres, setText } from "../common/dom.js";
import { editable, PlanDraft } from "./draft.js";
import { followWriting } from "./planner_writing.js";
import { LineEditor } from "./line_editor.js";
import { relevance } from "./relevance.js";

const $ = (id) => document.getElementById(id);
const MARKS = { done: "✓", skipped: "⇥" };
const NAMES = { done: "done", skipped: "skipped", current: "current step", todo: "to do" };

export class Plan {
  /** @param {import("../common/permit.js").Permit} permit */
  constructor(permit, say) {
    this.permit = permit;
    this.say = say;
    this.draft = null;
    this.editor = new LineEditor(this);
    $("c-plan-replan").addEventListener("click", () => this.replan());
    $("c-plan-add").addEventListener("click", () => this.insert(this.lines.length));
    $("c-plan-raw").addEventListener("click", () => document.querySelector("#c-tab-0").click());
    $("c-plan-use").addEventListener("click", () => this.use());
    $("c-plan-undo").addEventListener("click", () => this.edit((draft) => draft.undo()));
    $("c-plan-discard").addEventListener("click", () => this.discard());
  }

  /** The lines that can be edited, as they are shown. */
  get lines() {
    return (
      this.draft?.lines ?? editable(this.message.plan).map((step) => ({ text: step.text, own: step.by === "human" }))
    );
  }

  /** @param {Protocol.Status} message */
  status(message) {
    this.message = message;
    $("c-seen").hidden = message.detected_objects === null;
    $("c-seen").title = message.detected_objects === null ? "" : `On the table: ${message.detected_objects}`;
    this.showSeen(message);
    followWriting(message);
    this.follow(editable(message.plan));
    this.enable();
    const shown = JSON.stringify([
      message.plan,
      message.prediction,
      message.verdict,
      message.state,
      this.permit.allows("edit-plan"),
    ]);
    if (shown !== this.shown && !this.editor.open) this.draw();
    this.shown = shown;
  }

  /** Take over what has become of the steps to come while an edit is open. */
  follow(steps) {
    if (!this.draft) return;
    if (this.sent && steps.map((step) => step.text).join("\n") !== this.draft.base.join("\n")) return this.discard();
    if (!this.draft.rebase(steps)) this.drop();
  }

  /**
   * A refused edit stays, so that it can be mended.
   * @param {Protocol.Refused} message
   */
  refused({ sentence }) {
    if (!this.sent) return;
    this.sent = false;
    setText($("c-plan-note"), sentence);
  }

  linkChanged() {
    if (this.message) this.enable();
  }

  /** What was detected on the table: bright what the task is about, dim the rest. */
  showSeen({ detected_objects, instruction, plan }) {
    const key = JSON.stringify([detected_objects, instruction, plan.length]);
    if (detected_objects === null || key === this.seenShown) return;
    this.seenShown = key;
    const isRelevant = relevance({ instruction, plan });
    $("c-seen").replaceChildren(
      "Detected: ",
      ...detected_objects
        .split(", ")
        .flatMap((name, k) => [k ? " · " : "", el("span", { class: isRelevant(name) ? "c-seen-task" : "" }, name)]),
    );
  }

  enable() {
    this.permit.show(
      $("c-plan-replan"),
      "replan",
      "Ask the planner again for the steps from here on; your edits are dropped",
    );
    this.permit.show($("c-plan-add"), "edit-plan", "Add a step at the end");
    this.permit.show($("c-plan-use"), "edit-plan", "Replace the steps to come by these");
    $("c-plan-draft").hidden = !this.draft;
    $("c-plan-undo").disabled = !this.draft?.history.length;
    $("c-plan-use").disabled ||= !this.draft?.changed || !this.draft?.lines.length;
    if (this.draft && !this.draft.lines.length)
      $("c-plan-use").title = "A plan needs at least one step: skip steps that are not wanted.";
  }

  draw() {
    const { plan, state } = this.message;
    $("c-plan-empty").hidden = plan.length > 0 || this.draft !== null;
    setText(
      $("c-plan-empty"),
      state === "planning"
        ? "The planner is writing a plan …"
        : this.permit.allows("edit-plan")
          ? "The policy has no plan for this. To show it how, write the steps yourself: + Step."
          : "No plan yet. Type an instruction above, or click an example, then press Plan.",
    );
    const open = new Set(editable(plan));
    const items = [];
    const toCome = (k, first) =>
      this.lines.forEach((line, at) =>
        items.push(this.line({ ...line, status: at === 0 ? first : "todo", unsent: Boolean(this.draft) }, k + at, at)),
      );
    let drawn = false;
    plan.forEach((step, k) => {
      if (k > 0 && step.subtask !== plan[k - 1].subtask)
        items.push(el("li", { class: "c-subtask", "aria-hidden": "true" }, `then, part ${step.subtask + 1}`));
      if (!open.has(step)) items.push(this.line(step, k, -1));
      else if (!drawn) {
        toCome(k, step.status);
        drawn = true;
      }
    });
    if (!drawn && this.draft) toCome(plan.length, "todo");
    const list = $("c-plan-steps");
    list.replaceChildren(...items);
    const current = list.querySelector("[aria-current]");
    if (current && !this.draft) list.scrollTop = current.offsetTop - list.offsetTop - 40;
  }

  line(step, k, at) {
    const { prediction, state } = this.message;
    const current = step.status === "current";
    const proposed = current && prediction?.step === step.text ? prediction : null;
    const own = step.own ?? step.by === "human";
    const text = el("span", { class: "c-step-words" }, capital(step.text));
    const node = el(
      "li",
      { class: `c-step c-${step.status}`, "aria-current": current && "step", "data-at": at },
      el(
        "span",
        { class: "c-mark", role: "img", "aria-label": NAMES[step.status] },
        MARKS[step.status] ?? String(k + 1),
      ),
      el("div", { class: "c-step-text" }, text, proposed && proposal(proposed)),
      own && el("span", { class: "c-own-tag", title: "You wrote this step or moved it" }, "yours"),
      el(
        "span",
        { class: "c-step-state" },
        current && state === "moving" ? "moving" : current || at >= 0 ? "" : NAMES[step.status],
      ),
    );
    if (at >= 0 && this.permit.allows("edit-plan"))
      this.editor.equip(node, text, at, current && this.permit.allows("skip"));
    return node;
  }

  /** Change the steps to come; what is shown is not sent yet. */
  edit(change) {
    this.draft ??= new PlanDraft(editable(this.message.plan));
    setText($("c-plan-note"), "Edited, not used yet.");
    change(this.draft);
    if (!this.draft.history.length && !this.draft.changed) this.draft = null;
    this.draw();
    this.enable();
  }

  insert(at) {
    this.edit((draft) => draft.insert(at, ""));
    this.editor.begin(at);
  }

  use() {
    this.sent = this.permit.send({ type: "edit-plan", steps: this.draft.steps });
  }

  discard() {
    this.draft = null;
    this.sent = false;
    this.draw();
    this.enable();
  }

  /** The plan went on in another way than this edit was made for. */
  drop() {
    this.editor.open = false;
    this.discard();
    this.say("The plan has changed meanwhile, so your unsent edit was dropped.");
  }

  replan() {
    this.discard();
    this.permit.send({ type: "replan" });
  }

  skip() {
    this.permit.send({ type: "skip" });
  }
}

const proposal = ({ keypoint, action, source }) =>
  el(
    "div",
    { class: "c-proposal" },
    el("code", { title: "The keypoint, in the world frame" }, metres(keypoint)),
    el("span", {}, ` · gripper ${action.gripper_open ? "open" : "closed"} at the end`),
    source.startsWith("human") &&
      el(
        "span",
        { class: "c-own-tag", title: "You corrected this pose" },
        source === "human" ? "pose yours" : "keypoint yours",
      ),
  );

/** "the robot grasps the red block" reads as "Grasps the red block": every step has the same subject. */
function capital(text) {
  const short = text.replace(/^the robot /, "");
  return short.charAt(0).toUpperCase() + short.slice(1);
}
