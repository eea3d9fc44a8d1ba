// Record: begin a take after a countdown, watch its numbers, mark keyframes, end it, then keep or discard it.

import { Countdown } from "../common/countdown.js";
import { el, setText } from "../common/dom.js";
import { writing } from "../common/keys.js";
import { ownName } from "../live/lease.js";
import { memory } from "../common/storage.js";
import { operating, showPanel } from "../common/panels.js";
import { foot, showFigures, time } from "./record_figures.js";
import { toast } from "../common/toasts.js";

const $ = (id) => document.getElementById(id);
const OPERATOR_KEY = "clap-operator";
const DELAY_KEY = "clap-record-countdown";
const SUCCESS = { yes: true, no: false, unsure: null };
const TIPS = { T: "Begin to record; cancel the countdown; end the take", M: "Mark a keyframe of the take" };

export const SHORTCUTS = [
  ["T", TIPS.T],
  ["M", TIPS.M],
];

export class Record {
  /** @param {import("../common/permit.js").Permit} permit */
  constructor(permit) {
    this.permit = permit;
    this.message = /** @type {Page.Recording} */ ({ state: "waiting" });
    this.countdown = new Countdown((left) => this.count(left));
    $("c-record-operator").value = memory.getItem(OPERATOR_KEY) ?? ownName();
    $("c-record-operator").addEventListener("change", (event) => memory.setItem(OPERATOR_KEY, event.target.value));
    $("c-record-delay").value = memory.getItem(DELAY_KEY) ?? "3";
    $("c-record-delay").addEventListener("change", (event) => memory.setItem(DELAY_KEY, event.target.value));
    this.submitted("c-record-begin", () => this.begin());
    this.submitted("c-record-keep", () => this.keep());
    $("c-record-cancel").addEventListener("click", () => this.countdown.cancel());
    $("c-record-mark").addEventListener("click", () => this.send("record-mark"));
    $("c-record-end").addEventListener("click", () => this.send("record-end"));
    $("c-record-discard").addEventListener("click", () => this.send("record-discard"));
    $("c-rec").addEventListener("click", () => this.open());
    document.addEventListener("clap-stop", () => this.countdown.cancel());
    document.addEventListener("keydown", (event) => this.key(event));
    this.enable();
  }

  submitted(form, act) {
    $(form).addEventListener("submit", (event) => {
      event.preventDefault();
      act();
    });
  }

  // What the console tells

  /** @param {Page.Recording} message */
  recording(message) {
    const before = this.message;
    window.__clap.recording = this.message = message;
    if (message.take && !before.take) this.fresh();
    if (message.state === "ended" && before.state !== "ended") this.judge(message.take);
    if (before.state === "recording" && message.take?.ended)
      this.tell(`Recording has ended. ${message.take.ended} Keep the take, or discard it.`);
    if (message.unfinished?.length && message.unfinished.length !== before.unfinished?.length) {
      this.tell("A take was interrupted before it was kept. It is not lost.");
    }
    if (message.note && message.note !== before.note && before.state === "saving") toast(message.note);
    this.show();
  }

  status() {
    this.enable();
  }

  linkChanged() {
    if (!this.permit.link.ready) {
      this.countdown.cancel();
      this.message = /** @type {Page.Recording} */ ({ state: "waiting" });
    }
    this.show();
  }

  /** @param {Protocol.LeaseState} message */
  lease({ mine }) {
    if (!mine) this.countdown.cancel();
    this.show();
  }

  tell(sentence) {
    toast(sentence, { actions: [["Show", () => this.open()]] });
  }

  // What the operator does

  send(type, values = {}) {
    return this.permit.send({ type, ...values });
  }

  begin() {
    if (!this.permit.allows("record-begin")) return;
    this.countdown.begin(Number($("c-record-delay").value), () => {
      this.send("record-begin", { operator: $("c-record-operator").value, notes: $("c-record-before").value });
    });
  }

  keep() {
    const chosen = document.querySelector("[name=c-record-success]:checked")?.value ?? "unsure";
    this.send("record-commit", { success: SUCCESS[chosen], notes: $("c-record-after").value });
  }

  /** T and M, while driving too: no key that drives is among them. */
  key(event) {
    const free =
      !writing(event.target) && !event.ctrlKey && !event.metaKey && !event.altKey && !event.shiftKey && !event.repeat;
    if (!free || !operating() || document.querySelector("dialog[open]")) return;
    const { state } = this.message;
    if (event.key === "m" && state === "recording") this.send("record-mark");
    else if (event.key !== "t") return;
    else if (this.countdown.running) this.countdown.cancel();
    else if (state === "recording") this.send("record-end");
    else if (state === "idle") {
      this.open();
      this.begin();
    } else if (state !== "waiting") this.open();
    event.preventDefault();
  }

