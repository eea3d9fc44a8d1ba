// Driving by hand: what keys, pad, gamepad and the handle in the scene hold is sent as one state while driving.

import { setText } from "../common/dom.js";
import { GAMEPAD_HELP, Gamepad } from "./gamepad.js";
import { JogKeys } from "./jog_keys.js";
import { JogPad } from "./jog_pad.js";
import { JogSender } from "./jog_sender.js";
import { operating } from "../common/panels.js";

const $ = (id) => document.getElementById(id);
const SHOW_MS = 250;
const REST = [0, 0, 0, 0, 0, 0];

export class Drive {
  /** @param {import("../common/permit.js").Permit} permit */
  constructor(permit, scene, stop) {
    this.permit = permit;
    this.scene = scene;
    this.driving = false;
    this.axes = REST;
    this.grip = null;
    const gripper = (wish) => this.gripper(wish);
    this.keys = new JogKeys({ active: () => this.active && operating(), gripper: () => gripper(null) });
    this.pad = new JogPad($("c-drive"), { gripper });
    this.gamepad = new Gamepad({
      changed: (name) => this.gamepadChanged(name),
      lost: () => this.end("The gamepad was lost, so driving has ended."),
      stop: () => this.active && stop(),
      gripper: (wish) => this.active && operating() && gripper(wish),
    });
    this.sender = new JogSender(
      (message) => permit.link.send(message),
      () => this.held(),
    );
    $("c-open-drive").addEventListener("click", () => this.open(!this.isOpen));
    $("c-drive-close").addEventListener("click", () => this.open(false));
    $("c-drive-on").addEventListener("click", () => this.turn(!this.driving));
    addEventListener("blur", () => this.letGo());
    addEventListener("focus", () => (this.away = false));
    addEventListener("pointerdown", () => (this.away = false), { capture: true });
    document.addEventListener("visibilitychange", () => this.letGo());
    document.addEventListener("clap-dialog", () => this.letGo());
    document.addEventListener("clap-panel", () => this.drop());
    document.addEventListener("clap-stop", () => this.rest());
    setInterval(() => this.showFigures(), SHOW_MS);
    this.gamepadChanged(null);
    this.enable();
  }

  get active() {
    return this.driving && !this.ending && !this.permit.barred;
  }

  get isOpen() {
    return !$("c-drive").hidden;
  }

  open(wanted) {
    if (!wanted && this.driving) this.end("");
    $("c-drive").hidden = !wanted;
    document.body.classList.toggle("c-drive-open", wanted);
    $("c-open-drive").setAttribute("aria-pressed", wanted);
    if (wanted) {
      scrollTo(0, 0); // a small window shows the views above the panel
      $("c-drive-on").focus({ preventScroll: true });
    } else $("c-open-drive").focus();
  }

  /** @param {Protocol.Hello} message */
  hello({ limits }) {
    this.limits = limits;
    this.rest();
  }

  /**
   * While a replay leads the arm, nobody holds anything here.
   * @param {Protocol.ReviewState} message
   */
  review({ replay }) {
    this.led = Boolean(replay?.leads);
  }

  /** @param {Protocol.Status} message */
  status(message) {
    this.follow(Boolean(message.driving) && !this.led);
  }

  lease() {
    this.follow(this.driving);
  }

  /** @param {Protocol.GripperPose} pose */
  pose(pose) {
    this.opening = pose.opening;
  }

  /** @param {Protocol.JogAcknowledged} message */
  "jog-ack"(message) {
    this.sender.acknowledged(message);
    if (message.applied && message.seq >= this.gripSeq) this.grip = null;
  }

  linkChanged() {
    if (!this.permit.link.ready) this.driving = false;
    this.follow(this.driving);
  }

  /** Take over whether the world is being driven; begin to send or let go accordingly. */
  follow(driving) {
    this.driving = driving;
    if (driving) this.asked = false;
    // Unless the panel has just been closed.
    if (driving && this.permit.mine && !this.isOpen && !this.ending) this.open(true);
    if (!driving) this.ending = false;
    if (this.active) this.sender.start();
    else this.rest();
    this.enable();
  }

