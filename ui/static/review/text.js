// How demonstrations are told in words: outcomes, sources, times, sizes, findings.

import { el } from "../common/dom.js";

export const OUTCOMES = { success: "succeeded", partial: "partly", failure: "failed", unknown: "not judged" };
export const SOURCES = { policy: "policy", human: "by hand", mixed: "mixed" };
const SIGNS = { success: "✓", partial: "◐", failure: "✕", unknown: "?" };

export const outcomeChip = (outcome) =>
  el("span", { class: "r-chip", "data-outcome": outcome }, `${SIGNS[outcome] ?? "?"} ${OUTCOMES[outcome] ?? outcome}`);
export const sourceChip = (source) =>
  el("span", { class: "r-chip", "data-source": source, title: SOURCE_TIPS[source] ?? "" }, SOURCES[source] ?? source);

const SOURCE_TIPS = {
  policy: "A policy commanded the arm in all frames",
  human: "A person commanded the arm in all frames",
  mixed: "A policy commanded the arm, and a person corrected it",
};

export const count = (number, one, many = `${one}s`) => `${number.toLocaleString("en")} ${number === 1 ? one : many}`;

export function bytes(size) {
  return size < 1e6
    ? `${Math.max(1, Math.round(size / 1e3))} kB`
    : size < 1e9
      ? `${(size / 1e6).toFixed(size < 1e7 ? 1 : 0)} MB`
      : `${(size / 1e9).toFixed(1)} GB`;
}

export const clock = (seconds) => `${Math.floor(seconds / 60)}:${(seconds % 60).toFixed(2).padStart(5, "0")}`;

/** When something was recorded (seconds since 1970), as people say it where the browser is. */
export function when(seconds) {
  const date = new Date(seconds * 1000);
  const time = date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  return date.toDateString() === new Date().toDateString()
    ? `today ${time}`
    : `${date.toLocaleDateString([], { year: "numeric", month: "short", day: "numeric" })} ${time}`;
}

/** A demonstration's facts in one line. */
export function facts({ frames, seconds, keyframes, operator, recorded }) {
  return [
    count(frames, "frame"),
    `${seconds.toFixed(1)} s`,
    count(keyframes.length, "keyframe"),
    operator || null,
    when(recorded),
  ]
    .filter(Boolean)
    .join(" · ");
}
