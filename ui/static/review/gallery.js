// The gallery: a card with a film strip for each demonstration. Cards are kept from one list to the next, so that
// nothing flickers while others record.

import { el, setText } from "../common/dom.js";
import { address } from "./store.js";
import { count, facts, outcomeChip, sourceChip } from "./text.js";

export class ReviewGallery {
  /** `open` is told which demonstration to show, `chosen` that others are ticked. */
  constructor(open, chosen) {
    this.open = open;
    this.chosen = chosen;
    this.cards = new Map();
    this.ticked = new Set();
    this.node = el("ul", { class: "r-gallery", "aria-label": "Demonstrations" });
  }

  show(set, entries) {
    const known = new Map();
    const nodes = entries.map((entry) => {
      const key = `${set} ${entry.id} ${entry.version} ${JSON.stringify(entry.findings)}`;
      const card = this.cards.get(key) ?? this.card(set, entry);
      known.set(key, card);
      card.querySelector("input").checked = this.ticked.has(entry.id);
      return card;
    });
    this.cards = known;
    const same = nodes.length === this.node.children.length && nodes.every((node, k) => node === this.node.children[k]);
    if (!same) this.node.replaceChildren(...nodes);
  }

  card(set, entry) {
    const strip = el("img", {
      src: address(set, entry, "/film"),
      loading: "lazy",
      alt: "",
      onerror: () => strip.replaceWith(el("p", { class: "r-no-strip" }, "No pictures can be read.")),
    });
    const findings = entry.findings ?? [];
    const tick = el("input", {
      type: "checkbox",
      "aria-label": `Choose “${entry.task}”`,
      onchange: () => {
        if (tick.checked) this.ticked.add(entry.id);
        else this.ticked.delete(entry.id);
        this.chosen();
      },
    });
    return el(
      "li",
      { class: "r-card", "data-id": entry.id },
      el(
        "button",
        { type: "button", class: "r-open", onclick: () => this.open(entry) },
        el("span", { class: "r-strip" }, strip),
        el("b", {}, entry.task),
        el(
          "span",
          { class: "r-chips" },
          outcomeChip(entry.outcome),
          sourceChip(entry.source),
          findings.length
            ? el(
                "span",
                { class: "r-chip r-warn", title: findings.join(", ") },
                `⚠ ${count(findings.length, "remark")}`,
              )
            : null,
        ),
        el("small", { class: "c-dim" }, facts(entry)),
        entry.notes ? el("small", { class: "r-notes" }, entry.notes) : null,
      ),
      el("label", { class: "r-tick" }, tick),
    );
  }

  /** Forget ticks of demonstrations that are gone; the ids that stay. */
  keepTicks(entries) {
    const there = new Set(entries.map(({ id }) => id));
    for (const id of [...this.ticked]) if (!there.has(id)) this.ticked.delete(id);
    return [...this.ticked];
  }

  focus(id) {
    this.node.querySelector(`[data-id="${CSS.escape(id)}"] .r-open`)?.focus();
  }
}

/** The line above the gallery: how many there are, and how many are shown. */
export function tell(node, entries, shown) {
  const tasks = new Set(entries.map(({ task }) => task)).size;
  const good = entries.filter(({ outcome }) => outcome === "success").length;
  const all = `${count(entries.length, "demonstration")} of ${count(tasks, "task")}, ${good} succeeded`;
  setText(node, shown.length === entries.length ? all : `${shown.length} shown of ${all}`);
}
