// Starts the page: opens the link, hands each message to the cards, and owns Stop.

import { Controls } from "./controls.js";
import { Details } from "./details.js";
import { appear, setText } from "./dom.js";
import { Link } from "./link.js";
import { Plan } from "./plan.js";
import { LiveScene } from "./scene.js";
import { TopBar } from "./top_bar.js";
import { Views } from "./views.js";

window.__clap ??= {}; // also what the browser tests look at

const MOUNTED = ["#c-top header", "#c-views section", "#c-scene section", "#c-setup", "#c-plan-steps", "#c-hint", "#c-speed",
  "#c-do-approve", "#c-do-plan", "#c-do-home", "#c-instruction textarea, #c-instruction input", "#c-chips", "#c-text-reason",
  "#c-fine", "#c-cameras", "#c-log"];

class Console {
  constructor() {
    this.bar = new TopBar(() => this.stop());
    this.plan = new Plan();
    this.details = new Details();
    this.lastScene = null;
    this.link = new Link({
      message: (message) => this.receive(message),
      binary: (message) => this.receiveBinary(message),
      changed: (link) => this.linkChanged(link),
    });
    this.controls = new Controls(this.link);
    window.__clap.command = (verb) => this.controls.command(verb);
    window.__clap.plan = (text) => this.controls.planned(text);
    document.addEventListener("keydown", (event) => this.key(event), { capture: true });
    setInterval(() => this.showAge(), 500);
    this.linkChanged(this.link);
  }

  receive(message) {
    const handlers = { hello: this.hello, status: this.status, pose: this.pose, log: this.log, refused: this.refused };
    handlers[message.type]?.call(this, message);
  }

  hello(message) {
    if (!this.views) {
      this.views = new Views(document.querySelector("#c-views section"), message.views, message.workspace);
      this.scene = new LiveScene(document.querySelector("#c-scene section"), message.workspace);
      window.__clap.scene = this.scene;
    }
    this.details.clearLog();
    this.bar.hello(message);
    this.controls.hello(message);
  }

  status(message) {
    window.__clap.status = message;
    this.bar.status(message);
    this.plan.status(message);
    this.controls.status(message);
    this.details.status(message);
    const found = JSON.stringify(message.prediction);
    if (found !== this.found) {
      this.found = found;
      this.views?.prediction(message.prediction);
      this.scene?.prediction(message.prediction);
    }
    if (message.gripper && message.state !== "moving") this.pose(message.gripper);
  }

  pose(pose) {
    this.views?.gripper(pose.position);
    this.scene?.gripper(pose);
    window.__clap.poses = (window.__clap.poses ?? 0) + 1;
  }

  log(message) {
    this.details.log(message.lines);
  }

  refused(message) {
    this.details.log([{ time: Date.now() / 1000, level: "warn", text: message.sentence }]);
    this.bar.note(message.sentence);
  }

  receiveBinary(message) {
    if (message.type === "fine") return this.details.fine(message);
    this.lastScene = performance.now();
    this.views.pictures(message.data);
    this.scene.points(message);
    this.details.cameras(message);
    setText(document.querySelector("#c-cloud"), `${message.points.toLocaleString("en")} points seen, ${message.shown.toLocaleString("en")} drawn`);
    window.__clap.scenes = (window.__clap.scenes ?? 0) + 1;
  }

  linkChanged(link) {
    document.body.classList.toggle("c-offline", !link.connected);
    this.bar.link(link);
    this.controls?.linkChanged();
    this.showAge();
  }

  showAge() {
    const stale = document.querySelector("#c-stale");
    stale.hidden = this.link?.connected !== false || this.lastScene === null;
    if (!stale.hidden) setText(stale, `Not connected · last picture ${((performance.now() - this.lastScene) / 1000).toFixed(1)} s ago`);
  }

  key(event) {
    const writing = event.target.closest?.("input, textarea, select, [contenteditable=true]");
    if (event.key === "Escape" || (event.key === " " && !writing)) {
      event.preventDefault();
      event.stopPropagation();
      if (!event.repeat) this.stop();
    }
  }

  async stop() {
    const begun = performance.now();
    this.bar.stopping();
    const way = await this.link.stop();
    window.__clap.lastStop = { way, ms: performance.now() - begun };
    this.bar.stopped(way);
  }
}

function chooseTheme() {
  const stored = localStorage.getItem("clap-theme") ?? "dark";
  document.body.classList.toggle("dark", stored === "dark");
}

for (const selector of MOUNTED) await appear(selector);
chooseTheme();
window.__clap.console = new Console();
