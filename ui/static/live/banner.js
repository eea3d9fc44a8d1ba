// The banner under the top bar: one message at a time, with what to do next; it can be closed.

import { el } from "../common/dom.js";

const $ = (id) => document.getElementById(id);

export class Banner {
  constructor() {
    this.shown = null;
    this.closed = null;
    const notices = $("c-notices");
    new ResizeObserver(() =>
      document.documentElement.style.setProperty("--c-banner-height", `${notices.offsetHeight}px`),
    ).observe(notices);
  }

  /** @param {Protocol.Hello} message */
  hello({ notice }) {
    this.notice = notice;
    if (this.shown?.startsWith("world lost")) this.hide();
  }

  /** @param {Protocol.Status} message */
  status(message) {
    const { failure, camera_fault } = message;
    if (message.arm_fault)
      this.hide(); // recovery.js says what that is
    else if (failure)
      this.show(
        "bad",
        failure.name,
        failure.sentence,
        failure.next_move,
        `failure ${message.instruction} ${failure.sentence}`,
      );
    else if (message.state === "done" && message.success)
      this.show("good", "success", "The goal is reached.", "", `done ${message.steps_done} ${message.instruction}`);
    else if (message.state === "done" && message.success === false)
      this.show(
        "warn",
        "goal not reached",
        "The policy says it is finished, but the goal does not hold.",
        "Reset the scene and try again.",
        `done ${message.steps_done}`,
      );
    else if (message.state === "stopped")
      this.show("bad", "stopped", "All motion was stopped.", message.hint.replace(/^Stopped\. /, ""), "stopped");
    else if (camera_fault)
      this.show(
        "warn",
        camera_fault.name,
        camera_fault.sentence,
        camera_fault.next_move,
        `camera_fault ${camera_fault.name}`,
      );
    else if (this.notice) this.show("warn", "note", this.notice, "", "notice");
    else this.hide();
  }

  worldLost({ sentence }) {
    this.show("bad", "the world was lost", sentence, "", `world lost ${Date.now()}`);
  }

  stopUnconfirmed() {
    this.closed = null;
    this.show(
      "bad",
      "stop was not confirmed",
      "The console did not answer to Stop.",
      "Use the robot's own emergency stop.",
      `no stop ${Date.now()}`,
    );
  }

  show(tone, name, sentence, next, key) {
    if (this.closed === key || (this.shown === key && !$("c-banner").hidden)) return;
    this.shown = key;
    this.closed = null;
    const close = el(
      "button",
      {
        type: "button",
        class: "c-close",
        "aria-label": "Close this message",
        onclick: () => {
          this.closed = key;
          if (key === "notice") this.notice = "";
          this.hide();
        },
      },
      "×",
    );
    $("c-banner").replaceChildren(
      el("b", {}, name),
      el("span", {}, sentence),
      next ? el("em", {}, `→ ${next}`) : "",
      close,
    );
    $("c-banner").dataset.tone = tone;
    $("c-banner").hidden = false;
  }

  hide() {
    $("c-banner").hidden = true;
    this.shown = null;
  }
}
