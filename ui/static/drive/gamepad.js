// A gamepad by the browser's Gamepad API, in the standard layout.

const DEAD_ZONE = 0.15; // worn sticks rest up to here from their centre
const TRIGGER = 0.5;
const [A, B, LEFT_BUMPER, LEFT_TRIGGER, RIGHT_TRIGGER, START, UP, DOWN, LEFT, RIGHT] = [
  0, 1, 4, 6, 7, 9, 12, 13, 14, 15,
];

export const GAMEPAD_HELP =
  "Left stick: x and y. Right stick: z and yaw. Cross: pitch and roll. Right trigger closes the " +
  "gripper, left one opens it. Left bumper: slow. B or Start: Stop.";

export class Gamepad {
  constructor({ changed, lost, stop, gripper }) {
    this.handlers = { stop, gripper };
    this.down = new Set();
    this.index = null;
    addEventListener("gamepadconnected", (event) => {
      this.index = event.gamepad.index;
      changed(event.gamepad.id);
    });
    addEventListener("gamepaddisconnected", (event) => {
      if (event.gamepad.index !== this.index) return;
      this.index = null;
      this.down.clear();
      changed(null);
      lost();
    });
  }

  /** {axes: six values from -1 to 1, slow}; null without a gamepad. Also tells of buttons newly pressed. */
  read() {
    const pad = this.index === null ? null : navigator.getGamepads()[this.index];
    if (!pad) return null;
    this.buttons(pad);
    const stick = (k) => beyondDeadZone(pad.axes[k] ?? 0);
    const held = (k) => (pad.buttons[k]?.pressed ? 1 : 0);
    return {
      axes: [-stick(1), -stick(0), -stick(3), held(RIGHT) - held(LEFT), held(UP) - held(DOWN), -stick(2)],
      slow: held(LEFT_BUMPER) === 1,
    };
  }

  buttons(pad) {
    const actions = {
      [RIGHT_TRIGGER]: () => this.handlers.gripper("close"),
      [LEFT_TRIGGER]: () => this.handlers.gripper("open"),
      [A]: () => this.handlers.gripper(null),
      [B]: this.handlers.stop,
      [START]: this.handlers.stop,
    };
    for (const [key, act] of Object.entries(actions)) {
      const now = (pad.buttons[key]?.value ?? 0) > TRIGGER;
      if (now && !this.down.has(key)) act();
      if (now) this.down.add(key);
      else this.down.delete(key);
    }
  }
}

/** Zero inside the dead zone, then rising from zero, so that a small push is a small speed. */
function beyondDeadZone(value) {
  const size = Math.max(0, Math.abs(value) - DEAD_ZONE) / (1 - DEAD_ZONE);
  return Math.sign(value) * Math.min(1, size);
}
