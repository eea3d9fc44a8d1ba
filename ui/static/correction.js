// The operator's correction of a prediction: what is shown while it is being moved, and what is sent.
// Views, scene and nudge panel all read and write this one place, so that they always agree.

const SETTLE_MS = 120; // nudges in a quick row are sent as one

export class Correction {
  constructor(permit) {
    this.permit = permit;
    this.listeners = [];
    this.prediction = null;
    this.moving = null; // {keypoint} or {target}: moved by the operator, and not answered by the station yet
  }

  listen(listener) {
    this.listeners.push(listener);
  }

  tell() {
    for (const listener of this.listeners) listener(this);
  }

  status(message) {
    this.gripper = message.gripper;
    const text = JSON.stringify([message.prediction, message.can.keypoint, message.can.target]);
    if (text === this.text) return;
    this.text = text;
    this.prediction = message.prediction;
    if (!this.held) this.moving = null;
    this.tell();
  }

  /** What was asked for does not come. */
  refused() {
    if (!this.held) this.drop();
  }

  drop() {
    this.moving = null;
    this.held = false;
    this.tell();
  }

  pose(pose) {
    this.gripper = pose;
  }

  /** Where the keypoint is now, the operator's first; null if there is none. */
  get keypoint() {
    return this.moving?.keypoint ?? this.prediction?.keypoint ?? null;
  }

  /** The target pose now {position, quaternion, gripper_open}: moved, predicted, or where the gripper is. */
  get target() {
    if (this.moving?.target) return this.moving.target;
    if (this.prediction) return this.prediction.action;
    const { position, quaternion, opening } = this.gripper ?? {};
    return position ? { position, quaternion, gripper_open: opening > 0.5 } : null;
  }

  /** True where what is shown is the operator's, not the policy's. */
  get isOwn() {
    return this.moving !== null || Boolean(this.prediction?.source.startsWith("human"));
  }

  /** Show the keypoint at `position`; with `release`, ask for a prediction around it. */
  moveKeypoint(position, release) {
    this.moving = { keypoint: position };
    this.held = !release;
    if (release && !this.permit.send({ type: "keypoint", position })) this.moving = null;
    this.tell();
  }

  /** Show the target pose; with `release`, hand it to the checks. */
  moveTarget(target, release) {
    this.moving = { target };
    this.held = !release;
    clearTimeout(this.timer);
    if (release) this.timer = setTimeout(() => {
      if (!this.permit.send({ type: "target", ...target })) this.drop();
    }, SETTLE_MS);
    this.tell();
  }

  revert() {
    this.permit.send({ type: "revert" });
  }
}
