// The Training panel: retraining from demonstrations, and how the checkpoint that the console began with was trained.

import { el } from "../common/dom.js";
import { ResultsPanel } from "./results_panel.js";

const AXES = [
  ["minutes", "CPU time"],
  ["samples", "samples seen"],
];

export class TrainingPanel {
  /** `retraining` is the card that stands above the rest. */
  constructor(retraining) {
    this.retraining = retraining;
    this.against = "minutes";
    this.panel = new ResultsPanel(
      "training",
      "Training",
      () => `/clap/training?against=${this.against}`,
      (found) => this.axes(found),
    );
  }

  axes({ has_curves, against }) {
    if (!has_curves) return [this.retraining.node];
    return [
      this.retraining.node,
      el(
        "fieldset",
        { class: "c-choices" },
        el("legend", {}, "Curves over"),
        ...AXES.map(([key, label]) =>
          el(
            "label",
            {},
            el("input", {
              type: "radio",
              name: "c-against",
              value: key,
              "data-keep": key,
              checked: key === against,
              onchange: () => {
                this.against = key;
                this.panel.load();
              },
            }),
            el("span", {}, label),
          ),
        ),
      ),
    ];
  }
}
