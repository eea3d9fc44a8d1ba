// The Demonstrations panel: the gallery, and one demonstration opened. It asks for the list while it is shown, so that
// what others record, change and delete is seen by itself.

import { el } from "../common/dom.js";
import { ReviewEditor } from "./editor.js";
import { ReviewEpisode } from "./episode.js";
import { ReviewFilter } from "./filter.js";
import { ReviewGallery, tell } from "./gallery.js";
import { ReviewStore } from "./store.js";
import { emptyNote, sampleNote } from "./notes.js";

const NAME = "demonstrations";

export class ReviewPanel {
  /** @param {import("../common/permit.js").Permit} permit */
  constructor(permit) {
    this.permit = permit;
    this.host = document.getElementById(`c-${NAME}-body`);
    this.store = new ReviewStore(
      () => this.isShown,
      (sets, sentence) => this.changed(sets, sentence),
    );
    this.editor = new ReviewEditor(permit, () => this.store.load());
    this.filter = new ReviewFilter(() => this.show());
    this.gallery = new ReviewGallery(
      (entry) => this.open(entry),
      () => this.chosen(),
    );
    this.wantsSample = false;
    this.build();
    document.addEventListener("clap-panel", () => (this.isShown ? this.store.load() : this.episode?.player?.pause()));
    if (this.isShown) this.store.load();
  }

  get isShown() {
    return document.body.dataset.panel === NAME;
  }

  build() {
    this.counts = el("p", { class: "c-dim", role: "status", id: "r-counts" });
    this.problems = el("div");
    this.note = el("div");
    this.none = el(
      "p",
      { class: "c-dim", id: "r-none", hidden: true },
      "No demonstration fits this filter. ",
      el(
        "button",
        {
          type: "button",
          class: "c-small",
          onclick: () => {
            this.filter.clear();
            this.show();
          },
        },
        "Show all",
      ),
    );
    this.all = el(
      "div",
      { class: "r-all" },
      el("div", { class: "r-top" }, el("div", {}, el("h2", {}, "Demonstrations"), this.counts), this.editor.setTools),
      this.problems,
      this.note,
      this.filter.node,
      this.none,
      this.gallery.node,
      this.editor.trash,
    );
    this.host.replaceChildren(this.all);
  }

  /** @param {Protocol.Hello} message */
  hello({ views, workspace }) {
    if (this.episode) return;
    this.episode = new ReviewEpisode({ views, workspace }, this.store, this.editor, () => this.back());
    this.host.append(this.episode.node);
  }

  status() {
    this.editor.status();
  }

  lease() {
    this.editor.refresh();
  }

  linkChanged() {
    this.editor?.refresh();
  }

  /** @param {Protocol.ReviewState} message */
  review(message) {
    this.editor.told(message);
  }

  /** @param {Protocol.EditDone} message */
  "review-done"(message) {
    this.editor.commands.answered(message);
  }

  // The list

  changed(sets, sentence) {
    this.host.setAttribute("aria-busy", "false");
    if (!sets) {
      this.problems.replaceChildren(el("p", { class: "c-problem", role: "alert" }, sentence));
      return;
    }
    this.sets = sets;
    this.show();
    this.follow();
  }

  /** The set that is shown: the recordings, or the sample where there are none yet or where it is asked for. */
  get set() {
    const { recordings, sample } = this.sets;
    const samples = sample?.episodes.length > 0;
    return samples && (this.wantsSample || !recordings?.episodes.length)
      ? "sample"
      : recordings
        ? "recordings"
        : "sample";
  }

  get entries() {
    return this.sets?.[this.set]?.episodes ?? [];
  }

  show() {
    if (!this.sets) return;
    const { set, entries } = this;
    const { recordings } = this.sets;
    const shown = this.filter.chosen(entries);
    this.filter.offer(entries);
    this.filter.node.hidden = entries.length === 0;
    this.none.hidden = entries.length === 0 || shown.length > 0;
    tell(this.counts, entries, shown);
    this.counts.hidden = entries.length === 0;
    this.problems.replaceChildren(
      ...(this.sets[set]?.problems ?? []).map((text) => el("p", { class: "c-problem", role: "status" }, text)),
    );
    this.note.replaceChildren(
      ...(recordings?.episodes.length ? [] : [emptyNote(Boolean(recordings))]),
      ...(set === "sample"
        ? [sampleNote(this.editor, Boolean(recordings?.episodes.length), () => this.toggleSample())]
        : []),
    );
    this.gallery.show(set, shown);
    this.editor.show(this.sets, set, this.gallery.keepTicks(entries), () => this.toggleSample());
  }

  toggleSample() {
    this.wantsSample = !this.wantsSample;
    this.gallery.ticked.clear();
    this.show();
  }

  chosen() {
    this.editor.show(this.sets, this.set, this.gallery.keepTicks(this.entries), () => this.toggleSample());
  }

  // One of them

  open(entry) {
    this.all.hidden = true;
    this.host.parentElement.scrollTop = 0;
    this.episode.open(this.set, entry);
  }

  back() {
    const was = this.episode.entry?.id;
    this.episode.close();
    this.all.hidden = false;
    this.show();
    if (was) this.gallery.focus(was);
  }

  /** The opened one has been changed, cut, or deleted, here or elsewhere. */
  follow() {
    if (!this.episode?.isOpen || !this.episode.entry) return;
    const { entry, set } = this.episode;
    const now = this.sets[set]?.episodes.find(({ id }) => id === entry.id);
    if (now && now.version !== entry.version) this.episode.open(set, now);
    else if (!now && this.episode.detail) {
      const next = this.editor.successor(this.sets[set]?.episodes ?? [], entry.id);
      if (next) this.episode.open(set, next);
      else this.back();
    }
  }
}
