// The Training panel: how the checkpoint in use was trained.

import { el } from "./dom.js";
import { ResultsPanel } from "./results_panel.js";

const AXES = [["minutes", "CPU time"], ["samples", "samples seen"]];

export class TrainingPanel {
  constructor() {
    this.against = "minutes";
    this.panel = new ResultsPanel("training", "Training", () => `/clap/training?against=${this.against}`, (found) => this.axes(found));
  }

  axes({ has_curves, against }) {
    if (!has_curves) return [];
    return [el("fieldset", { class: "c-choices" }, el("legend", {}, "Curves over"), ...AXES.map(([key, label]) => el("label", {},
      el("input", { type: "radio", name: "c-against", value: key, "data-keep": key, checked: key === against, onchange: () => {
        this.against = key;
        this.panel.load();
      } }), el("span", {}, label))))];
  }
}
