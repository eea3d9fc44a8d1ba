// The verdict before approval: one mark with its value for each check; all sentences in a panel.

import { el, setText } from "../common/dom.js";

const $ = (id) => document.getElementById(id);
const SHORT = {
  "valid pose": "pose",
  "in workspace": "workspace",
  reachable: "reach",
  "above table": "height",
  "in zoom window": "zoom box",
  distance: "distance",
  speed: "speed",
  "fresh frames": "frame age",
  "views agree": "agreement",
};
const HEADS = { allow: "✓ Passed", ask: "? Look", refuse: "✗ Refused" };

export class Checks {
  constructor() {
    $("c-verdict-more").addEventListener("click", () => this.open($("c-verdict-list").hidden));
    document.addEventListener("pointerdown", (event) => !event.target.closest("#c-verdict") && this.open(false));
    addEventListener("keydown", (event) => event.key === "Escape" && this.open(false), { capture: true });
  }

  show(verdict) {
    const shown = JSON.stringify(verdict);
    if (shown === this.shown) return;
    this.shown = shown;
    $("c-verdict").dataset.decision = verdict?.decision ?? "none";
    $("c-verdict-more").disabled = !verdict;
    $("c-verdict-more").title = verdict
      ? "Every check with its sentence"
      : "There is nothing to check yet: press Predict";
    setText($("c-verdict-head"), verdict ? HEADS[verdict.decision] : "Checks");
    const checks = verdict?.checks ?? [];
    const none = el(
      "li",
      { class: "c-check-none" },
      "Workspace, reach, distance, speed and more appear here after Predict.",
    );
    $("c-checks").replaceChildren(...(verdict ? checks.map(item) : [none]));
    $("c-verdict-list").replaceChildren(
      ...checks.map((check) =>
        el(
          "li",
          { class: check.ok ? "c-passed" : "c-not-passed" },
          el("b", {}, `${check.ok ? "✓" : "✗"} ${SHORT[check.name] ?? check.name}`),
          el("span", {}, check.sentence),
        ),
      ),
    );
    if (!verdict) this.open(false);
  }

  open(wanted) {
    $("c-verdict-list").hidden = !wanted;
    $("c-verdict-more").setAttribute("aria-expanded", wanted);
  }
}

function item(check) {
  return el(
    "li",
    { class: check.ok ? "c-passed" : "c-not-passed", title: check.sentence, "data-check": check.name },
    `${check.ok ? "✓" : "✗"} ${SHORT[check.name] ?? check.name}`,
    el("span", {}, value(check.sentence)),
  );
}

/** The figure of a check, with its unit, from its sentence. */
function value(sentence) {
  const found = sentence.match(/(-?\d+(?:\.\d+)?) ?(cm a second|cm|mm|px|m|s)\b/);
  return found ? `${found[1]} ${found[2].replace(" a second", "/s")}` : "";
}
