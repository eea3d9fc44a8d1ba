// What the planner writes, in the plan card, while it writes: the round under way, its newest words in sight.

import { setText } from "../common/dom.js";

const ROUNDS = {
  look: "Detecting: what is on the table",
  plan: "Planning: instruction to steps",
  reason: "Locating: views to step and keypoint",
};
const LINGER_MS = 900; // long enough to be read where a round takes a blink

let former = {};
let shownUntil = 0;

export function followWriting({ texts, state }) {
  const grown = Object.keys(ROUNDS)
    .filter((round) => texts[round] && texts[round] !== former[round])
    .pop();
  former = { ...texts };
  const card = document.getElementById("c-writing");
  if (grown) {
    setText(card.querySelector("b"), ROUNDS[grown]);
    setText(card.querySelector("pre"), texts[grown]);
    card.querySelector("pre").scrollTop = 1e6;
    shownUntil = performance.now() + LINGER_MS;
    setTimeout(() => {
      if (performance.now() >= shownUntil && !card.dataset.busy) card.hidden = true;
    }, LINGER_MS + 20);
  }
  card.dataset.busy = state === "planning" || state === "predicting" ? "true" : "";
  if (state === "failed" || state === "stopped") card.hidden = true;
  else if (grown) card.hidden = false;
  else if (!card.dataset.busy && performance.now() >= shownUntil) card.hidden = true;
}
