// Editing one line of the plan in place: its buttons, its keys, and dragging it elsewhere.

import { el } from "../common/dom.js";
import { iconButton } from "../common/permit.js";

export const SHORTCUTS = [
  ["Enter / F2", "Edit the step in focus; Enter again keeps it"],
  ["Alt+↑ / Alt+↓", "Move the step in focus"],
  ["Insert", "New step after the one in focus"],
  ["Delete", "Delete the step in focus"],
];

export class LineEditor {
  constructor(plan) {
    this.plan = plan;
    this.open = false;
  }

  /** Give a line its handle, its buttons and its keys. */
  equip(node, text, at, canSkip) {
    const { plan } = this;
    node.tabIndex = 0;
    node.draggable = true;
    node.classList.add("c-editable");
    node.title = "Click the text to edit it; drag the line to move it. Keys: Enter, Alt+↑, Alt+↓, Insert, Delete";
    text.addEventListener("click", () => this.begin(at));
    const last = plan.lines.length - 1;
    const up = iconButton("↑", "Move up (Alt+↑)", () => this.move(at, at - 1));
    const down = iconButton("↓", "Move down (Alt+↓)", () => this.move(at, at + 1));
    up.disabled = at === 0;
    down.disabled = at === last;
    node.append(
      el(
        "span",
        { class: "c-line-tools" },
        up,
        down,
        iconButton("✎", "Edit the text (Enter)", () => this.begin(at)),
        iconButton("+", "Insert a step after this one (Insert)", () => plan.insert(at + 1)),
        canSkip ? iconButton("⇥", "Skip this step", () => plan.skip()) : null,
        iconButton("✕", "Delete this step (Delete)", () => this.remove(at)),
      ),
    );
    node.addEventListener("keydown", (event) => event.target === node && this.key(event, at));
    this.drag(node, at);
  }

  key(event, at) {
    const act =
      event.altKey && event.key === "ArrowUp"
        ? () => this.move(at, at - 1)
        : event.altKey && event.key === "ArrowDown"
          ? () => this.move(at, at + 1)
          : {
              Enter: () => this.begin(at),
              F2: () => this.begin(at),
              Delete: () => this.remove(at),
              Insert: () => this.plan.insert(at + 1),
            }[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  }

  node(at) {
    return document.querySelector(`#c-plan-steps [data-at="${at}"]`);
  }

  move(from, to) {
    this.plan.edit((draft) => draft.move(from, to));
    (this.node(to) ?? this.node(from))?.focus();
  }

  remove(at) {
    this.plan.edit((draft) => draft.remove(at));
    (this.node(at) ?? this.node(at - 1))?.focus();
  }

  /** Replace the line's text by a box; Enter or leaving it keeps the text, an empty line goes away. */
  begin(at) {
    const node = this.node(at);
    if (!node || this.open) return;
    this.open = true;
    node.draggable = false;
    const former = this.plan.lines[at].text;
    const box = el("input", {
      type: "text",
      class: "c-step-box",
      value: former.replace(/^the robot /, ""),
      maxlength: 200,
      "aria-label": `Text of step ${at + 1}`,
      placeholder: "what the robot does, such as “lifts the red block”",
      autocomplete: "off",
      spellcheck: "false",
    });
    node.querySelector(".c-step-text").replaceChildren(box);
    const end = (keep) => {
      if (!this.open) return;
      this.open = false;
      const typed = keep ? box.value.trim() : former;
      const same = typed === former.replace(/^the robot /, "");
      if (!typed) this.plan.edit((draft) => (former ? draft.remove(at) : draft.undo()));
      else if (!same) this.plan.edit((draft) => draft.write(at, typed));
      else this.plan.draw();
      this.node(at)?.focus();
    };
    box.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      end(true);
    });
    addEventListener("keydown", (event) => event.key === "Escape" && end(false), {
      capture: true,
      once: false,
      signal: leaving(box),
    });
    box.addEventListener("blur", () => end(true));
    box.focus();
    box.select();
  }

  drag(node, at) {
    node.addEventListener("dragstart", (event) => {
      this.from = at;
      event.dataTransfer.effectAllowed = "move";
      event.dataTransfer.setData("text/plain", String(at));
      node.classList.add("c-dragged");
    });
    node.addEventListener("dragend", () => node.classList.remove("c-dragged"));
    node.addEventListener("dragover", (event) => {
      if (this.from === undefined) return;
      event.preventDefault();
      node.classList.add(at > this.from ? "c-drop-after" : "c-drop-before");
    });
    node.addEventListener("dragleave", () => node.classList.remove("c-drop-after", "c-drop-before"));
    node.addEventListener("drop", (event) => {
      event.preventDefault();
      const { from } = this;
      this.from = undefined;
      if (from !== undefined) this.move(from, at);
    });
  }
}

/** Ends when the box is left. */
function leaving(box) {
  const controller = new AbortController();
  box.addEventListener("blur", () => controller.abort());
  return controller.signal;
}
