// The tabs: planner text, fine stage, cameras and correction. The log, the last, is in live/event_log.js.

import { el, setText, showPicture } from "../common/dom.js";
import { toggle } from "../common/enlarge.js";
import { memory } from "../common/storage.js";

const VIEW_NAMES = ["front", "left", "top"];
const OLD_S = 2; // the safety checks ask from this age on
const TOO_OLD_S = 10; // and refuse from this
const HEAT_KEY = "clap-heatmaps";
const $ = (id) => document.getElementById(id);

export class Details {
  constructor() {
    const tabs = [...document.querySelectorAll("#c-details [role=tab]")];
    const open = (chosen) =>
      tabs.forEach((tab) => {
        tab.setAttribute("aria-selected", tab === chosen);
        tab.tabIndex = tab === chosen ? 0 : -1;
        $(tab.getAttribute("aria-controls")).hidden = tab !== chosen;
        this.offerHeat();
        this.drawCameras();
      });
    tabs.forEach((tab, k) => {
      tab.addEventListener("click", () => open(tab));
      tab.addEventListener("keydown", (event) => {
        const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        if (!step) return;
        const next = tabs[(k + step + tabs.length) % tabs.length];
        open(next);
        next.focus();
      });
    });
    this.frames = [];
    this.heat = memory.getItem(HEAT_KEY) !== "off";
    $("c-heat").checked = this.heat;
    $("c-heat").addEventListener("change", (event) => this.showHeat(event.target.checked));
    setInterval(() => this.showAges(), 250);
  }

  /** @param {Protocol.Hello} message */
  hello({ ages }) {
    this.ages = ages;
  }

  /** @param {Protocol.Status} message */
  status(message) {
    const nothing = message.prediction ? `${message.policy} wrote nothing here.` : "Nothing written yet.";
    for (const round of ["look", "plan", "reason"]) setText($(`c-text-${round}`), message.texts[round] || nothing);
    if (!message.prediction) this.clearFine();
    this.moving = message.busy || message.driving;
    this.frames = message.frames ?? [];
    this.told = performance.now();
    this.showAges();
  }

  clearFine() {
    this.zoomed = null;
    $("c-fine").replaceChildren();
    this.offerHeat();
    setText($("c-fine-empty"), "The enlarged views around the keypoint appear here after Predict.");
  }

  /** @param {Page.Binary<Protocol.FineHeader>} message */
  fine(message) {
    this.zoomed = message;
    this.drawFine();
  }

  /** The switch stands beside the tabs, for the fine stage only. */
  offerHeat() {
    $("c-heat").closest("label").hidden = !this.zoomed?.heatmaps || isHidden("c-fine");
  }

  showHeat(on) {
    this.heat = on;
    memory.setItem(HEAT_KEY, on ? "on" : "off");
    if (this.zoomed) this.drawFine();
  }

  drawFine() {
    const { parts, heatmaps, data } = this.zoomed;
    const names = parts.map(([name]) => name).filter((name) => name.startsWith("zoom"));
    this.offerHeat();
    setText($("c-fine-empty"), names.length ? "" : "This policy computes its pose directly; it has no fine stage.");
    const heat = heatmaps && this.heat;
    this.tiles(
      $("c-fine"),
      names.map((_, k) => `${VIEW_NAMES[k]}, 4 ×${heat ? " · heatmap" : ""}`),
      names.map((name) => (heatmaps && !heat ? name.replace("zoom", "plain") : name)),
      data,
    );
  }

  /** @param {Page.Binary<Protocol.SceneHeader>} message */
  scene(message) {
    this.looked = message;
    this.drawCameras();
  }

  /** Only while their tab is open: decoding four pictures takes longer than all else that a scene brings. */
  drawCameras() {
    if (!this.looked || isHidden("c-cameras")) return;
    const { cameras, data } = this.looked;
    this.names = cameras;
    this.tiles(
      $("c-cameras"),
      cameras.map((name) => name.replaceAll("_", " ")),
      cameras.map((_, k) => `camera${k}`),
      data,
    );
    this.looked = null;
    this.showAges();
  }

  /** How old each camera's frame is; a frame that the robot would no longer act on is grey, with a warning. */
  showAges() {
    const since = this.told === undefined ? 0 : (performance.now() - this.told) / 1000;
    const watched = this.ages || this.moving; // a simulation at rest stays as its last frame shows it
    $("c-cameras")
      .querySelectorAll("figure")
      .forEach((figure, k) => {
        const frame = this.frames.find((entry) => entry.camera === this.names?.[k]);
        const seconds = frame && frame.age + since;
        const age = figure.querySelector(".c-age");
        const level = !watched || !frame || seconds < OLD_S ? "fresh" : seconds < TOO_OLD_S ? "old" : "too-old";
        figure.dataset.age = level;
        setText(
          age,
          frame
            ? `${level === "fresh" ? "" : "⚠ "}${ageText(seconds)}${watched || seconds < OLD_S ? "" : ", at rest"}`
            : "",
        );
        age.title =
          level === "fresh"
            ? "Age of the frame"
            : "The frame is old: the camera may have stopped. Check its cable, then press Redo.";
      });
  }

  tiles(host, titles, names, data) {
    if (host.querySelectorAll("figure").length !== names.length) {
      host.replaceChildren(
        ...titles.map(() => {
          const figure = el("figure", { class: "c-tile" });
          figure.append(
            el(
              "button",
              { type: "button", class: "c-tile-button", onclick: () => toggle(figure) },
              el("img", { alt: "" }),
            ),
            el("figcaption", {}, el("span"), el("span", { class: "c-age" })),
          );
          return figure;
        }),
      );
    }
    host.querySelectorAll("figure").forEach((figure, k) => {
      showPicture(figure.querySelector("img"), data[names[k]]);
      figure.querySelector("img").alt = titles[k];
      figure.querySelector("button").title = `${titles[k]}: click for larger or smaller`;
      setText(figure.querySelector("figcaption span"), titles[k]);
    });
  }
}

/** Whether another tab is open. (To ask for its size would have the page laid out at every message.) */
const isHidden = (id) => $(id).closest("[role=tabpanel]").hidden;

const ageText = (seconds) =>
  seconds < 10
    ? `${seconds.toFixed(1)} s old`
    : seconds < 120
      ? `${Math.round(seconds)} s old`
      : `${Math.round(seconds / 60)} min old`;
