// The samples of a calibration with what is left of each, what they lack, and the result.

import { el, setText } from "../common/dom.js";
import { iconButton } from "../common/permit.js";

const COLUMNS = ["Sample", "Corners", "px", "mm", "°", ""];
const number = (value, digits) => (value === undefined ? "–" : value.toFixed(digits));

export class CalibrationSamples {
  /** `remove` is called with the name of a sample. */
  constructor(remove) {
    this.remove = remove;
    this.body = el("tbody", {});
    this.list = el(
      "div",
      {
        class: "c-table c-calibration-samples",
        tabindex: "0",
        role: "region",
        "aria-label": "Samples and what is left of each",
      },
      el(
        "table",
        {},
        el(
          "thead",
          {},
          el(
            "tr",
            {},
            ...COLUMNS.map((title) => el("th", { scope: "col" }, title || el("span", { class: "c-unseen" }, "Remove"))),
          ),
        ),
        this.body,
      ),
    );
    this.words = el("p", { id: "c-calibration-words", role: "status" });
    this.result = el("div", { id: "c-calibration-result", role: "status", hidden: true });
  }

  show({ samples, lacks, result }) {
    const shown = JSON.stringify(samples);
    if (this.shown !== shown) {
      this.shown = shown;
      this.body.replaceChildren(...samples.map((sample) => this.row(sample)));
      if (!samples.length)
        this.body.append(el("tr", {}, el("td", { colspan: COLUMNS.length, class: "c-dim" }, "None yet.")));
      else if (samples.length > (this.count ?? 0)) this.list.scrollTop = this.list.scrollHeight;
      this.count = samples.length;
    }
    const more = samples.length < 12 ? " 12 to 15 are better." : "";
    const enough = result ? "" : `${samples.length} samples that differ enough: press Calibrate.${more}`;
    setText(this.words, lacks ? `${lacks.sentence} ${lacks.next_move}` : enough);
    this.words.dataset.tone = lacks ? "warn" : "good";
    this.words.hidden = !this.words.textContent;
    this.showResult(result);
  }

  row({ name, corners, pixels, mm, degrees, outlier }) {
    const title = String(Number.parseInt(name, 10) + 1);
    return el(
      "tr",
      { class: outlier ? "c-outlier" : null, title: outlier ? "Left out: it contradicts the others" : null },
      el("th", { scope: "row" }, title, outlier ? " (left out)" : ""),
      el("td", {}, String(corners)),
      el("td", {}, number(pixels, 2)),
      el("td", {}, number(mm, 1)),
      el("td", {}, number(degrees, 2)),
      el(
        "td",
        {},
        iconButton("✕", `Remove sample ${title}`, () => this.remove(name), "c-calibration-remove"),
      ),
    );
  }

  showResult(result) {
    this.result.hidden = !result;
    if (!result) return;
    const { mm, degrees, pixels, change, warnings, saved } = result;
    const facts = [
      ["Certain to", `${mm.toFixed(1)} mm, ${degrees.toFixed(2)}°`],
      ["Residual", `${pixels.toFixed(2)} px`],
      [
        "From where it counted as being",
        change ? `${change.mm.toFixed(1)} mm, ${change.degrees.toFixed(2)}°` : "not known until now",
      ],
    ];
    this.result.replaceChildren(
      el(
        "dl",
        { class: "c-facts" },
        ...facts.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))),
      ),
      ...warnings.map((sentence) => el("p", { "data-tone": "warn" }, sentence)),
      saved
        ? el(
            "p",
            { "data-tone": "good" },
            "Saved, and in use from now on. Older files are kept. ",
            el("code", {}, saved),
          )
        : el(
            "p",
            {},
            "Look at the picture: the model has to lie on the robot, and the workspace where you meant it. Then " +
              "press Save.",
          ),
    );
  }

  allow(refusal) {
    for (const button of this.body.querySelectorAll("button")) button.disabled = refusal !== "";
  }
}
