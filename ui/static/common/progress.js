// A thin bar under the top bar for work that takes long, with the time left as the last runs of the same work suggest.

import { setText } from "./dom.js";
import { memory } from "./storage.js";

const $ = (id) => document.getElementById(id);
const KEY = "clap-work-seconds";
const WORTH_SHOWING_S = 1.5;
const WORK = ["starting", "planning", "predicting"]; // a motion's end is seen in the pictures

export class Progress {
  constructor() {
    this.known = JSON.parse(memory.getItem(KEY) ?? "{}");
    this.work = null;
    setInterval(() => this.show(), 200);
  }

  /** @param {Protocol.Status} message */
  status({ state, policy }) {
    const work = WORK.includes(state) ? `${policy} ${state}` : null;
    if (work === this.work) return;
    const now = performance.now();
    if (this.work && ["planned", "awaiting approval", "done", "ready", "moving"].includes(state))
      this.learn(this.work, (now - this.begun) / 1000);
    this.work = work;
    this.state = state;
    this.begun = now;
    this.show();
  }

  /** @param {import("../live/link.js").Link} link */
  linkChanged(link) {
    if (!link.ready) this.work = null;
  }

  learn(work, seconds) {
    const before = this.known[work];
    this.known[work] = before === undefined ? seconds : 0.6 * before + 0.4 * seconds;
    memory.setItem(KEY, JSON.stringify(this.known));
  }

  show() {
    const expected = this.known[this.work];
    const spent = (performance.now() - this.begun) / 1000;
    const bar = $("c-progress");
    bar.hidden = this.work === null || Math.max(expected ?? 0, spent) < WORTH_SHOWING_S;
    if (bar.hidden) return;
    const share = expected ? Math.min(0.97, spent / expected) : null;
    const left = expected ? Math.ceil(expected - spent) : null;
    const rest = left > 0 ? `about ${left} s left` : "a little longer than usual";
    const text = `${this.state} · ${left === null ? `${Math.floor(spent)} s so far` : rest}`;
    bar.classList.toggle("c-unknown", share === null);
    bar.querySelector("i").style.transform = `scaleX(${share ?? 1})`;
    if (share === null) bar.removeAttribute("aria-valuenow");
    else bar.setAttribute("aria-valuenow", Math.round(100 * share));
    bar.setAttribute("aria-valuetext", text);
    setText(bar.querySelector("span"), text);
  }
}
