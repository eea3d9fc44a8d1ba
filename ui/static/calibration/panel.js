// The Calibration panel: what the camera sees of the board, its samples, and the calibration that is made of them.
// The arm is led to the poses by hand or by Drive; nothing moves by anything here.

import { CalibrationSamples } from "./samples.js";
import { el, setText, showPicture } from "../common/dom.js";

const ASK_MS = 1000;
const OLD_MS = 2500;

export class CalibrationPanel {
  /** @param {import("../common/permit.js").Permit} permit */
  constructor(permit) {
    this.permit = permit;
    this.camera = el("select", { id: "c-calibration-camera", onchange: () => this.ask() });
    this.about = el("p", { id: "c-calibration-about" });
    this.inUse = el("p", { id: "c-calibration-in-use" });
    this.picture = el("img", {
      alt:
        "What the camera sees: the corners of the board are ringed, the robot's model and the workspace " +
        "drawn over it",
      hidden: true,
    });
    this.figure = el(
      "figure",
      { class: "c-calibration-picture" },
      this.picture,
      el(
        "figcaption",
        { class: "c-calibration-key" },
        el("span", { "data-key": "corner" }, "corners of the board"),
        el("span", { "data-key": "robot" }, "the robot's model, by the calibration"),
        el("span", { "data-key": "workspace" }, "workspace"),
        el("span", { "data-key": "keep-out" }, "keep-out boxes"),
      ),
    );
    this.seen = el(
      "p",
      { class: "c-calibration-seen", role: "status", id: "c-calibration-seen" },
      "Waiting for the first picture …",
    );
    this.next = el("p", { id: "c-calibration-next" });
    this.buttons = Object.fromEntries(
      [
        ["sample", "Take a sample"],
        ["solve", "Calibrate"],
        ["save", "Save"],
        ["clear", "Start over"],
      ].map(([verb, title]) => [
        verb,
        el(
          "button",
          { type: "button", class: "c-small", id: `c-calibrate-${verb}`, onclick: () => this.send(verb) },
          title,
        ),
      ]),
    );
    this.samples = new CalibrationSamples((sample) => this.send("remove", { sample }));
    this.node = el(
      "div",
      { class: "c-calibration" },
      el(
        "section",
        { class: "c-section", "aria-label": "Camera" },
        el("label", {}, "Camera ", this.camera),
        this.about,
        this.inUse,
        this.figure,
      ),
      el(
        "section",
        { class: "c-section", "aria-label": "Samples" },
        el("h3", {}, "1. Samples"),
        this.seen,
        this.next,
        el("div", { class: "c-calibration-row" }, this.buttons.sample, this.buttons.clear),
        this.samples.list,
        el("h3", {}, "2. Calibration"),
        this.samples.words,
        el("div", { class: "c-calibration-row" }, this.buttons.solve, this.buttons.save),
        this.samples.result,
      ),
    );
    const body = document.getElementById("c-calibration-body");
    body.replaceChildren(
      el(
        "h2",
        {},
        "Calibration ",
        el("small", {}, "where the cameras are, by a printed board; nothing moves by anything here"),
      ),
      this.node,
    );
    body.removeAttribute("aria-busy");
    setInterval(() => this.ask(), ASK_MS);
    document.addEventListener("clap-panel", () => this.ask());
    this.allow();
  }

  get isShown() {
    return document.body.dataset.panel === "calibration";
  }

  /** Let the picture be live: for a moment, so that nothing looks when nobody does. */
  ask() {
    if (!this.isShown || document.hidden) return;
    if (this.told && this.link.ready && this.permit.mine)
      this.link.send({ type: "calibrate-look", camera: this.camera.value });
    this.age();
    this.allow();
  }

  get link() {
    return this.permit.link;
  }

  send(verb, fields = {}) {
    const type = /** @type {Protocol.CalibrateSample["type"]} */ (`calibrate-${verb}`); // one of those
    this.pending = this.link.send({ type, camera: this.camera.value, ...fields }) && verb;
    this.allow();
  }

  // From the link

  /**
   * How it stands; also the answer to what was asked for.
   * @param {Protocol.CalibrationState} told
   */
  calibration(told) {
    if (told.answered !== this.told?.answered) this.pending = null;
    this.told = window.__clap.calibration = told; // also what the browser tests look at
    const names = told.cameras.join();
    if (this.names !== names) {
      this.names = names;
      this.camera.replaceChildren(...told.cameras.map((name) => el("option", { value: name }, name)));
      this.camera.value = told.camera;
    }
    if (!this.permit.mine) this.camera.value = told.camera;
    setText(this.about, `${told.setting} Board: ${told.board}.`);
    setText(this.inUse, told.in_use);
    this.inUse.dataset.tone = told.warns ? "warn" : "";
    this.samples.show(told);
    this.allow();
  }

  /**
   * What the camera sees now.
   * @param {Page.Binary<Page.Board>} message
   */
  board(message) {
    if (message.camera !== this.camera.value) return; // the last one of another camera
    this.seenAt = performance.now();
    this.latest = window.__clap.board = message;
    if (message.data.picture) showPicture(this.picture, message.data.picture);
    this.age();
    this.allow();
  }

  refused() {
    this.pending = null;
    this.allow();
  }

  status() {
    this.allow();
  }

  lease() {
    this.allow();
  }

  linkChanged() {
    this.pending = null;
    this.allow();
  }

  // Showing

  /** Whether the picture is of now, and what it says. */
  age() {
    const live = performance.now() - (this.seenAt ?? -Infinity) < OLD_MS;
    this.live = live && this.link.ready;
    this.figure.classList.toggle("c-calibration-old", !this.live);
    const { sentence = "", ready = false, way = "", near = false } = (this.live && this.latest) || {};
    setText(
      this.seen,
      sentence ||
        (this.permit.mine
          ? "Waiting for a picture …"
          : "The picture is live while whoever operates has this panel open."),
    );
    this.seen.dataset.tone = ready ? "good" : this.live ? "warn" : "";
    const more = way
      ? `Next, about: ${way} (the gripper's own axes).`
      : this.told?.samples.length
        ? "Next, any pose that differs from those before."
        : "First, let the camera see the whole board straight on, in the middle of its picture.";
    const saved = this.told?.result?.saved;
    setText(
      this.next,
      saved
        ? "It is saved: the next sample begins another calibration."
        : near
          ? "The suggested pose is reached: take a sample."
          : more,
    );
    this.next.dataset.tone = near && !saved ? "good" : "";
  }

  /** Why nothing can be asked for now; empty if it can. */
  get refusal() {
    return this.permit.barred || (this.pending ? "It is being worked on." : this.told ? "" : "Waiting for the camera.");
  }

  allow() {
    const { samples = [], lacks, result } = this.told ?? {};
    const unseen = this.live && this.latest?.ready ? "" : this.latest?.sentence || "No picture yet.";
    const next = result?.saved ? "" : result ? "save" : !lacks && !result && samples.length ? "solve" : "sample";
    for (const [verb, button] of Object.entries(this.buttons)) {
      const why = this.refusal || this.permit.why(`calibrate-${verb}`) || (verb === "sample" ? unseen : "");
      button.disabled = why !== "";
      if (button.title !== why) button.title = why;
      button.classList.toggle("c-primary", verb === next);
      button.setAttribute("aria-busy", this.pending === verb);
    }
    this.camera.disabled = !this.permit.mine;
    this.samples.allow(this.refusal);
  }
}
