// Demonstrations in and out: a download of those that are chosen, and a file that is taken in.

import { openDialog } from "../common/dialog.js";
import { el } from "../common/dom.js";
import { bytes, count } from "./text.js";

const MAX_IDS = 150; // as many as an address holds
const PATIENCE_MS = 600_000; // for gigabytes to be taken in
const FORMATS = [
  ["lerobot", "LeRobot v3", "Parquet with embedded pictures; LeRobot 0.4 and newer"],
  [
    "lerobot-language",
    "LeRobot v3 with language columns",
    "The sub-tasks as LeRobot 0.6 and newer read them; older versions refuse it",
  ],
  ["gembench", "GemBench keysteps", "One LMDB for each task: the keyframes' pictures, points and actions"],
];

export class ReviewTransfer {
  /** @param {import("../common/permit.js").Permit} permit */
  constructor(permit, commands) {
    this.permit = permit;
    this.commands = commands;
    this.ids = [];
    this.entries = [];
    this.exportAll = el(
      "button",
      {
        type: "button",
        class: "c-small",
        id: "r-export",
        onclick: () => this.offer(this.ids.length ? this.ids : this.entries.map(({ id }) => id), this.set),
      },
      "Export …",
    );
    this.importButton = el(
      "button",
      { type: "button", class: "c-small", id: "r-import", onclick: () => this.ask() },
      "Import …",
    );
    this.buttons = [this.exportAll, this.importButton];
  }

  exportOne(ids, set) {
    return el(
      "button",
      { type: "button", class: "c-small", id: "r-export-one", onclick: () => this.offer(ids(), set()) },
      "Export …",
    );
  }

  show(set, ids, entries) {
    this.set = set;
    this.ids = ids;
    this.entries = entries;
    this.exportAll.hidden = entries.length === 0;
    this.exportAll.textContent = ids.length ? `Export ${count(ids.length, "demonstration")} …` : "Export …";
  }

  refresh(reason) {
    this.importButton.disabled = reason !== "";
    this.importButton.title =
      reason ||
      "Take in a LeRobot set with depth, GemBench keysteps or RLBench’s stored demonstrations, from a zip file";
  }

  offer(ids, set) {
    const size = this.entries.filter(({ id }) => ids.includes(id)).reduce((sum, entry) => sum + entry.bytes, 0);
    const all = ids.length === this.entries.length;
    const folder = set === "sample" ? "demos/sample_set" : (window.__clap.recording?.folder ?? "FOLDER");
    const chosen = all ? [] : ids.map((id) => ["episode", id]);
    const asked = (format) => new URLSearchParams([["set", set], ["format", format], ...chosen]);
    const address = (format) => `/clap/demonstrations-export?${asked(format)}`;
    const note = el("p", { role: "status", id: "r-export-note" });
    openDialog({
      id: "r-export-dialog",
      title: `Export ${count(ids.length, "demonstration")}`,
      body: [
        el("p", {}, `A zip file of some ${bytes(size)}. It is made first; the download begins when it is ready.`),
        ...(!all && ids.length > MAX_IDS
          ? [el("p", { class: "c-problem" }, `Choose at most ${MAX_IDS}, or none for all.`)]
          : FORMATS.map(([format, title, text]) =>
              el(
                "p",
                { class: "r-format" },
                el(
                  "button",
                  {
                    type: "button",
                    class: "c-small",
                    "data-format": format,
                    onclick: () => this.make(address(format), note),
                  },
                  title,
                ),
                el("small", { class: "c-dim" }, text),
              ),
            )),
        note,
        el(
          "p",
          { class: "c-dim" },
          "To publish on the Hugging Face Hub, with a card, set HF_TOKEN and run in a terminal (first with " +
            "--dry-run, which sends nothing):",
        ),
        el(
          "code",
          { class: "r-command" },
          `python -m demos ${folder} push OWNER/NAME ${all ? "" : `${ids.join(" ")} `}--dry-run`,
        ),
      ],
    });
  }

  /** Have a file made, then let the browser fetch it; what keeps it from being made is told in `note`. */
  async make(address, note) {
    note.textContent = "The file is being made …";
    try {
      const answer = await fetch(address);
      const found = await answer.json();
      if (!answer.ok) throw new Error(found.sentence ?? "It could not be made.");
      const link = el("a", { href: `/clap/demonstrations-export/${found.ticket}`, download: found.name }, found.name);
      note.replaceChildren("Ready: ", link, ` (${bytes(found.bytes)})`);
      link.click();
    } catch (error) {
      note.textContent =
        error instanceof TypeError || error instanceof SyntaxError ? "The connection was lost." : error.message;
    }
  }

  ask() {
    const file = el("input", { type: "file", id: "r-file", accept: ".zip,application/zip", required: true });
    const task = el("input", {
      type: "text",
      id: "r-import-task",
      maxlength: 300,
      autocomplete: "off",
      placeholder: "for instance: close the red jar",
    });
    const note = el("p", { role: "status", id: "r-import-note" });
    const send = el("button", { type: "submit", class: "c-small", id: "r-import-send" }, "Import");
    const close = openDialog({
      id: "r-import-dialog",
      title: "Import demonstrations",
      body: el(
        "form",
        {
          class: "r-labels",
          onsubmit: async (event) => {
            event.preventDefault();
            send.disabled = true;
            note.textContent = "Sending and reading the file …";
            const sentence = await this.upload(file.files[0], task.value.trim());
            if (sentence) {
              note.textContent = sentence;
              send.disabled = false;
            } else close();
          },
        },
        el(
          "p",
          {},
          "A zip file with a LeRobot v3 set that has depth, with GemBench keysteps (a folder such as " +
            "“close_jar+15”), or with stored demonstrations of RLBench (their folders, such as “episode0”).",
        ),
        el("label", {}, "Zip file", file),
        el("label", {}, "Instruction, for GemBench keysteps, which hold none", task),
        send,
        note,
      ),
    });
  }

  /** Send a file; the sentence that says why it was not taken in, empty if it was. */
  async upload(file, task) {
    const id = this.commands.next++;
    const arrived = new Promise((resolve) =>
      this.commands.waiting.set(id, (answer) => {
        if (answer.ok) this.commands.tell(answer);
        resolve(answer.ok ? "" : answer.sentence);
      }),
    );
    try {
      const answer = await fetch(`/clap/demonstrations-import?${new URLSearchParams({ id: String(id), task })}`, {
        method: "POST",
        body: file,
        headers: { "Content-Type": "application/zip", "X-Clap-Seat": this.permit.link.seat ?? "" },
      });
      if (!answer.ok) throw new Error((await answer.json()).sentence);
      this.commands.giveUp(id, PATIENCE_MS);
      return await arrived;
    } catch (error) {
      this.commands.waiting.delete(id);
      return error instanceof TypeError ? "The connection was lost." : error.message;
    }
  }
}
