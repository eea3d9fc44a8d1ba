// One figure at a time over everything below the top bar, so that Stop stays in reach. Nothing is moved in the page:
// the figure only gets another size, so that a canvas is not made anew and keeps its view.

import { iconButton } from "./permit.js";

let enlarged = null;

/** A button that enlarges `figure` and makes it small again. `name` is what the figure shows. */
export function enlargeButton(figure, name) {
  const button = iconButton("⤢", `Enlarge ${name}`, () => toggle(figure), "c-enlarge");
  figure.addEventListener("c-enlarge", ({ detail }) => {
    button.textContent = detail ? "⤡" : "⤢";
    button.title = detail ? `Make ${name} small again` : `Enlarge ${name}`;
    button.setAttribute("aria-label", button.title);
    button.setAttribute("aria-pressed", detail);
  });
  return button;
}

export function toggle(figure) {
  const former = enlarged;
  shrink();
  if (former === figure) return;
  enlarged = figure;
  set(figure, true);
}

export function shrink() {
  if (enlarged) set(enlarged, false);
  enlarged = null;
}

function set(figure, large) {
  figure.classList.toggle("c-enlarged", large);
  document.body.classList.toggle("c-has-enlarged", large);
  figure.dispatchEvent(new CustomEvent("c-enlarge", { detail: large }));
}

// Esc is Stop first of all; that listener ends the event, and this one is asked before it.
addEventListener("keydown", (event) => event.key === "Escape" && shrink(), { capture: true });
