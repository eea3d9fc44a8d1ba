// What a retraining is begun with: the demonstrations, the method and the time.

import { el } from "../common/dom.js";

const SETS = { recordings: "Your recordings", sample: "The sample that comes with the console" };

export class RetrainingForm {
  constructor(send) {
    this.send = send;
    this.chosen = new Set();
    this.known = new Set();
    this.list = el("div", {
      class: "c-retrain-list",
      tabindex: "0",
      role: "group",
      "aria-label": "Demonstrations to learn from",
    });
    this.set = el("select", { id: "c-retrain-set", onchange: () => this.fill() });
    this.all = el("button", { type: "button", class: "c-small", onclick: () => this.choose(true) }, "All");
    this.none = el("button", { type: "button", class: "c-small", onclick: () => this.choose(false) }, "None");
    this.method = el("select", { id: "c-retrain-method" });
    this.minutes = el("input", {
      id: "c-retrain-minutes",
      type: "number",
      min: "0.05",
      max: "480",
      step: "any",
      value: "15",
    });
    this.count = el("span", { class: "c-dim", role: "status" });
    this.start = el(
      "button",
      { type: "button", class: "c-retrain-go", id: "c-retrain-start", onclick: () => this.begin() },
      "Start retraining",
    );
    this.node = el(
      "div",
      { class: "c-retrain-form", hidden: true },
      el("div", { class: "c-retrain-row" }, el("label", {}, "From", this.set), this.all, this.none, this.count),
      this.list,
      el(
        "div",
        { class: "c-retrain-row" },
        el("label", { title: "All weights learn more; adapters change less and forget less" }, "Method", this.method),
        el(
          "label",
          {
            title:
              "Computing time of the planner, and as much of the predictor, side by side; an evaluation of some " +
              "minutes follows",
          },
          "Minutes",
          this.minutes,
        ),
        this.start,
      ),
    );
  }

  show({ why, methods }, sets, running) {
    this.node.hidden = Boolean(why);
    this.running = running;
    if (!this.method.options.length)
      this.method.replaceChildren(...methods.map(({ key, label }) => el("option", { value: key }, label)));
    const names = Object.keys(SETS).filter((name) => sets[name]);
    if (names.join() !== [...this.set.options].map((option) => option.value).join()) {
      this.set.replaceChildren(...names.map((name) => el("option", { value: name }, SETS[name])));
      if (!sets[names[0]]?.episodes.length && names[1]) this.set.value = names[1];
    }
    this.sets = sets;
    this.fill();
  }

  /** The episodes of the chosen set; what is there for the first time is chosen if it ended in success. */
  fill() {
    const name = this.set.value;
    const episodes = this.sets?.[name]?.episodes ?? [];
    for (const { id, outcome } of episodes) {
      const key = `${name}/${id}`;
      if (this.known.has(key)) continue;
      this.known.add(key);
      if (outcome === "success") this.chosen.add(key);
    }
    const shown = JSON.stringify([name, episodes.map(({ version, id }) => [id, version])]);
    if (shown !== this.shown) {
      this.shown = shown;
      this.list.replaceChildren(
        ...episodes.map((episode) => this.row(name, episode)),
        episodes.length
          ? ""
          : el("p", { class: "c-dim" }, "Nothing is recorded yet. Record demonstrations on Operate, then come back."),
      );
    }
    this.tally();
  }

  row(name, { id, task, outcome, source, frames, recorded }) {
    const key = `${name}/${id}`;
    const learns = outcome === "success";
    const box = el("input", {
      type: "checkbox",
      value: id,
      checked: this.chosen.has(key),
      disabled: !learns,
      onchange: () => {
        if (box.checked) this.chosen.add(key);
        else this.chosen.delete(key);
        this.tally();
      },
    });
    const by = source === "human" ? "by hand" : source;
    const left = learns ? "" : ` · ${outcome}: not learned from`;
    const about = `${new Date(recorded * 1000).toLocaleString()} · ${frames} frames · ${by}${left}`;
    return el(
      "label",
      { class: learns ? null : "c-retrain-not" },
      box,
      el("span", {}, task),
      el("small", { class: "c-dim" }, about),
    );
  }

  choose(all) {
    for (const box of this.list.querySelectorAll("input:not(:disabled)")) {
      if (box.checked !== all) box.click();
    }
  }

  get episodes() {
    return [...this.list.querySelectorAll("input:checked:not(:disabled)")].map((box) => box.value);
  }

  tally() {
    const count = this.episodes.length;
    const text = count ? `${count} chosen` : "None is chosen";
    if (this.count.textContent !== text) this.count.textContent = text;
    this.allow(this.refusal ?? "");
  }

  allow(refusal) {
    this.refusal = refusal;
    const why =
      refusal ||
      (this.running ? "A retraining is under way: one at a time." : "") ||
      (this.episodes.length ? "" : "Choose a demonstration first.") ||
      (this.ordered ? "It is being started." : "");
    this.start.disabled = why !== "";
    this.start.title = why || "Start the retraining: it goes on if this page, or the console, is closed";
  }

  begin() {
    if (!this.minutes.reportValidity()) return;
    this.ordered = this.send({
      type: "retrain-start",
      set: this.set.value,
      episodes: this.episodes,
      method: this.method.value,
      minutes: Number(this.minutes.value),
    });
    this.allow(this.refusal ?? "");
  }

  settled() {
    this.ordered = false;
    this.allow(this.refusal ?? "");
  }
}
