// What is known of a demonstration beside its pictures: the steps at its keyframes, and the remarks of the checks.

import { el } from "../common/dom.js";
import { clock, count } from "./text.js";

export const stepAt = ({ steps }, frame) => steps.findLast(([start]) => start <= frame)?.[1] ?? "";
const sourceAt = ({ sources }, frame) => sources.findLast(([start]) => start <= frame)?.[1] ?? "";

/** The remarks of the quality checks; each leads to the first frame that it is about. */
export function findings({ findings: found }, go) {
  if (!found.length)
    return [
      el(
        "p",
        { class: "r-good" },
        "✓ The checks found nothing to remark: keyframes, jerk, old images, missing frames, joint limits, workspace.",
      ),
    ];
  return [
    el(
      "ul",
      { class: "r-findings" },
      ...found.map(({ name, sentence, frames }) =>
        el(
          "li",
          {},
          el("b", {}, `⚠ ${name[0].toUpperCase()}${name.slice(1)}`),
          el("span", {}, sentence),
          frames.length
            ? el("button", { type: "button", class: "c-mini", onclick: () => go(frames[0]) }, `Show frame ${frames[0]}`)
            : null,
        ),
      ),
    ),
  ];
}

/**
 * One line for each keyframe: where it is, and the step that ends there. `tools` adds to a line.
 * @param {(frame: number, k: number) => any[]} tools
 */
export function keyframeLines(detail, go, tools = () => []) {
  if (!detail.keyframes.length) return [el("p", { class: "c-dim" }, "There is no keyframe yet.")];
  return [
    el(
      "ol",
      { class: "r-keyframes" },
      ...detail.keyframes.map((frame, k) =>
        el(
          "li",
          { "data-frame": frame, "data-source": sourceAt(detail, frame) },
          el(
            "button",
            { type: "button", class: "r-keyframe", title: `Go to frame ${frame}`, onclick: () => go(frame) },
            el("b", {}, k + 1),
            el("span", { class: "r-when" }, clock(detail.time[frame])),
            el("span", { class: "r-step" }, stepAt(detail, frame) || "no step text"),
          ),
          ...tools(frame, k),
        ),
      ),
    ),
  ];
}

/** Everything else, as facts. */
export function about(detail) {
  const facts = [
    ["Recorded", new Date(detail.recorded * 1000).toLocaleString()],
    ["By", detail.operator || "–"],
    ["Policy", detail.policy || "–"],
    ["World", detail.world || "–"],
    ["Scene", detail.seed === null ? "no seed" : `${detail.task_key}, seed ${detail.seed}`],
    ["Rate", `${detail.rate.toFixed(1)} of ${detail.fps} frames a second`],
    ["Dropped", count(detail.dropped, "frame")],
    ["Cameras", detail.cameras.length],
    ["Name", detail.id],
  ];
  return el(
    "dl",
    { class: "c-facts r-facts" },
    ...facts.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))),
  );
}
