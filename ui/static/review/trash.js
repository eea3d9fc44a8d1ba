// The trash: what was deleted, with a button to bring it back. Only emptying it loses something, and asks first.

import { openDialog } from "../common/dialog.js";
import { el } from "../common/dom.js";
import { bytes, count, when } from "./text.js";

export class ReviewTrash {
  constructor(send) {
    this.send = send;
    this.summary = el("summary", {});
    this.list = el("ul", { class: "r-trash-list" });
    this.empty = el(
      "button",
      { type: "button", class: "c-small", id: "r-empty-trash", onclick: () => this.ask() },
      "Empty the trash …",
    );
    this.node = el(
      "details",
      { class: "c-section r-trash", id: "r-trash", hidden: true },
      this.summary,
      this.list,
      this.empty,
    );
  }

  show(entries, reason) {
    this.node.hidden = entries.length === 0;
    this.entries = entries;
    this.empty.disabled = reason !== "";
    this.empty.title = reason;
    const shown = JSON.stringify([entries, reason]);
    if (shown === this.shown) return;
    this.shown = shown;
    const size = entries.reduce((sum, entry) => sum + entry.bytes, 0);
    this.summary.textContent = `Trash: ${count(entries.length, "entry", "entries")}, ${bytes(size)}`;
    this.list.replaceChildren(
      ...entries.map(({ id, task, why, when: time, is_take: isTake }) =>
        el(
          "li",
          {},
          el(
            "span",
            {},
            el("b", {}, task || id),
            el("small", { class: "c-dim" }, ` ${isTake ? "A discarded take. " : ""}${why} ${when(time)}`),
          ),
          el(
            "button",
            {
              type: "button",
              class: "c-small",
              disabled: reason !== "",
              title: reason,
              "data-restore": id,
              onclick: () => this.send("demo-restore", { episodes: [id] }),
            },
            "Restore",
          ),
        ),
      ),
    );
  }

  ask() {
    const size = bytes(this.entries.reduce((sum, entry) => sum + entry.bytes, 0));
    const all = count(this.entries.length, "entry", "entries");
    const close = openDialog({
      id: "r-empty-dialog",
      title: "Empty the trash?",
      body: [
        el("p", {}, `${all} (${size}) will be removed from the disk for good. This cannot be undone.`),
        el(
          "div",
          { class: "r-buttons" },
          el(
            "button",
            {
              type: "button",
              class: "c-small",
              id: "r-empty-sure",
              onclick: () => {
                close();
                this.send("demo-empty-trash");
              },
            },
            "Remove for good",
          ),
          el("button", { type: "button", class: "c-small", onclick: () => close() }, "Keep them"),
        ),
      ],
    });
  }
}
