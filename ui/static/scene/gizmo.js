// Handles in the scene that move a pose. Who uses them says where they begin and what each movement means.

import * as T from "../three/three.clap.min.js";

export const HANDLES = { space: "world", size: 0.8 };

export class SceneGizmo {
  constructor(camera, canvas, orbit, changed) {
    this.space = new T.Scene();
    this.proxy = new T.Object3D();
    this.handles = Object.assign(new T.TransformControls(camera, canvas), HANDLES);
    this.helper = this.handles.getHelper();
    this.space.add(this.proxy, this.helper);
    this.helper.visible = false;
    this.changed = changed;
    this.user = null;
    this.handles.addEventListener("change", changed);
    this.handles.addEventListener("dragging-changed", ({ value }) => {
      orbit.enabled = !value;
      this.dragging = value;
      if (!value) this.user?.released(this.pose());
    });
    this.handles.addEventListener("objectChange", () => this.user?.moved(this.pose()));
  }

  /**
   * Begin: `user` has pose() for where the handles stand, moved(pose), released(pose) and ended() when another begins.
   */
  use(user, mode = "translate") {
    if (this.user && this.user !== user) this.user.ended?.();
    this.user = user;
    this.handles.setMode(mode);
    this.handles.showX = this.handles.showY = mode === "translate";
    this.handles.attach(this.proxy);
    this.helper.visible = true;
    this.follow();
  }

  off() {
    const former = this.user;
    this.user = null;
    this.handles.detach();
    this.helper.visible = false;
    former?.ended?.();
    this.changed();
  }

  /** Stand where the user's pose is, unless the operator's hand is on the handles. */
  follow() {
    const pose = this.user?.pose();
    if (!pose || this.dragging) return;
    this.proxy.position.set(...pose.position);
    this.proxy.quaternion.set(...(pose.quaternion ?? [0, 0, 0, 1]));
    this.changed();
  }

  /** While driving by hand, the pose that the handles are dragged to; else null. */
  target() {
    return this.user?.name === "drive" && this.dragging ? this.pose() : null;
  }

  /** Handles at the gripper while it is driven by hand. */
  drive(on, gripper) {
    if (on === (this.user?.name === "drive")) return;
    if (on) this.use({ name: "drive", pose: gripper, moved: () => {}, released: () => {} });
    else this.off();
  }

  /**
   * Bring what the pointer hits to where the handles stand; returns what a renderer needs to show them, null for none.
   */
  shown() {
    this.space.updateMatrixWorld();
    if (!this.helper.visible) return null;
    const {
      mode,
      axis,
      dragging,
      showX,
      showY,
      worldPositionStart,
      worldQuaternionStart,
      rotationAxis,
      rotationAngle,
    } = this.handles;
    const from = { position: worldPositionStart.toArray(), quaternion: worldQuaternionStart.toArray() };
    return {
      ...this.pose(),
      mode,
      axis,
      dragging,
      showX,
      showY,
      from,
      turning: { axis: rotationAxis.toArray(), angle: rotationAngle },
    };
  }

  pose() {
    return { position: this.proxy.position.toArray(), quaternion: this.proxy.quaternion.toArray() };
  }
}
