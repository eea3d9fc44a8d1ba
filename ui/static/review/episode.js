// One demonstration, opened: the scrubber with views, camera, 3D scene and charts on the left, what is known of it on
// the right. Its parts are made once; another demonstration is shown in the same ones.

import { el, setText } from "../common/dom.js";
import { writing } from "../common/keys.js";
import { ReviewCharts } from "./charts.js";
import { about, findings, keyframeLines } from "./details.js";
import { ReviewPictures } from "./pictures.js";
import { ReviewPlayer } from "./player.js";
import { ReviewScene } from "./scene.js";
import { outcomeChip, sourceChip } from "./text.js";
import { ReviewTimeline } from "./timeline.js";

export class ReviewEpisode {
  /** `table`: views and workspace; `back` closes it. `editor` gives what can be done with it, see review_editor.js. */
  constructor(table, store, editor, back) {
    Object.assign(this, { store, editor });
    const go = (frame) => this.act("step", frame - this.player.cursor);
    this.go = go;
    this.pictures = new ReviewPictures(table);
    this.scene = window.__clap.reviewScene = new ReviewScene(table);
    this.timeline = new ReviewTimeline((verb, value) => this.act(verb, value));
    this.charts = new ReviewCharts(go);
    this.title = el("h2", { id: "r-title", tabindex: "-1" });
    this.chips = el("span", { class: "r-chips" });
    this.problem = el("p", { class: "c-problem", role: "alert", hidden: true });
    this.keyframes = el("div");
    this.remarks = el("div");
    this.about = el("div");
    const section = (title, ...content) => el("section", { class: "c-section", "aria-label": title }, el("h3", {}, title), ...content);
    this.node = el("article", { class: "r-episode", "aria-labelledby": "r-title", hidden: true },
      el("header", { class: "r-head" }, el("button", { type: "button", class: "c-small", id: "r-back", onclick: back }, "← All demonstrations"), this.title, this.chips, editor.actions),
      this.problem,
      el("div", { class: "r-columns" },
        el("div", { class: "r-left" }, this.pictures.node, this.timeline.node, this.charts.node, section("Checks", this.remarks)),
        el("div", { class: "r-right" }, el("div", { class: "r-sights" }, this.scene.host, this.pictures.camera),
          el("section", { class: "c-section", "aria-label": "Keyframes and steps" }, el("div", { class: "r-section-head" }, el("h3", {}, "Keyframes and steps"), editor.keyframeTools), this.keyframes),
          section("Labels", editor.labels), section("About", this.about))));
    addEventListener("keydown", (event) => this.key(event));
  }

  get isOpen() {
    return !this.node.hidden;
  }

  /** Show a demonstration; the cursor stays where it is if it is the same one, edited. */
  async open(set, entry) {
    const same = this.detail?.id === entry.id;
    if (!same) this.detail = null;
    const cursor = same ? this.player?.cursor ?? 0 : 0;
    Object.assign(this, { set, entry });
    this.node.hidden = false;
    this.node.setAttribute("aria-busy", "true");
    if (!same) this.title.textContent = entry.task;
    try {
      const detail = await this.store.open(set, entry);
      if (this.entry === entry) this.show(detail, same, cursor);
    } catch (error) {
      if (this.entry === entry) this.fail(error.message);
    }
    if (this.entry === entry) this.node.setAttribute("aria-busy", "false"); // else another one is on its way
  }

  show(detail, same, cursor) {
    const { set, entry } = this;
    this.detail = detail;
    this.player?.close();
    this.problem.hidden = true;
    this.player = new ReviewPlayer({
      detail, fetchFrame: (frame) => this.store.frame(set, entry, frame), moved: (frame) => this.moved(frame), pictured: (header) => this.pictured(header),
      played: (on) => this.timeline.play(on), failed: (sentence) => this.fail(sentence),
    });
    if (!same) this.pictures.open(detail.cameras);
    setText(this.title, detail.task);
    this.chips.replaceChildren(outcomeChip(detail.outcome), sourceChip(detail.source), set === "sample" ? el("span", { class: "r-chip" }, "sample, read only") : "");
    this.timeline.open(detail);
    this.timeline.play(false);
    this.charts.open(detail);
    this.remarks.replaceChildren(...findings(detail, this.go));
    this.about.replaceChildren(about(detail));
    this.editor.open(set, entry, detail, () => this.player.cursor);
    this.keyframes.replaceChildren(...keyframeLines(detail, this.go, (frame, k) => this.editor.lineTools(frame, k)));
    this.player.go(cursor);
    if (!same) this.title.focus();
  }

  fail(sentence) {
    setText(this.problem, sentence);
    this.problem.hidden = false;
  }

  close() {
    this.player?.close();
    this.node.hidden = true;
    this.entry = this.detail = null;
  }

  act(verb, value) {
    this.player?.[verb](value);
  }

  moved(frame) {
    const { detail } = this;
    this.timeline.move(frame);
    this.charts.move(frame);
    this.scene.pose(detail.poses[frame], detail.gripper[frame]);
    this.pictures.pose(detail.poses[frame].slice(0, 3));
    const current = detail.keyframes.find((keyframe) => keyframe >= frame);
    for (const line of this.keyframes.querySelectorAll("[data-frame]")) line.classList.toggle("r-here", Number(line.dataset.frame) === current);
    this.editor.moved(frame);
    window.__clap.review = { frame, id: detail.id, shown: this.player.shown };
  }

  pictured(header) {
    this.pictures.scene(header);
    this.scene.scene(header);
    window.__clap.review.shown = this.player.shown;
  }

  key(event) {
    if (!this.isOpen || !this.detail || document.body.dataset.panel !== "demonstrations" || writing(event.target) || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (event.target.closest?.("[role=tablist], select, canvas")) return;
    const act = { ArrowLeft: ["step", -1], ArrowRight: ["step", 1], ArrowUp: ["toKeyframe", -1], ArrowDown: ["toKeyframe", 1], Home: ["step", -1e9], End: ["step", 1e9], p: ["toggle"] }[event.key];
    if (!act) return;
    event.preventDefault();
    this.act(...act);
  }
}

export const SHORTCUTS = [["← / →", "Demonstrations: a frame back or on"], ["↑ / ↓", "Demonstrations: to the keyframe before or after"], ["P", "Demonstrations: play or pause"]];
