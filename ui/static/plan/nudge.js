// The correction panel: the target pose moved by small steps, turned, its gripper opened or closed; handles in the scene.

import { el, setText } from "../common/dom.js";
import { distance, turned, yawOf } from "../common/geometry.js";

const $ = (id) => document.getElementById(id);
const STEPS = [["1 mm", 0.001, 1], ["5 mm", 0.005, 5], ["2 cm", 0.02, 15]]; // label, metres, degrees of yaw
const AXES = ["x", "y", "z", "yaw"];
const HANDLES = [["keypoint", "Keypoint", "translate"], ["target", "Pose", "translate"], ["target", "Turn", "rotate"]];
const NO_PLAN = "Give an instruction first; then the pose can be moved here, or the keypoint dragged in a view.";

export class Nudge {
  constructor(permit, correction, scene) {
    Object.assign(this, { permit, correction, scene });
    this.step = 1;
    this.build();
    correction.listen(() => this.show());
  }

  build() {
    this.values = AXES.map((name) => el("output", { "aria-label": name }));
    this.buttons = AXES.flatMap((name, k) => [-1, 1].map((sign) => button(sign > 0 ? "+" : "−", () => this.nudge(k, sign), {
      "data-nudge": `${name}${sign > 0 ? "+" : "-"}`, "aria-label": `${name} ${sign > 0 ? "more" : "less"}`,
    })));
    const rows = AXES.map((name, k) =>
      el("div", { class: "c-nudge-row" }, el("b", {}, name), this.buttons[2 * k], this.values[k], this.buttons[2 * k + 1]));
    this.steps = STEPS.map(([label, , degrees], k) => button(label, () => this.choose(k), {
      "aria-pressed": String(k === this.step), title: `Move by ${label}, turn by ${degrees}°`,
    }));
    this.grips = [["Open", true], ["Closed", false]].map(([label, open]) =>
      button(label, () => this.move({ gripper_open: open }), { "data-gripper": label.toLowerCase() }));
    this.handles = HANDLES.map(([what, label, mode]) => button(label, () => this.handle(what, mode, label), {
      "aria-pressed": "false", "data-handle": label.toLowerCase(), "data-what": what,
    }));
    this.back = button("↩ Back to the policy's", () => this.correction.revert(), { id: "c-nudge-back" });
    this.note = el("p", { class: "c-nudge-note", role: "status", "aria-live": "polite" });
    const group = (label, nodes) => el("div", { class: "c-nudge-group", role: "group", "aria-label": label }, el("span", {}, label), ...nodes);
    const side = [group("Step", this.steps), group("Gripper", this.grips), group("Handles", this.handles), this.back];
    $("c-nudge").replaceChildren(el("div", { class: "c-nudge-axes" }, ...rows), el("div", { class: "c-nudge-side" }, ...side), this.note);
  }

  choose(k) {
    this.step = k;
    this.steps.forEach((button, j) => button.setAttribute("aria-pressed", j === k));
  }

  nudge(k, sign) {
    const { position, quaternion } = this.correction.target;
    const [, metres, degrees] = STEPS[this.step];
    if (k === 3) return this.move({ quaternion: turned(quaternion, (sign * degrees * Math.PI) / 180) });
    this.move({ position: position.map((value, i) => (i === k ? value + sign * metres : value)) });
  }

  move(change, release = true) {
    if (this.correction.canMove) this.correction.moveTarget({ ...this.correction.target, ...change }, release);
  }

  /** Handles in the scene for the keypoint or the pose; the same button puts them away. */
  handle(what, mode, label) {
    const { gizmo } = this.scene;
    if (gizmo.user?.name === label) return this.putAway();
    gizmo.use(what === "keypoint" ? {
      name: label,
      pose: () => this.correction.keypoint && { position: this.correction.keypoint },
      moved: ({ position }) => this.correction.moveKeypoint(position, false),
      released: ({ position }) => this.correction.moveKeypoint(position, true),
      ended: () => this.showHandles(),
    } : {
      name: label,
      pose: () => this.correction.target,
      moved: (pose) => this.move(pose, false),
      released: (pose) => this.move(pose, true),
      ended: () => this.showHandles(),
    }, mode);
    this.showHandles();
  }

  putAway() {
    this.scene.gizmo?.off();
    this.showHandles();
  }

  showHandles() {
    const name = this.scene.gizmo?.user?.name;
    for (const button of this.handles) button.setAttribute("aria-pressed", String(button.textContent === name));
  }

  status(message) {
    this.message = message;
    this.show();
    const user = this.scene.gizmo?.user;
    const checking = message.state === "predicting"; // a pose just moved is being judged: the handles stay in the hand
    if (user?.name && user.name !== "drive" && !checking && !this.permit.allows(user.name === "Keypoint" ? "keypoint" : "target")) this.putAway();
  }

  linkChanged() {
    this.show();
  }

  pose() {
    if (!this.correction.prediction) this.show();
  }

  show() {
    const { target, isOwn, prediction, moving } = this.correction;
    for (const button of this.buttons) this.showMove(button, "Move the pose; it passes the same checks");
    for (const button of this.grips) {
      this.showMove(button, "The gripper at the end of the step");
      button.setAttribute("aria-pressed", String(Boolean(target) && target.gripper_open === (button.dataset.gripper === "open")));
    }
    for (const button of this.handles) this.permit.show(button, button.dataset.what, `Handles in the scene: ${button.textContent.toLowerCase()}`);
    this.permit.show(this.back, "revert", "Drop your correction");
    const texts = target ? [...target.position.map((value) => `${value.toFixed(3)} m`), `${yawOf(target.quaternion).toFixed(0)}°`] : [];
    this.values.forEach((node, k) => setText(node, texts[k]?.replace("-", "−") ?? "–"));
    $("c-nudge").dataset.own = String(isOwn);
    setText(this.note, !target || !(this.message?.plan.length || this.permit.allows("target")) ? NO_PLAN
      : moving ? "Moved by you; being checked …"
      : isOwn ? this.ownNote(prediction, target)
      : prediction ? "The policy's pose. Nudge it here, or drag the keypoint in a view."
      : "No prediction: nudging starts where the gripper is.");
  }

  /** While the pose before is being checked, the buttons go on working: what they add is checked after it. */
  showMove(button, tip) {
    this.permit.show(button, "target", tip);
    if (!this.correction.canMove) return;
    button.disabled = false;
    button.title = tip;
  }

  ownNote({ source }, { position }) {
    const away = 100 * distance(position, this.correction.gripper?.position ?? position);
    return `Yours${source === "human keypoint" ? ": predicted again around your keypoint" : ""}. ${away.toFixed(1)} cm from the gripper.`;
  }
}

const button = (label, onclick, attributes) => el("button", { type: "button", class: "c-mini", onclick, ...attributes }, label);
