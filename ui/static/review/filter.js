// The gallery's filter: words, task, outcome, source; and how many demonstrations each choice would show.

import { el } from "../common/dom.js";
import { OUTCOMES, SOURCES } from "./text.js";

const ALL = "";

export class ReviewFilter {
  constructor(changed) {
    this.words = el("input", {
      type: "search",
      id: "r-search",
      placeholder: "Search task, notes, operator",
      "aria-label": "Search demonstrations",
      autocomplete: "off",
      oninput: changed,
    });
    this.selects = Object.fromEntries(
      [
        ["task", "Task"],
        ["outcome", "Success"],
        ["source", "Source"],
      ].map(([key, label]) => [key, el("select", { id: `r-${key}`, "aria-label": label, onchange: changed })]),
    );
    this.node = el("div", { class: "r-filter", role: "search" }, this.words, ...Object.values(this.selects));
  }

  /** Offer what there is among these demonstrations, with counts. */
  offer(entries) {
    this.fill("task", "All tasks", entries, (task) => task);
    this.fill("outcome", "Any success", entries, (outcome) => OUTCOMES[outcome] ?? outcome);
    this.fill("source", "Any source", entries, (source) => SOURCES[source] ?? source);
  }

  fill(key, all, entries, label) {
    const select = this.selects[key];
    const counts = new Map();
    for (const entry of entries) counts.set(entry[key], (counts.get(entry[key]) ?? 0) + 1);
    const options = [
      [ALL, `${all} (${entries.length})`],
      ...[...counts]
        .sort(([a], [b]) => a.localeCompare(b))
        .map(([value, number]) => [value, `${label(value)} (${number})`]),
    ];
    const shown = JSON.stringify(options);
    if (shown === select.dataset.shown) return;
    const chosen = select.value;
    select.dataset.shown = shown;
    select.replaceChildren(...options.map(([value, text]) => el("option", { value }, text)));
    select.value = counts.has(chosen) ? chosen : ALL;
  }

  get active() {
    return Boolean(this.words.value.trim() || Object.values(this.selects).some(({ value }) => value !== ALL));
  }

  clear() {
    this.words.value = "";
    for (const select of Object.values(this.selects)) select.value = ALL;
  }

  chosen(entries) {
    const words = this.words.value.toLowerCase().split(/\s+/).filter(Boolean);
    return entries.filter(
      (entry) =>
        Object.entries(this.selects).every(([key, { value }]) => value === ALL || entry[key] === value) &&
        words.every((word) =>
          `${entry.task} ${entry.notes} ${entry.operator} ${entry.policy} ${entry.id}`.toLowerCase().includes(word),
        ),
    );
  }
}