  turn(on) {
    if (!on) return this.end("");
    this.note = "";
    this.asked = this.permit.link.send({ type: "drive", on: true });
  }

  /** `note` says why, where it was not the operator's wish. What comes before the world has followed counts no more. */
  end(note) {
    this.note = note;
    this.ending = this.driving;
    this.rest();
    if (this.driving || this.asked) this.permit.link.send({ type: "drive", on: false });
    this.asked = false;
    this.enable();
  }

  /** Nothing is held any more; zeros go on being sent while driving. */
  letGo() {
    this.away = true; // a browser reports a gamepad's last sticks for ever to a page that is not in front
    this.drop();
  }

  drop() {
    this.keys.clear();
    this.pad.clear();
    this.axes = REST;
  }

  rest() {
    this.letGo();
    this.away = false;
    this.grip = null;
    this.sender.stop();
    this.showBars(false);
  }

  gripper(wish) {
    if (!this.active) return;
    this.grip = wish ?? (this.opening > 0.5 ? "close" : "open");
    this.gripSeq = this.sender.seq + 1;
  }

  /** The message of this moment: the handle's pose while it is dragged, else what is held; null when not driving. In
   * another panel nothing drives, but the gamepad's Stop buttons work. */
  held() {
    if (!this.active) return null;
    const target = this.away || !operating() ? null : this.scene.gizmo.target();
    if (target) return { type: "jog-target", ...target };
    const pad = this.away ? null : this.gamepad.read();
    const sources = operating() ? [this.keys.axes(), this.pad.axes(), pad?.axes ?? REST] : [];
    this.axes = REST.map((_, k) =>
      Math.max(
        -1,
        Math.min(
          1,
          sources.reduce((sum, axes) => sum + axes[k], 0),
        ),
      ),
    );
    this.slow = $("c-drive-slow").checked || this.keys.slow || Boolean(pad?.slow);
    this.showBars(this.slow);
    return {
      type: "jog",
      linear: this.axes.slice(0, 3),
      angular: this.axes.slice(3),
      gripper: this.grip,
      slow: this.slow,
    };
  }

  enable() {
    const why = this.driving ? this.permit.barred : this.permit.why("drive");
    $("c-drive-on").disabled = why !== "";
    $("c-drive-on").setAttribute("aria-checked", this.active);
    setText($("c-drive-on").querySelector("span"), this.active ? "On" : "Off");
    this.pad.enable(this.active);
    document.body.classList.toggle("c-driving", this.active);
    setText(
      $("c-drive-hint"),
      this.note ||
        why ||
        (this.active
          ? "Hold a key or a button: the arm moves while it is held, and rests when you let go. Esc stops."
          : "Turn the switch on, then hold a key, a button or a stick."),
    );
  }

  gamepadChanged(name) {
    setText(
      $("c-drive-pad"),
      name ? `Gamepad: ${name.replace(/ *\(.*/, "")}` : "No gamepad: connect one and press a button",
    );
    $("c-drive-pad").title = GAMEPAD_HELP;
    if (name) this.note = "";
  }

  showBars(slow) {
    const share = slow ? (this.limits?.slow ?? 1) : 1;
    const rows = $("c-drive").querySelectorAll(".c-bars > div");
    rows.forEach((row, k) => {
      const value = this.axes[k] * share;
      row.querySelector("i").style.transform = `scaleX(${value})`;
      const most = k < 3 ? this.limits?.linear : (this.limits?.angular * 180) / Math.PI;
      setText(
        row.querySelector("output"),
        !value || !most ? "0" : k < 3 ? `${(value * most).toFixed(2)} m/s` : `${Math.round(value * most)} °/s`,
      );
    });
  }

  showFigures() {
    const found = this.active ? this.sender.figures() : null;
    if (found === null) return setText($("c-drive-figures"), "");
    const latency = found.ms === null ? "" : ` · ${Math.round(found.ms)} ms`;
    setText(
      $("c-drive-figures"),
      `${found.rate.toFixed(0)} a second · ${Math.round(100 * found.share)} % applied${latency}`,
    );
  }
}
