// What an operator can do with demonstrations: the buttons of the gallery and of an opened one, allowed or not with the
// reason why. Everything but emptying the trash can be undone.

import { el, setText } from "../common/dom.js";
import { showPanel } from "../common/panels.js";
import { ReviewCommands } from "./commands.js";
import { ReviewKeyframes } from "./keyframes.js";
import { ReviewLabels } from "./labels.js";
import { ReviewTransfer } from "./transfer.js";
import { ReviewTrash } from "./trash.js";
import { count } from "./text.js";

const button = (id, text, title, onclick) =>
  el("button", { type: "button", class: "c-small", id, title, onclick }, text);

export class ReviewEditor {
  /** @param {import("../common/permit.js").Permit} permit */
  constructor(permit, settled) {
    this.commands = new ReviewCommands(permit, settled);
    const send = (type, fields) => this.send(type, fields);
    this.parts = {
      trash: new ReviewTrash(send),
      keyframes: new ReviewKeyframes(send),
      labels: new ReviewLabels((values) => this.send("demo-label", { episode: this.entry.id, ...values })),
    };
    this.transfer = new ReviewTransfer(permit, this.commands);
    this.trash = this.parts.trash.node;
    this.labels = this.parts.labels.node;
    this.keyframeTools = this.parts.keyframes.tools;
    this.made = new Map(); // id -> what was made of it
    this.ids = [];
    this.undo = button("r-undo", "Undo", "", () => this.send("demo-undo"));
    this.deleteChosen = button("r-delete-chosen", "Delete", "Move the chosen demonstrations to the trash", () =>
      this.send("demo-delete", { episodes: this.ids }),
    );
    this.sample = button("r-show-sample", "Show the sample", "Look at the takes that ship with the console", () =>
      this.toggleSample(),
    );
    this.copySample = button("r-copy-sample", "Copy them into the recordings", "", () => this.send("demo-copy-sample"));
    this.setTools = el(
      "div",
      { class: "r-tools", role: "group", "aria-label": "What to do with demonstrations" },
      this.undo,
      this.deleteChosen,
      ...this.transfer.buttons,
      this.sample,
    );
    this.trimStart = button("r-trim-start", "Keep from here on", "Trim: the frames before this one go", () =>
      this.send("demo-trim", { episode: this.entry.id, start: this.cursor(), stop: this.detail.frames }),
    );
    this.trimStop = button("r-trim-stop", "Keep up to here", "Trim: the frames after this one go", () =>
      this.send("demo-trim", { episode: this.entry.id, start: 0, stop: this.cursor() + 1 }),
    );
    this.split = button("r-split", "Split here", "Make two demonstrations, the second from this frame on", () =>
      this.send("demo-split", { episode: this.entry.id, frame: this.cursor() }),
    );
    this.remove = button("r-delete", "Delete", "Move it to the trash", () =>
      this.send("demo-delete", { episodes: [this.entry.id] }),
    );
    this.replay = button("r-replay", "Replay keyframes", "", () => this.beginReplay(false));
    this.replayAll = button("r-replay-all", "Replay every frame", "", () => this.beginReplay(true));
    this.replayNote = el("p", { class: "r-replay", id: "r-replay-note", role: "status", hidden: true });
    this.actions = el(
      "div",
      { class: "r-actions" },
      el(
        "div",
        { class: "r-tools", role: "group", "aria-label": "What to do with this demonstration" },
        this.replay,
        this.replayAll,
        this.trimStart,
        this.trimStop,
        this.split,
        this.remove,
        this.transfer.exportOne(
          () => this.entry && [this.entry.id],
          () => this.set,
        ),
      ),
      this.replayNote,
    );
  }

  async send(type, fields) {
    const before = this.entry?.id;
    const answer = await this.commands.send(type, fields);
    if (answer.ok && before && answer.made.length && (type === "demo-trim" || type === "demo-split"))
      this.made.set(before, answer.made[0]);
    if (answer.ok && type === "demo-undo") this.made.clear();
    return answer;
  }

