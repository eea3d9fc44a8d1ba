// The overlay of keyboard shortcuts, by "?" or the button in the top bar; from here the tour can be seen again.

import { openDialog } from "./dialog.js";
import { el } from "./dom.js";
import { JOG_KEYS } from "../drive/jog_keys.js";

const WAYS = [
  "Forwards and back, along x",
  "To the left and right, along y",
  "Up and down, along z",
  "Roll right and left, about x",
  "Pitch up and down, about y",
  "Turn left and right, about z",
];

export class ShortcutHelp {
  /** `shortcuts`: the page's own, [keys, what they do] each. */
  constructor(shortcuts, tour) {
    this.shortcuts = shortcuts;
    this.tour = tour;
    document.getElementById("c-open-help").addEventListener("click", () => this.open());
    document.addEventListener("keydown", (event) => {
      if (event.key === "?" && !event.target.closest?.("input, textarea, select, [contenteditable=true]")) this.open();
    });
  }

  open() {
    const jog = WAYS.map((way, k) => [
      Object.values(JOG_KEYS)
        .filter(([at]) => at === k)
        .sort(([, a], [, b]) => b - a)
        .map(([, , label]) => label)
        .join(" / "),
      way,
    ]);
    openDialog({
      id: "c-help",
      title: "Keyboard",
      wide: true,
      body: [
        el(
          "div",
          { class: "c-key-columns" },
          table("Instruction, plan and scene", this.shortcuts),
          el(
            "div",
            {},
            table("Anywhere", [
              ["Esc", "Stop all motion"],
              ["Space", "Stop, outside of text fields"],
              ["?", "This list"],
              ["Tab", "Next control"],
              ["← / →", "On the tabs at the top: the next panel"],
            ]),
            table("While driving by hand", [...jog, ["G", "Open or close the gripper"], ["Shift", "Slow, while held"]]),
          ),
        ),
        el(
          "button",
          { type: "button", class: "c-small", onclick: () => this.tour.begin() },
          "Take the tour of the page",
        ),
      ],
    });
  }
}

function table(title, rows) {
  return el(
    "section",
    {},
    el("h3", {}, title),
    el(
      "dl",
      { class: "c-keys" },
      ...rows.map(([keys, text]) =>
        el("div", {}, el("dt", {}, ...keys.split(" / ").map((key) => el("kbd", {}, key))), el("dd", {}, text)),
      ),
    ),
  );
}
