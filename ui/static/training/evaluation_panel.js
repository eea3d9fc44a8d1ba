// The Evaluation panel: which evaluations are shown, and beside which others.

import { el } from "../common/dom.js";
import { ResultsPanel } from "./results_panel.js";

export class EvaluationPanel {
  constructor() {
    this.keys = [];
    this.panel = new ResultsPanel(
      "evaluation",
      "Evaluation",
      () => this.address(),
      (found) => this.choices(found),
    );
  }

  address() {
    return `/clap/evaluation?${new URLSearchParams(this.keys.map((key) => ["run", key]))}`;
  }

  choices({ choices, most }) {
    if (!choices.length) return [];
    if (choices.length === 1) return [el("p", { class: "c-dim" }, `${choices[0].label} · ${choices[0].about}`)];
    const full = choices.filter(({ chosen }) => chosen).length >= most;
    const boxes = choices.map(({ key, label, about, chosen }) =>
      el(
        "label",
        {},
        el("input", {
          type: "checkbox",
          checked: chosen,
          value: key,
          "data-keep": key,
          disabled: full && !chosen,
          onchange: () => this.choose(boxes),
        }),
        el("span", {}, label),
        el("small", { class: "c-dim" }, about),
      ),
    );
    return [
      el("fieldset", { class: "c-choices" }, el("legend", {}, `Evaluations, up to ${most} side by side`), ...boxes),
    ];
  }

  choose(boxes) {
    this.keys = boxes
      .map((box) => box.querySelector("input"))
      .filter((input) => input.checked)
      .map((input) => input.value);
    this.panel.load();
  }
}