  async beginReplay(everyFrame) {
    const { id } = this.entry;
    const answer = await this.commands.send(
      "demo-replay",
      { episode: id, set: this.set, every_frame: everyFrame },
      { quiet: true },
    );
    if (!answer.ok) this.replayed({ state: "failed", sentence: answer.sentence, episode: id });
  }

  /** What the demonstration of this id became by a cut, among `entries`. */
  successor(entries, id) {
    return entries.find((entry) => entry.id === this.made.get(id));
  }

  // What is told

  status() {
    this.refresh();
  }

  told(message) {
    this.undoable = message.undo;
    if (message.replay) this.replayed(message.replay);
    this.refresh();
  }

  /** How a replay goes; it stays with its demonstration. */
  replayed(replay) {
    this.lastReplay = replay;
    const shown = replay && replay.episode === this.entry?.id;
    this.replayNote.hidden = !shown;
    this.replayNote.dataset.state = shown ? replay.state : "";
    if (!shown) return;
    this.replayNote.replaceChildren(
      el("span", {}, replay.sentence),
      button("", "Watch on Operate", "", () => showPanel("operate")),
    );
  }

  // What is shown

  show(sets, set, ids, toggleSample) {
    this.ids = ids;
    this.toggleSample = toggleSample;
    this.listedSet = set;
    this.parts.trash.show(set === "recordings" ? (sets.recordings?.trash ?? []) : [], this.commands.why());
    this.deleteChosen.hidden = ids.length === 0 || set === "sample";
    this.deleteChosen.textContent = `Delete ${count(ids.length, "demonstration")}`;
    this.sample.hidden = set === "sample" || !sets.sample?.episodes.length || !sets.recordings?.episodes.length;
    this.transfer.show(set, ids, sets[set]?.episodes ?? []);
    this.refresh();
  }

  open(set, entry, detail, cursor) {
    this.set = set;
    this.entry = entry;
    this.detail = detail;
    this.cursor = cursor;
    this.parts.keyframes.open(detail, cursor);
    this.parts.labels.open(detail);
    this.replayed(this.lastReplay);
    this.refresh();
  }

  lineTools(frame, k) {
    return this.set === "sample" ? [] : this.parts.keyframes.lineTools(frame, k);
  }

  moved(frame) {
    this.parts.keyframes.moved(frame);
    this.refreshCuts(this.commands.why(this.set));
  }

  /** Allow what is possible now; everything else says why not. */
  refresh() {
    const reason = this.commands.why();
    const here = this.commands.why(this.set);
    for (const node of [this.undo, this.deleteChosen, this.copySample]) node.disabled = reason !== "";
    this.undo.hidden = !this.undoable;
    this.undo.title = reason || `Undo: ${this.undoable}`;
    setText(this.undo, "Undo");
    this.deleteChosen.title = reason || "Move the chosen demonstrations to the trash";
    this.copySample.title = reason || "Copy these takes into the recordings, where they can be changed";
    for (const restore of this.trash.querySelectorAll("button")) restore.disabled = reason !== "";
    this.transfer.refresh(reason);
    this.parts.labels.refresh(here);
    this.parts.keyframes.refresh(here);
    this.remove.disabled = here !== "";
    const noReplay = this.commands.whyNoReplay();
    this.replay.disabled = this.replayAll.disabled = noReplay !== "";
    this.replay.title =
      noReplay || "Set the scene up as it was, and carry the keyframes out again; the world judges the end";
    this.replayAll.title =
      noReplay || "Set the scene up as it was, and drive the arm through all that was recorded, at driving pace";
    this.refreshCuts(here);
  }

  refreshCuts(reason) {
    if (!this.detail || !this.cursor) return;
    const at = this.cursor();
    const allow = (node, possible) => (node.disabled = reason !== "" || !possible);
    allow(this.trimStart, at > 0);
    allow(this.trimStop, at < this.detail.frames - 1);
    allow(this.split, at > 0);
  }
}
