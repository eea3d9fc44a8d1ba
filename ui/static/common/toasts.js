// Short messages in the corner under Stop, for what somebody else did; read aloud, and gone by themselves.

import { el } from "./dom.js";

const STAY_MS = 6000;

/**
 * Show a sentence (text or an element), with buttons if `actions` ([label, function] each) are given. Returns a
 * function that removes it.
 */
export function toast(sentence, { actions = [], stay = STAY_MS, tone = "info" } = {}) {
  const remove = () => {
    clearTimeout(timer);
    note.remove();
  };
  const note = el(
    "div",
    { class: "c-toast", "data-tone": tone },
    el("span", {}, sentence),
    ...actions.map(([label, act]) =>
      el(
        "button",
        {
          type: "button",
          class: "c-small",
          onclick: () => {
            remove();
            act();
          },
        },
        label,
      ),
    ),
  );
  const host = document.getElementById("c-toasts");
  // Said again, not twice.
  for (const same of [...host.children]) if (same.textContent === note.textContent) same.remove();
  host.append(note);
  const timer = stay === null ? null : setTimeout(remove, stay);
  return remove;
}