  /** Show the card, from whichever panel or tab. */
  open() {
    showPanel("operate");
    document.querySelector(`[role=tab][aria-controls=${$("c-record").closest("[role=tabpanel]").id}]`).click();
    $("c-record").scrollIntoView({ block: "nearest" });
  }

  // What is seen

  fresh() {
    $("c-record-before").value = $("c-record-after").value = "";
  }

  /** Preset by what the world said. */
  judge({ success }) {
    const value = success === null ? "unsure" : success ? "yes" : "no";
    document.querySelector(`[name=c-record-success][value=${value}]`).checked = true;
  }

  count(left) {
    if (left !== null) setText($("c-record-number"), `${left}`);
    this.show();
  }

  show() {
    const { message } = this;
    const { state, take } = message;
    const counting = this.countdown.running;
    $("c-record").dataset.state = counting ? "counting" : state;
    setText($("c-record-say"), this.sentence());
    $("c-record-begin").hidden = counting || state !== "idle";
    $("c-record-count").hidden = !counting;
    $("c-record-figures").hidden = !take;
    $("c-record-live").hidden = state !== "recording";
    $("c-record-keep").hidden = state !== "ended";
    if (take) showFigures($("c-record-figures"), message);
    setText($("c-record-foot"), foot(message));
    this.showLeft(message.unfinished ?? []);
    this.showLight(state, take);
    this.enable();
  }

  sentence() {
    const { state, take, sentence, note, episodes, unfinished } = this.message;
    if (this.countdown.running) return `Recording begins in ${this.countdown.left}.`;
    if (state === "off") return sentence;
    if (state === "opening") return "Opening the recordings …";
    if (state === "saving") return "Writing the episode …";
    if (state === "recording")
      return take.frames
        ? `Recording “${take.task}”.`
        : `Recording “${take.task}”. The first frame comes when the arm moves.`;
    if (state === "ended") {
      const empty = "The take has no frame: discard it, and record another one.";
      return `${take.ended} ${take.frames ? "Keep the take, or discard it." : empty}`.trim();
    }
    if (state !== "idle") return "Not connected to the console.";
    if (note) return note;
    if (unfinished.length) return "A take was interrupted. Look at it again, to keep or discard it.";
    return episodes
      ? "Ready. Press Record, then drive the arm, or let the policy act."
      : "Nothing is recorded yet. Press Record, then drive the arm, or let the policy act: you decide at " +
          "the end whether to keep it.";
  }

  showLeft(left) {
    const host = $("c-record-left");
    host.hidden = !left.length || this.message.state !== "idle" || this.countdown.running;
    const shown = JSON.stringify(left);
    if (this.leftShown === shown) return;
    this.leftShown = shown;
    host.replaceChildren(
      ...left.map(({ id, task, frames, seconds, operator }) =>
        el(
          "li",
          {},
          el(
            "span",
            {},
            `Interrupted: “${task}”, ${frames} frames, ${time(seconds)}${operator ? `, by ${operator}` : ""}`,
          ),
          el(
            "button",
            { type: "button", class: "c-small", onclick: () => this.send("record-resume", { take: id }) },
            "Keep or discard …",
          ),
        ),
      ),
    );
  }

  showLight(state, take) {
    const light = $("c-rec");
    light.hidden = !take;
    if (!take) return;
    light.dataset.state = state;
    // A small window shows the rest alone.
    const [word, rest] = state === "recording" ? ["REC ", time(take.seconds)] : ["take ", "waits"];
    setText(light.querySelector("b"), word);
    setText(light.querySelector("span span"), rest);
    light.title =
      state === "recording"
        ? "A take is being recorded. Click to see it."
        : "A take waits to be kept or discarded. Click to see it.";
  }

  enable() {
    this.permit.show($("c-record-go"), "record-begin", "Record what the arm does (T)");
    this.permit.show($("c-record-mark"), "record-mark", "Mark the latest frame as a keyframe (M)");
    this.permit.show($("c-record-end"), "record-end", "Record no more; you then keep or discard the take (T)");
    this.permit.show($("c-record-commit"), "record-commit", "Make the take an episode");
    this.permit.show($("c-record-discard"), "record-discard", "It goes to the trash, and can be restored");
    for (const button of $("c-record-left").querySelectorAll("button"))
      this.permit.show(button, "record-resume", "Look at the take again");
  }
}
