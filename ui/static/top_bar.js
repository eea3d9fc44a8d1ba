// Top bar and banner: mode, policy, state, latencies, failures, and the Stop button.

import { duration, el, setText } from "./dom.js";

const $ = (id) => document.getElementById(id);
const TONE = {
  ready: "good", planned: "good", done: "good", "awaiting approval": "wait", paused: "wait",
  failed: "bad", stopped: "bad", starting: "busy", planning: "busy", predicting: "busy", moving: "move",
};

export class TopBar {
  constructor(stop) {
    $("c-stop").addEventListener("click", stop);
    $("c-theme").addEventListener("click", () => {
      const dark = document.body.classList.toggle("dark");
      localStorage.setItem("clap-theme", dark ? "dark" : "light");
    });
    this.closed = null;
  }

  hello(message) {
    setText($("c-mode"), `${message.real ? "REAL" : "SIM"} · ${message.world}`);
    $("c-mode").classList.toggle("c-real", message.real);
    this.notice = message.notice;
  }

  status(message) {
    this.connected = true;
    this.last = message;
    setText($("c-policy-pill"), `policy: ${message.policy}`);
    $("c-policy-pill").classList.toggle("c-expert", message.expert);
    this.state(message.state, TONE[message.state] ?? "busy");
    const { views, planner, plan, predictor } = message.seconds;
    setText($("c-ms-views"), duration(views));
    setText($("c-ms-planner"), duration(planner ?? plan));
    setText($("c-ms-predictor"), duration(predictor));
    this.banner(message);
  }

  state(text, tone) {
    setText($("c-state").querySelector("span"), text);
    $("c-state").dataset.tone = tone;
  }

  link(link) {
    setText($("c-ms-link"), link.connected && link.roundTrip !== null ? `${Math.round(link.roundTrip)} ms` : "–");
    if (!link.connected) {
      this.connected = false;
      this.state(this.last ? "connection lost" : "connecting …", "bad");
    }
  }

  banner(message) {
    const { failure } = message;
    if (failure) this.show("bad", failure.name, failure.sentence, failure.next_move, `failure ${message.instruction} ${failure.sentence}`);
    else if (message.state === "done" && message.success) this.show("good", "success", "The goal is reached.", "", `done ${message.steps_done} ${message.instruction}`);
    else if (message.state === "done" && message.success === false)
      this.show("warn", "goal not reached", "The policy says it is finished, but the goal does not hold.", "Reset the scene and try again.", `done ${message.steps_done}`);
    else if (message.state === "stopped") this.show("bad", "stopped", "All motion was stopped by the operator.", message.hint.replace(/^Stopped\. /, ""), "stopped");
    else if (this.notice) this.show("warn", "note", this.notice, "", "notice");
    else this.hide();
  }

  /** A passing remark, such as a command that was refused; the next state replaces it. */
  note(sentence) {
    this.show("warn", "not possible now", sentence, "", `note ${sentence} ${Date.now()}`);
  }

  show(tone, name, sentence, next, key) {
    if (this.closed === key || (this.shown === key && !$("c-banner").hidden)) return;
    this.shown = key;
    this.closed = null;
    const close = el("button", { type: "button", class: "c-close", "aria-label": "Close this message", onclick: () => {
      this.closed = key;
      if (key === "notice") this.notice = "";
      this.hide();
    } }, "×");
    $("c-banner").replaceChildren(el("b", {}, name), el("span", {}, sentence), next ? el("em", {}, `→ ${next}`) : "", close);
    $("c-banner").dataset.tone = tone;
    $("c-banner").hidden = false;
    this.makeRoom();
  }

  hide() {
    $("c-banner").hidden = true;
    this.shown = null;
    this.makeRoom();
  }

  makeRoom() {
    const height = $("c-banner").hidden ? 0 : $("c-banner").offsetHeight + 10;
    document.documentElement.style.setProperty("--c-banner-height", `${height}px`);
  }

  stopping() {
    $("c-stop").classList.add("c-pressed");
  }

  stopped(way) {
    setTimeout(() => $("c-stop").classList.remove("c-pressed"), 400);
    if (way === null) {
      this.closed = null;
      this.show("bad", "stop was not confirmed", "The console did not answer to Stop.", "Use the robot's own emergency stop.", "no stop");
    }
  }
}
