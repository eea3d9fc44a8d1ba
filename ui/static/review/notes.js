// What the panel says where nothing is recorded yet, and beside the sample.

import { el } from "../common/dom.js";
import { showPanel } from "../common/panels.js";

/** Nothing is recorded yet: how the first demonstration comes about, or why none can. */
export function emptyNote(records) {
  return el(
    "div",
    { class: "c-empty-state", id: "r-empty", role: "status" },
    el(
      "p",
      {},
      el("b", {}, "No demonstration is recorded yet. "),
      records
        ? "On Operate, set a scene up, press Record, then let the policy run or drive the arm by hand; end " +
            "the take and keep it. It appears here by itself."
        : "This console was started without a folder for recordings, so nothing can be recorded.",
    ),
    el(
      "p",
      {},
      el("button", { type: "button", class: "c-small", onclick: () => showPanel("operate") }, "Go to Operate"),
    ),
  );
}

/** These are the sample that ships. */
export function sampleNote(editor, back, toggle) {
  return el(
    "div",
    { class: "r-sample", id: "r-sample", role: "status" },
    el("span", {}, el("b", {}, "Sample set. "), "These few takes ship with the console and cannot be changed."),
    editor.copySample,
    back ? el("button", { type: "button", class: "c-small", onclick: toggle }, "Back to the recordings") : null,
  );
}
