// Which keys drive the robot. Codes name places on the keyboard, so the map is the same on every layout.

import { writing } from "../common/keys.js";

/**
 * Key code to [axis, sign, label]; axes 0-2 move along world x, y, z, axes 3-5 turn about them.
 * @type {Record<string, [axis: number, sign: number, label: string]>}
 */
export const JOG_KEYS = {
  KeyW: [0, 1, "W"],
  KeyS: [0, -1, "S"],
  KeyA: [1, 1, "A"],
  KeyD: [1, -1, "D"],
  KeyR: [2, 1, "R"],
  KeyF: [2, -1, "F"],
  KeyQ: [3, -1, "Q"],
  KeyE: [3, 1, "E"],
  ArrowUp: [4, 1, "↑"],
  ArrowDown: [4, -1, "↓"],
  ArrowLeft: [5, 1, "←"],
  ArrowRight: [5, -1, "→"],
};
export const GRIPPER_KEY = "KeyG";

const OWN_ARROWS = "[type=range], [type=radio], [role=tab]"; // controls that arrow keys move through

/** The held keys as six values of -1, 0 or 1. Shift means slow. */
export class JogKeys {
  constructor({ active, gripper }) {
    this.held = new Set();
    this.slow = false;
    addEventListener(
      "keydown",
      (event) => {
        this.slow = event.shiftKey;
        const ours = event.code in JOG_KEYS || event.code === GRIPPER_KEY;
        if (!ours || !active() || event.ctrlKey || event.metaKey || event.altKey || writing(event.target)) return;
        if (event.code.startsWith("Arrow") && event.target.closest?.(OWN_ARROWS)) return;
        event.preventDefault();
        event.stopImmediatePropagation(); // no shortcut of the page may act on a key that drives
        if (event.code === GRIPPER_KEY) {
          if (!event.repeat) gripper();
        } else this.held.add(event.code);
      },
      { capture: true },
    );
    addEventListener(
      "keyup",
      (event) => {
        this.slow = event.shiftKey;
        this.held.delete(event.code);
      },
      { capture: true },
    );
  }

  axes() {
    const axes = [0, 0, 0, 0, 0, 0];
    for (const code of this.held) axes[JOG_KEYS[code][0]] += JOG_KEYS[code][1];
    return axes;
  }

  clear() {
    this.held.clear();
    this.slow = false;
  }
}
