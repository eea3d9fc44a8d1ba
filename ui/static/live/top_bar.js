// Top bar: mode, policy, state, latencies, and the Stop button.

import { Banner } from "./banner.js";
import { duration, el, setText } from "../common/dom.js";
import { showPanel } from "../common/panels.js";
import { toggleTheme } from "../common/theme.js";
import { toast } from "../common/toasts.js";

const $ = (id) => document.getElementById(id);
const TONE = {
  ready: "good",
  planned: "good",
  done: "good",
  "awaiting approval": "wait",
  paused: "wait",
  recovering: "busy",
  driving: "move",
  failed: "bad",
  stopped: "bad",
  starting: "busy",
  planning: "busy",
  predicting: "busy",
  moving: "move",
};

export class TopBar {
  constructor(stop) {
    this.notices = new Banner();
    // pointerdown, not click: a press counts when the finger lands, and also when it slips off the button.
    $("c-stop").addEventListener("pointerdown", (event) => event.button === 0 && stop());
    // The keyboard's, and assistive tools'.
    $("c-stop").addEventListener("click", (event) => event.detail === 0 && stop());
    $("c-theme").addEventListener("click", toggleTheme);
    document.querySelector(".c-skip").addEventListener("click", (event) => {
      event.preventDefault();
      showPanel("operate");
      document.querySelector("#c-instruction :is(textarea, input)").focus();
    });
  }

  /** @param {Protocol.Hello} message */
  hello(message) {
    $("c-mode").replaceChildren(message.mode, el("span", { class: "c-mode-world" }, ` · ${message.world}`));
    $("c-mode").classList.toggle("c-real", message.mode === "REAL");
    this.notices.hello(message);
  }

  /** @param {Protocol.Status} message */
  status(message) {
    this.last = message;
    setText($("c-policy-pill"), message.policy);
    $("c-policy-pill").title = `Policy: ${message.policy}`;
    $("c-policy-pill").classList.toggle("c-expert", message.expert);
    this.state(message.state, TONE[message.state] ?? "busy");
    const { views, planner, plan, predictor } = message.seconds;
    setText($("c-ms-views"), duration(views));
    setText($("c-ms-planner"), duration(planner ?? plan));
    setText($("c-ms-predictor"), duration(predictor));
    this.notices.status(message);
  }

  /** @param {Page.Pong} message */
  pong({ roundTrip }) {
    setText($("c-ms-link"), `${Math.round(roundTrip)} ms`);
  }

  starting() {
    this.state("starting", "busy");
  }

  /** @param {Protocol.WorldLost} message */
  "world-lost"(message) {
    this.notices.worldLost(message);
    this.state("world lost", "bad");
  }

  /** @param {Protocol.Refused} message */
  refused({ sentence }) {
    toast(el("span", {}, el("b", {}, "Not possible now. "), sentence), { tone: "warn" });
  }

  state(text, tone) {
    setText($("c-state").querySelector("span"), text);
    $("c-state").dataset.tone = tone;
    $("c-tab-operate").dataset.tone = tone; // a mark on the tab while another panel is shown
  }

  /** @param {import("../live/link.js").Link} link */
  linkChanged(link) {
    if (link.connected) return;
    setText($("c-ms-link"), "–");
    if (link.waiting) this.state("waiting for a world", "wait");
    else this.state(this.last ? "connection lost" : "connecting …", "bad");
  }

  stopping() {
    $("c-stop").classList.add("c-pressed");
  }

  stopped(way) {
    setTimeout(() => $("c-stop").classList.remove("c-pressed"), 400);
    if (way === null) this.notices.stopUnconfirmed();
  }
}
