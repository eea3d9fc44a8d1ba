// Predict, approve, run and the other verbs; the speed; whether every step waits for the operator; what happens now.

import { Checks } from "./checks.js";
import { duration, setText } from "../common/dom.js";
import { writing } from "../common/keys.js";
import { operating } from "../common/panels.js";

const $ = (id) => document.getElementById(id);
const TICK_MS = 100;
/**
 * The slider's stops: label and factor; 0 is as fast as the simulator can.
 * @type {[label: string, factor: number][]}
 */
const SPEEDS = [
  ["half speed", 0.5],
  ["real time", 1],
  ["2 × real time", 2],
  ["4 × real time", 4],
  ["as fast as it can", 0],
];
const REAL_TIME = 1; // the stop beyond which only a simulation goes
const TIPS = {
  predict: "Look, and show the next step (P)",
  approve: "Carry the shown step out (Shift+A)",
  run: "Carry the steps out one after the other (Shift+R)",
  pause: "Rest after the present step (U)",
  redo: "Predict this step again (N)",
  skip: "Go on with the step after this one (K)",
  preview: "Let the ghost go the way first, and say what the arm's links would run into; nothing moves (W)",
  undo: "Put everything back to before the last step, in simulation (Shift+Z)",
  home: "Move the arm to its resting pose (Shift+H)",
};
const KEYS = {
  p: "predict",
  A: "approve",
  R: "run",
  u: "pause",
  n: "redo",
  k: "skip",
  Z: "undo",
  w: "preview",
  H: "home",
}; // what moves the arm needs Shift

export const SHORTCUTS = Object.values(KEYS)
  .map((verb) => TIPS[verb].match(/(.*) \((.*)\)$/).slice(1))
  .map(([text, key]) => [key, text]);

export class Execute {
  /** @param {import("../common/permit.js").Permit} permit */
  constructor(permit) {
    this.permit = permit;
    this.checks = new Checks();
    window.__clap.command = (verb) => this.command(verb);
    $("c-speed").addEventListener("input", (event) => this.setSpeed(Number(event.target.value)));
    $("c-approve-each").addEventListener(
      "change",
      (event) => permit.send({ type: "approve-each", value: event.target.checked }) || this.showSwitch(),
    );
    document.addEventListener("keydown", (event) => this.key(event));
    setInterval(() => this.tick(), TICK_MS);
    this.enable();
  }

  /** @param {Protocol.Hello} message */
  hello({ abilities }) {
    $("c-speed").max = abilities.includes("faster-than-real-time") ? SPEEDS.length - 1 : REAL_TIME;
  }

  command(verb) {
    this.permit.send({ type: verb });
  }

  /** Letters are commands outside of text fields, while the arm is not driven by hand with the same letters. */
  key(event) {
    const free = !writing(event.target) && !event.ctrlKey && !event.metaKey && !event.altKey && !event.repeat;
    const busyElsewhere = this.message?.driving || !operating() || document.querySelector("dialog[open]");
    const verb = KEYS[event.key];
    if (!free || busyElsewhere || !verb || !this.permit.allows(verb)) return;
    event.preventDefault();
    this.command(verb);
  }

  setSpeed(stop) {
    const [label, value] = SPEEDS[stop];
    this.showSpeed(label);
    this.permit.send({ type: "speed", value });
  }

  showSpeed(label) {
    setText($("c-speed-text"), label);
    $("c-speed").setAttribute("aria-valuetext", label);
  }

  /** @param {Protocol.Status} message */
  status(message) {
    this.message = message;
    if (message.state !== this.state || message.steps_done !== this.step) this.begun = performance.now();
    this.state = message.state;
    this.step = message.steps_done;
    this.enable();
    this.checks.show(message.verdict);
    if (message.speed !== this.speed) {
      this.speed = message.speed;
      const stop = Math.max(
        0,
        SPEEDS.findIndex(([, value]) => value === message.speed),
      );
      $("c-speed").value = stop;
      this.showSpeed(SPEEDS[stop][0]);
    }
    this.showSwitch();
    setText($("c-hint"), message.hint);
    $("c-hint").dataset.busy = String(message.busy);
    this.tick();
  }

  showSwitch() {
    $("c-approve-each").checked = Boolean(this.message?.approve_each);
  }

  /** Elapsed time of what is going on. */
  tick() {
    const busy = Boolean(this.message?.busy && this.permit.link.ready);
    $("c-elapsed").hidden = !busy;
    if (busy) setText($("c-elapsed"), duration((performance.now() - this.begun) / 1000));
  }

  linkChanged() {
    this.enable();
    this.tick();
    if (this.permit.link.waiting) setText($("c-hint"), "You wait for a world of your own.");
    else if (this.permit.link.worldLost) setText($("c-hint"), "The world was lost. Another one is being started.");
    else if (!this.permit.link.connected)
      setText($("c-hint"), "Not connected to the console. It tries again by itself.");
  }

  /**
   * What is done before there is a world.
   * @param {Protocol.Starting} message
   */
  starting({ sentence }) {
    setText($("c-hint"), sentence);
    $("c-hint").dataset.busy = "true";
  }

  enable() {
    for (const [verb, tip] of Object.entries(TIPS)) this.permit.show($(`c-do-${verb}`), verb, tip);
    for (const verb of ["approve", "predict"]) $(`c-do-${verb}`).classList.toggle("c-next", verb === this.permit.next);
    this.permit.show($("c-speed"), "speed", "How fast the arm moves");
    const each = $("c-approve-each");
    each.disabled = !this.permit.allows("approve-each");
    each.closest("label").title =
      "On: Run all waits for you before every motion. Off: it goes on wherever the checks allow it.";
  }
}
