// Task, success and notes of a demonstration, to be changed and saved together.

import { el } from "../common/dom.js";
import { OUTCOMES } from "./text.js";

export class ReviewLabels {
  constructor(save) {
    this.task = el("input", { type: "text", id: "r-label-task", maxlength: 4000, autocomplete: "off" });
    this.outcome = el(
      "select",
      { id: "r-label-outcome" },
      ...Object.entries(OUTCOMES).map(([value, text]) => el("option", { value }, text)),
    );
    this.notes = el("textarea", {
      id: "r-label-notes",
      rows: 2,
      maxlength: 2000,
      placeholder: "What is worth knowing about it",
    });
    this.button = el("button", { type: "submit", class: "c-small", id: "r-save-labels" }, "Save labels");
    this.node = el(
      "form",
      {
        class: "r-labels",
        onsubmit: (event) => {
          event.preventDefault();
          if (this.isChanged) save(this.values);
        },
      },
      el("label", {}, "Task", this.task),
      el("label", {}, "Success", this.outcome),
      el("label", {}, "Notes", this.notes),
      this.button,
    );
    this.node.addEventListener("input", () => this.refresh(this.reason));
  }

  get values() {
    return { task: this.task.value.trim(), outcome: this.outcome.value, notes: this.notes.value };
  }

  get isChanged() {
    return Boolean(this.known) && JSON.stringify(this.values) !== JSON.stringify(this.known);
  }

  /** Show a demonstration's labels; what somebody is writing for the same one stays. */
  open({ id, task, outcome, notes }) {
    const writes = this.id === id && this.isChanged && this.node.contains(document.activeElement);
    this.id = id;
    this.known = { task, outcome, notes };
    if (!writes) [this.task.value, this.outcome.value, this.notes.value] = [task, outcome, notes];
  }

  refresh(reason) {
    this.reason = reason;
    for (const field of [this.task, this.outcome, this.notes]) field.disabled = reason !== "";
    this.button.disabled = reason !== "" || !this.isChanged || !this.task.value.trim();
    this.button.title = reason;
  }
}
