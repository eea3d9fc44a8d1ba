// The onlooker's camera: turned and moved by hand, set to a preset by a button or a key, or going along with the gripper.

import { el } from "../common/dom.js";
import { writing } from "../common/keys.js";
import { operating } from "../common/panels.js";
import * as T from "../three/three.clap.min.js";

const HOME = { eye: [1.72, 0.98, 1.72], target: [0.17, 0, 0.93] };
const DISTANCE = 2.2; // metres from the middle of the workspace, for the presets along an axis

const PRESETS = [
  ["front", "Front", "Look from the front, against the x axis", "1"],
  ["left", "Left", "Look from the left, against the y axis", "2"],
  ["top", "Top", "Look from above", "3"],
  ["home", "3/4", "Look from where the page began", "4"],
  ["follow", "Follow", "Go along with the gripper", "5"],
];

export const SHORTCUTS = [["1 – 4", "Scene from the front, the left, above, three-quarters"], ["5", "Scene goes along with the gripper"]];

export class SceneCamera {
  constructor(canvas, axes, { low, high }, changed) {
    this.axes = axes;
    this.centre = low.map((value, i) => (value + high[i]) / 2);
    this.following = false;
    this.changed = changed;
    this.camera = new T.PerspectiveCamera(34, 1, 0.01, 20);
    this.camera.up.set(0, 0, 1);
    this.controls = new T.OrbitControls(this.camera, canvas);
    this.controls.maxDistance = 5;
    this.controls.addEventListener("change", changed);
    this.look(HOME.eye, HOME.target);
    addEventListener("keydown", (event) => this.key(event));
  }

  buttons() {
    this.nodes = Object.fromEntries(PRESETS.map(([name, label, tip, key]) => [name, el("button", {
      type: "button", class: "c-mini", title: `${tip} (key ${key})`, "data-preset": name,
      "aria-pressed": name === "follow" ? "false" : null, onclick: () => this.preset(name),
    }, label)]));
    return Object.values(this.nodes);
  }

  key(event) {
    if (writing(event.target) || event.ctrlKey || event.metaKey || event.altKey || !operating() || document.querySelector("dialog[open]")) return;
    const preset = PRESETS.find(([, , , key]) => key === event.key);
    if (preset) this.preset(preset[0]);
  }

  preset(name) {
    if (name === "follow") return this.follow(!this.following);
    this.follow(false);
    if (name === "home") return this.look(HOME.eye, HOME.target);
    const view = this.axes.find((entry) => entry.name === name);
    const eye = [...this.centre];
    eye[view.depth_axis] -= view.depth_sign * DISTANCE;
    if (view.depth_axis === 2) eye[1] -= 0.001; // straight down has no upward direction
    this.look(eye, this.centre);
  }

  look(eye, target) {
    this.camera.position.set(...eye);
    this.controls.target.set(...target);
    this.controls.update();
    this.changed();
  }

  follow(on) {
    this.following = on;
    this.last = null;
    this.nodes?.follow.setAttribute("aria-pressed", on);
    if (on && this.position) this.move(this.position);
  }

  /** The gripper has moved: the camera moves by as much. */
  gripper(position) {
    this.position = position;
    if (this.following) this.move(position);
  }

  move(position) {
    const from = this.last ?? this.controls.target.toArray();
    for (const vector of [this.camera.position, this.controls.target]) vector.set(...vector.toArray().map((value, i) => value + position[i] - from[i]));
    this.last = position;
    this.controls.update();
    this.changed();
  }

  resize(width, height) {
    this.camera.aspect = width / height;
    this.camera.updateProjectionMatrix();
  }

  /** What a renderer's camera needs to see the same. */
  eye() {
    const { position, quaternion, fov, aspect, near, far } = this.camera;
    return { position: position.toArray(), quaternion: quaternion.toArray(), fov, aspect, near, far };
  }

  /** Projection times view, column-major, for finding points under the pointer. */
  matrix() {
    this.camera.updateMatrixWorld();
    return new T.Matrix4().multiplyMatrices(this.camera.projectionMatrix, this.camera.matrixWorldInverse).elements;
  }
}
