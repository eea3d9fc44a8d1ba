// The tabs: planner text, fine stage, cameras, and the log with its newest line first.

import { el, setText, showPicture } from "./dom.js";

const VIEW_NAMES = ["front", "left", "top"];
const LOG_LENGTH = 300;
const $ = (id) => document.getElementById(id);

export class Details {
  constructor() {
    const tabs = [...document.querySelectorAll("#c-details [role=tab]")];
    const open = (chosen) => tabs.forEach((tab) => {
      tab.setAttribute("aria-selected", tab === chosen);
      tab.tabIndex = tab === chosen ? 0 : -1;
      $(tab.getAttribute("aria-controls")).hidden = tab !== chosen;
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
  }

  status(message) {
    setText($("c-text-look"), message.texts.look || "Nothing written yet.");
    setText($("c-text-plan"), message.texts.plan || "Nothing written yet.");
    setText($("c-text-reason"), message.texts.reason || (message.expert ? "The scripted expert writes no text here." : "Nothing written yet."));
    if (!message.prediction) this.clearFine();
  }

  clearFine() {
    $("c-fine").replaceChildren();
    setText($("c-fine-empty"), "The enlarged views around the keypoint appear here after Predict.");
  }

  fine(message) {
    const names = message.parts.map(([name]) => name);
    setText($("c-fine-empty"), names.length ? "" : "This policy computes its pose directly; it has no fine stage.");
    this.tiles($("c-fine"), names.map((_, k) => `${VIEW_NAMES[k]}, 4 × ${message.heatmaps ? "· heatmap" : ""}`), names, message.data);
  }

  cameras(message) {
    this.tiles($("c-cameras"), message.cameras.map((name) => name.replaceAll("_", " ")), message.cameras.map((_, k) => `camera${k}`), message.data);
  }

  tiles(host, titles, names, data) {
    if (host.querySelectorAll("figure").length !== names.length) {
      host.replaceChildren(...titles.map(() => el("figure", {}, el("img", { alt: "" }), el("figcaption"))));
    }
    host.querySelectorAll("figure").forEach((figure, k) => {
      showPicture(figure.querySelector("img"), data[names[k]]);
      figure.querySelector("img").alt = titles[k];
      setText(figure.querySelector("figcaption"), titles[k]);
    });
  }

  clearLog() {
    $("c-log").replaceChildren();
  }

  log(lines) {
    const list = $("c-log");
    list.prepend(...lines.reverse().map((line) => el("li", { class: `c-${line.level}` },
      el("time", {}, new Date(line.time * 1000).toLocaleTimeString("en-GB")), el("span", {}, line.text))));
    while (list.children.length > LOG_LENGTH) list.lastChild.remove();
  }
}
