// The operator's edit of the steps to come, before it is sent: a list of lines, and what each change can be undone to.

/** The lines of a status message's plan that can be edited: those of the current part that are not done yet. */
export function editable(plan) {
  const next = plan.find((step) => step.status === "current") ?? plan.find((step) => step.status === "todo");
  return next
    ? plan.filter((step) => step.subtask === next.subtask && (step.status === "current" || step.status === "todo"))
    : [];
}

export class PlanDraft {
  constructor(steps) {
    this.base = steps.map((step) => step.text);
    this.lines = steps.map((step) => ({ text: step.text, own: step.by === "human" }));
    this.history = [];
  }

  get changed() {
    return this.lines.map((line) => line.text).join("\n") !== this.base.join("\n");
  }

  get steps() {
    return this.lines.map((line) => line.text);
  }

  change(edit) {
    this.history.push(this.lines.map((line) => ({ ...line })));
    edit(this.lines);
  }

  write(k, text) {
    if (text && text !== this.lines[k].text) this.change((lines) => (lines[k] = { text, own: true }));
  }

  insert(k, text) {
    this.change((lines) => lines.splice(k, 0, { text, own: true }));
  }

  remove(k) {
    this.change((lines) => lines.splice(k, 1));
  }

  move(from, to) {
    if (to < 0 || to >= this.lines.length || from === to) return false;
    this.change((lines) => lines.splice(to, 0, { ...lines.splice(from, 1)[0], own: true }));
    return true;
  }

  undo() {
    if (this.history.length) this.lines = this.history.pop();
  }

  /** Take over that the plan's steps to come are now `steps`. False if this edit no longer fits them. */
  rebase(steps) {
    const now = steps.map((step) => step.text);
    const done = this.base.length - now.length;
    if (done < 0 || this.base.slice(done).join("\n") !== now.join("\n")) return false;
    if (this.base.slice(0, done).some((text, k) => this.lines[k]?.text !== text)) return false;
    this.lines = this.lines.slice(done);
    this.base = now;
    if (done) this.history = [];
    return true;
  }
}
