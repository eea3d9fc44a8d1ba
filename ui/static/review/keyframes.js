// Editing keyframes and the steps that end at them.

import { el } from "../common/dom.js";
import { iconButton } from "../common/permit.js";
import { stepAt } from "./details.js";

export class ReviewKeyframes {
  constructor(send) {
    this.send = send;
    this.toggleButton = el(
      "button",
      { type: "button", class: "c-small", id: "r-toggle-keyframe", onclick: () => this.toggle(this.cursor()) },
      "Add keyframe here",
    );
    this.tools = el("span", { class: "c-group" }, this.toggleButton);
    this.reason = "";
  }

  open(detail, cursor) {
    this.detail = detail;
    this.cursor = cursor;
  }

  /** Buttons of a keyframe's line; `k` counts the lines. */
  lineTools(frame, k) {
    return [
      el(
        "span",
        { class: "r-line-tools" },
        this.lock(
          iconButton("✎", `Edit the step of keyframe ${k + 1}`, (event) =>
            this.edit(event.currentTarget.closest("li"), frame, k),
          ),
        ),
        this.lock(iconButton("✕", `Remove keyframe ${k + 1}`, () => this.toggle(frame))),
      ),
    ];
  }

  lock(button) {
    button.disabled = this.reason !== "";
    return button;
  }

  toggle(frame) {
    const { id, keyframes } = this.detail;
    const frames = keyframes.includes(frame)
      ? keyframes.filter((other) => other !== frame)
      : [...keyframes, frame].sort((a, b) => a - b);
    return this.send("demo-keyframes", { episode: id, frames });
  }

  /** A box in place of the step's text; Enter keeps it, Escape (which also stops the arm) or leaving it drops it. */
  edit(line, frame, k) {
    const former = stepAt(this.detail, frame);
    const button = line.querySelector(".r-keyframe");
    const box = el("input", {
      type: "text",
      class: "r-step-box",
      value: former,
      maxlength: 300,
      "aria-label": `Step that ends at keyframe ${k + 1}`,
    });
    let ended = false;
    const end = (text) => {
      if (ended) return;
      ended = true; // taking the box away makes it lose the focus
      box.replaceWith(button);
      button.focus();
      const wanted = text?.trim();
      if (wanted && wanted !== former)
        this.send("demo-step", {
          episode: this.detail.id,
          start: k > 0 ? this.detail.keyframes[k - 1] + 1 : 0,
          stop: frame + 1,
          text: wanted,
        });
    };
    box.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault(); // else it presses the button that gets the focus
      end(box.value);
    });
    box.addEventListener("blur", () => end(null));
    document.addEventListener("clap-stop", () => end(null), { once: true });
    button.replaceWith(box);
    box.focus();
    box.select();
  }

  refresh(reason) {
    this.reason = reason;
    this.toggleButton.disabled = reason !== "" || !this.detail;
    this.toggleButton.title = reason;
    for (const button of document.querySelectorAll(".r-line-tools button")) button.disabled = reason !== "";
  }

  moved(frame) {
    this.toggleButton.textContent = this.detail.keyframes.includes(frame)
      ? "Remove keyframe here"
      : "Add keyframe here";
  }
}
