// The 3D scene of a recorded frame: the cloud, and the gripper where it was. The same renderer as on Operate.

import { el } from "../common/dom.js";
import { SceneCamera } from "../scene/camera.js";
import { SceneCanvas } from "../scene/canvas.js";

const NOTHING = { target: null, own: false, keypoint: null, objects: [], pin: null, handles: null };
const SLOW_FRAME_MS = 40; // as on Operate: a machine that needs longer rests, for the sake of Stop

export class ReviewScene {
  constructor({ views, workspace }) {
    this.tools = el("div", { class: "c-scene-tools" });
    this.host = el("section", { class: "c-scene r-scene", "aria-label": "3D scene of the frame" }, this.tools);
    this.canvas = new SceneCanvas(this.host, { workspace }, (took) => this.drawn(took));
    this.eye = new SceneCamera(this.canvas.node, views, workspace, () => this.changed());
    this.canvas.node.setAttribute("aria-label", "3D scene of the frame: drag to turn, scroll to zoom");
    this.tools.append(
      el(
        "span",
        { class: "c-group", role: "group", "aria-label": "Where the recorded scene is seen from" },
        ...this.eye.buttons().filter(({ dataset }) => dataset.preset !== "follow"),
      ),
    );
    for (const button of this.tools.querySelectorAll("button")) button.title = button.title.replace(/ \(key \d\)/, "");
    new ResizeObserver(() => this.resize()).observe(this.host);
    this.now = null;
    this.rest = 0;
  }

  /** The gripper's pose in a frame: [x, y, z, qx, qy, qz, qw], and its opening. */
  pose(values, opening) {
    this.now = { position: values.slice(0, 3), quaternion: values.slice(3), opening };
    this.changed();
  }

  /** @param {Page.Binary<Protocol.SceneHeader>} message */
  scene({ data, low, high }) {
    this.fresh = { positions: data.positions, colors: data.colors, low, high };
    this.changed();
  }

  /** True once everything that has changed is on the canvas. */
  get isDrawn() {
    return !this.dirty && Boolean(this.canvas?.isFree);
  }

  changed() {
    this.dirty = true;
    if (this.asked || !this.canvas?.isFree) return;
    this.asked = true;
    setTimeout(() => requestAnimationFrame(() => this.draw()), Math.max(0, this.rest - performance.now()));
  }

  drawn(took) {
    this.rest = took > SLOW_FRAME_MS ? performance.now() + Math.min(2 * took, 500) : 0;
    if (this.dirty) this.changed();
  }

  draw() {
    this.asked = this.dirty = false;
    if (!this.size) return;
    this.canvas.draw({ ...NOTHING, size: this.size, eye: this.eye.eye(), cloud: this.fresh, now: this.now });
    this.fresh = undefined;
  }

  resize() {
    const { clientWidth: width, clientHeight: height } = this.host;
    this.size = width && height ? { width, height, ratio: Math.min(devicePixelRatio, 2) } : null;
    if (!this.size) return;
    this.eye.resize(width, height);
    this.changed();
  }
}
