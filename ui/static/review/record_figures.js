// The numbers of a take, while it is recorded and while it waits to be kept.

import { el, setText } from "../common/dom.js";
import { bytes, count } from "./text.js";

const LITTLE_ROOM = 1e9; // bytes
const MANY_DROPPED = 0.01; // of the frames that were due

export const time = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;

/** @typedef {(recording: Page.Recording) => string} Figure */

/**
 * Name, what it means, its text, and whether it is a warning.
 * @type {[name: string, tip: string, text: Figure, warns?: (recording: Page.Recording) => boolean][]}
 */
const FIGURES = [
  [
    "Take",
    "How long it will play: frames come only while the arm moves",
    ({ take }) => `${time(take.seconds)}.${Math.floor((take.seconds * 10) % 10)}`,
  ],
  ["Frames", "Frames in the take", ({ take }) => take.frames.toLocaleString("en")],
  ["Size", "Bytes on the disk so far", ({ take }) => (take.bytes ? bytes(take.bytes) : "–")],
  ["Free", "Space left on the disk of the recordings", ({ free }) => bytes(free), ({ free }) => free < LITTLE_ROOM],
  [
    "Rate",
    "Measured frames a second of motion, of those wanted",
    ({ take }) => (take.rate ? `${take.rate.toFixed(1)} of ${take.wanted_rate} Hz` : "–"),
  ],
  [
    "Dropped",
    "Frames that were due and could not be made or written in time",
    ({ take }) => `${take.dropped}${take.dropped ? ` · ${(100 * share(take)).toFixed(1)} %` : ""}`,
    ({ take }) => share(take) > MANY_DROPPED,
  ],
  [
    "Keyframes",
    "Where the gripper changes or the arm stands still, and those marked by hand",
    ({ take }) => `${take.keyframes}${take.marked ? ` · ${take.marked} by hand` : ""}`,
  ],
  [
    "Moved",
    "Who commands the arm now, or last did",
    ({ take }) => ({ policy: "by the policy", human: "by hand" })[take.source],
  ],
];

const share = ({ dropped, frames }) => (dropped ? dropped / (dropped + frames) : 0);

export function showFigures(host, message) {
  if (!host.childElementCount) {
    host.append(...FIGURES.map(([name, tip]) => el("div", { title: tip }, el("dt", {}, name), el("dd"))));
  }
  FIGURES.forEach(([, , text, warns], k) => {
    const row = host.children[k];
    setText(row.querySelector("dd"), text(message));
    row.classList.toggle("c-warns", Boolean(warns?.(message)));
  });
}

/**
 * The line below: what recording costs, or where recordings lie and which is the latest.
 * @param {Page.Recording} message
 */
export function foot({ state, folder, free, episodes, last, take }) {
  if (state === "recording") {
    const held = `${take.tick_ms.toFixed(1)} ms of every 20 ms, ${take.worst_tick_ms.toFixed(0)} ms at most`;
    return take.frames ? `Recording holds the arm's control up for ${held}.` : "";
  }
  if (!folder) return "";
  const about = last && `${last.frames} frames, ${last.keyframes} keyframes, ${bytes(last.bytes)}, “${last.task}”`;
  const latest = last ? `The last one: episode ${last.number}, ${about}. ` : "";
  const names = state === "idle" ? "Name and notes go along when recordings are pushed to others. " : "";
  return `${names}${latest}${count(episodes, "episode")} in ${folder}; ${bytes(free)} free.`;
}
