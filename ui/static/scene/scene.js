// The live 3D scene. The canvas is made once; the operator's camera is never touched by an update.

import { el, setText } from "../common/dom.js";
import { enlargeButton } from "../common/enlarge.js";
import { relevance } from "../plan/relevance.js";
import { SceneCamera } from "./camera.js";
import { SceneCanvas } from "./canvas.js";
import { SceneGizmo } from "./gizmo.js";
import { SceneLabels } from "./labels.js";
import { SceneProbe } from "./probe.js";

const SLOW_FRAME_MS = 40; // a machine that needs longer rests twice as long after each frame, for the sake of Stop
const MAX_REST_MS = 500;

export class LiveScene {
  /** @param {import("../common/permit.js").Permit} permit */
  constructor(permit, correction, cloud) {
    this.permit = permit;
    window.__clap.scene = this;
    this.host = document.querySelector("#c-scene section");
    this.correction = correction;
    this.cloud = cloud;
    this.told = null;
    this.now = null;
    this.rest = 0;
    correction.listen(() => this.redraw());
    setInterval(() => this.showAge(), 500);
  }

  /** @param {Protocol.Hello} message */
  hello({ views, workspace }) {
    if (this.canvas) return; // the canvas and the operator's view outlive a lost link
    window.__clap.canvasMounts = (window.__clap.canvasMounts ?? 0) + 1;
    this.canvas = new SceneCanvas(this.host, { workspace }, (took) => this.drawn(took));
    const { node } = this.canvas;
    const changed = () => this.changed();
    this.eye = new SceneCamera(node, views, workspace, changed);
    this.camera = this.eye.camera;
    this.labels = new SceneLabels(this.host);
    this.probe = new SceneProbe(this.host, node, this.cloud, this.eye, changed);
    this.gizmo = new SceneGizmo(this.camera, node, this.eye.controls, changed);
    const presets = el(
      "span",
      { class: "c-group", role: "group", "aria-label": "Where the scene is seen from" },
      ...this.eye.buttons(),
    );
    this.host.querySelector("#c-scene-tools").append(presets, enlargeButton(this.host, "the scene"));
    new ResizeObserver(() => this.resize()).observe(this.host);
  }

  // When a frame is drawn: at the pace the machine can hold, for without a GPU one may take longer than one may see.

  changed() {
    this.dirty = true;
    if (this.asked || !this.canvas.isFree) return;
    this.asked = true;
    const frame = () => requestAnimationFrame(() => this.draw());
    const wait = this.rest - performance.now();
    if (wait > 0) setTimeout(frame, wait);
    else frame();
  }

  drawn(took) {
    this.rest = took > SLOW_FRAME_MS ? performance.now() + Math.min(2 * took, MAX_REST_MS) : 0;
    if (this.dirty) this.changed();
  }

  draw() {
    this.asked = this.dirty = false;
    if (!this.size) return;
    this.canvas.draw(this.frame());
    this.fresh = undefined;
    this.labels.place(this.camera, this.size);
  }

  /** True once everything that has changed is on the canvas. */
  get isDrawn() {
    return !this.dirty && this.canvas.isFree;
  }

  /** All that is to be seen; a cloud only where it is another one than in the frame before. */
  frame() {
    const { prediction, keypoint, target, isOwn, moving } = this.correction;
    return {
      size: this.size,
      eye: this.eye.eye(),
      cloud: this.fresh,
      now: this.now,
      target:
        prediction || moving?.target ? { ...target, ...this.previewed, opening: target.gripper_open ? 1 : 0 } : null,
      own: isOwn,
      keypoint: prediction ? keypoint : null,
      objects: this.objects().map(({ position, relevant }) => ({ position, relevant })),
      pin: this.probe.pin,
      handles: this.gizmo.shown(),
    };
  }

  // What there is to see

  objects() {
    return (this.correction.prediction?.objects ?? []).map((item) => ({
      ...item,
      relevant: this.isRelevant(item.name),
    }));
  }

  /** @param {Page.Binary<Protocol.SceneHeader>} header */
  scene(header) {
    this.told = performance.now();
    setText(
      document.querySelector("#c-cloud"),
      `${header.points.toLocaleString("en")} points seen, ${header.shown.toLocaleString("en")} drawn`,
    );
    const { positions, colors } = header.data;
    this.fresh = { positions, colors, low: header.low, high: header.high };
    this.changed();
  }

  /** @param {Protocol.GripperPose} pose */
  pose(pose) {
    this.now = pose;
    this.eye.gripper(pose.position);
    this.gizmo.follow();
    this.changed();
  }

  /** Where the ghost is on its way {position, quaternion}; null: at its end. */
  preview(pose) {
    this.previewed = pose;
    this.changed();
  }

  /** @param {Protocol.Status} message */
  status(message) {
    this.isRelevant = relevance(message);
    this.gizmo.drive(Boolean(message.driving && this.permit.mine), () => this.correction.gripper);
    const shown = JSON.stringify([message.prediction, message.plan, message.instruction]);
    if (shown === this.shown) return;
    this.shown = shown;
    this.redraw();
  }

  redraw() {
    if (!this.canvas || !this.isRelevant) return;
    const { prediction, keypoint, isOwn } = this.correction;
    const names = this.objects().map((item) => [item.name, item.position, item.relevant ? "" : "c-label-dim"]);
    this.labels.show(prediction ? [...names, [isOwn ? "keypoint · yours" : "keypoint", keypoint, "c-label-key"]] : []);
    this.gizmo.follow();
    this.changed();
  }

  /** @param {import("../live/link.js").Link} link */
  linkChanged({ ready, worldLost }) {
    this.connected = ready;
    this.worldLost = worldLost;
    this.showAge();
  }

  showAge() {
    const stale = document.querySelector("#c-stale");
    stale.hidden = this.connected !== false || this.told === null;
    if (stale.hidden) return;
    const age = (performance.now() - this.told) / 1000;
    setText(stale, `${this.worldLost ? "World lost" : "Not connected"} · last picture ${age.toFixed(1)} s ago`);
  }

  resize() {
    const { clientWidth: width, clientHeight: height } = this.host;
    // Nothing is drawn behind another panel.
    this.size = width && height ? { width, height, ratio: Math.min(devicePixelRatio, 2) } : null;
    if (!this.size) return;
    this.eye.resize(width, height);
    this.rest = 0; // at once: until then the canvas shows the frame before, stretched
    this.changed();
  }
}
