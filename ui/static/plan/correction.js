// The operator's correction of a prediction: what is shown while it is being moved, and what is sent.
// Views, scene and nudge panel all read and write this one place, so that they always agree.

const SETTLE_MS = 120; // nudges in a quick row are sent as one

export class Correction {
  constructor(permit) {
    this.permit = permit;
    this.listeners = [];
    this.prediction = null;
    this.moving = null; // {keypoint} or {target}: moved by the operator, and not answered by the station yet
    this.checking = false; // a target has been sent and is not answered yet
    this.waiting = false; // it has been moved on since: the newest target is sent after the answer
    document.addEventListener("clap-stop", () => this.drop()); // at the press: an answer on its way must not send the next
  }

  listen(listener) {
    this.listeners.push(listener);
  }

  tell() {
    for (const listener of this.listeners) listener(this);
  }

  status(message) {
    this.gripper = message.gripper;
    if (this.checking && !message.busy && message.seq > this.seq) this.answered(message);
    if (!this.checking) this.seq = message.seq;
    const text = JSON.stringify([message.prediction, this.permit.allows("keypoint"), this.permit.allows("target")]);
    if (text === this.text) return;
    this.text = text;
    this.prediction = message.prediction;
    if (!this.held && !this.checking && !this.timer) this.moving = null;
    this.tell();
  }

  answered({ state }) {
    this.checking = false;
    if (!this.waiting) return;
    this.waiting = false;
    if (state === "awaiting approval") this.submit();
    else this.drop(); // stopped, or failed: what was still to come counts no more
  }

  linkChanged({ ready }) {
    if (!ready && this.moving) this.drop();
  }

  /** What was asked for does not come. */
  refused() {
    if (!this.held) this.drop();
  }

  drop() {
    clearTimeout(this.timer);
    this.timer = this.moving = null;
    this.held = this.checking = this.waiting = false;
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

  /** True while the pose may be moved: also while it is checked, for the next check. */
  get canMove() {
    return this.permit.allows("target") || (this.checking && !this.permit.barred);
  }

  /** Show the keypoint at `position`; with `release`, ask for a prediction around it. */
  moveKeypoint(position, release) {
    clearTimeout(this.timer);
    this.timer = null;
    this.waiting = false;
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
    this.timer = null;
    this.waiting = release && this.checking;
    if (release && !this.checking) this.timer = setTimeout(() => this.submit(), SETTLE_MS);
    this.tell();
  }

  submit() {
    this.timer = null;
    this.checking = this.permit.send({ type: "target", ...this.moving.target });
    if (!this.checking) this.drop();
  }

  revert() {
    this.permit.send({ type: "revert" });
  }
}
