// The scrubber: a slider with the keyframes and who commanded above it, and the buttons to play and to step.

import { el, setText } from "../common/dom.js";
import { iconButton } from "../common/permit.js";
import { clock } from "./text.js";

export class ReviewTimeline {
  constructor(act) {
    this.act = act;
    this.marks = el("div", { class: "r-marks", "aria-hidden": "true" });
    this.slider = el("input", {
      type: "range",
      id: "r-slider",
      min: 0,
      step: 1,
      "aria-label": "Frame",
      oninput: () => act("go", Number(this.slider.value)),
    });
    this.playButton = iconButton("▶", "Play (P)", () => act("toggle"), "r-play");
    this.place = el("output", { class: "r-place" });
    this.node = el(
      "section",
      { class: "c-section r-timeline", "aria-label": "Time line" },
      el("div", { class: "r-track" }, this.marks, this.slider),
      el(
        "div",
        { class: "r-buttons" },
        iconButton("|‹", "Keyframe before (↑)", () => act("toKeyframe", -1)),
        iconButton("‹", "Frame before (←)", () => act("step", -1)),
        this.playButton,
        iconButton("›", "Next frame (→)", () => act("step", 1)),
        iconButton("›|", "Next keyframe (↓)", () => act("toKeyframe", 1)),
        this.place,
      ),
    );
    this.playButton.setAttribute("aria-pressed", "false");
  }

  open(detail) {
    this.detail = detail;
    this.slider.max = detail.frames - 1;
    const share = (frame) => `calc(8px + (100% - 16px) * ${detail.frames > 1 ? frame / (detail.frames - 1) : 0})`;
    const byHand = detail.sources.flatMap(([start, source], k) =>
      source === "human" ? [[start, detail.sources[k + 1]?.[0] ?? detail.frames - 1]] : [],
    );
    const length = (frames) => `calc((100% - 16px) * ${frames / Math.max(1, detail.frames - 1)})`;
    this.marks.replaceChildren(
      ...byHand.map(([start, stop]) =>
        el("i", { class: "r-by-hand", style: `left: ${share(start)}; width: ${length(stop - start)}` }),
      ),
      ...detail.keyframes.map((frame) =>
        el("button", {
          type: "button",
          tabindex: "-1",
          class: "r-mark",
          "data-frame": frame,
          title: `Keyframe at frame ${frame}`,
          style: `left: ${share(frame)}`,
          onclick: () => this.act("go", frame),
        }),
      ),
    );
    this.move(Number(this.slider.value));
  }

  move(frame) {
    this.slider.value = frame;
    const { frames, time, keyframes, steps } = this.detail;
    const at = keyframes.indexOf(frame);
    const step = steps.findLast(([start]) => start <= frame)?.[1] ?? "";
    const said = [`frame ${frame} of ${frames}`, clock(time[frame]), at >= 0 ? `keyframe ${at + 1}` : "", step];
    this.slider.setAttribute("aria-valuetext", said.filter(Boolean).join(", "));
    setText(
      this.place,
      `frame ${frame} / ${frames - 1} · ${clock(time[frame])}${at >= 0 ? ` · keyframe ${at + 1}` : ""}`,
    );
    for (const mark of this.marks.querySelectorAll(".r-mark"))
      mark.classList.toggle("r-here", Number(mark.dataset.frame) === frame);
  }

  play(on) {
    this.playButton.textContent = on ? "❚❚" : "▶";
    this.playButton.title = on ? "Pause (P)" : "Play (P)";
    this.playButton.setAttribute("aria-label", this.playButton.title);
    this.playButton.setAttribute("aria-pressed", on);
  }
}
