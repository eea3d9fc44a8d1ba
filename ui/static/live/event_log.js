// The log of events, newest first: filtered by kind and text, copied, or saved as CSV or JSON.

import { el, setText } from "../common/dom.js";

const LENGTH = 300;
const LEVELS = { all: "everything", notable: "warnings and errors", bad: "errors only" };
const PASSES = {
  all: () => true,
  notable: ({ level }) => level === "warn" || level === "bad",
  bad: ({ level }) => level === "bad",
};
const $ = (id) => document.getElementById(id);

export class EventLog {
  constructor() {
    this.lines = [];
    $("c-log-level").replaceChildren(...Object.entries(LEVELS).map(([value, label]) => el("option", { value }, label)));
    $("c-log-level").addEventListener("change", () => this.show());
    $("c-log-text").addEventListener("input", () => this.show());
    $("c-log-copy").addEventListener("click", () => this.copy());
    $("c-log-csv").addEventListener("click", () => save("csv", "text/csv", csv(this.shown())));
    $("c-log-json").addEventListener("click", () =>
      save("json", "application/json", JSON.stringify(this.shown().map(record), null, 1)),
    );
    this.show();
  }

  hello() {
    this.lines = []; // the server tells them again
    this.show();
  }

  log({ lines }) {
    this.lines.push(...lines);
    this.lines.splice(0, Math.max(0, this.lines.length - LENGTH));
    this.list(
      lines.filter((line) => this.passes(line)),
      "prepend",
    ); // only what is new: a screen reader reads it out
  }

  refused({ sentence, logged }) {
    if (!logged) this.log({ lines: [{ time: Date.now() / 1000, level: "warn", text: sentence }] });
  }

  passes(line) {
    const wanted = $("c-log-text").value.trim().toLowerCase();
    return PASSES[$("c-log-level").value](line) && line.text.toLowerCase().includes(wanted);
  }

  shown() {
    return this.lines.filter((line) => this.passes(line));
  }

  show() {
    this.list(this.shown(), "replaceChildren");
  }

  list(lines, how) {
    const host = $("c-log");
    host[how](
      ...lines
        .map((line) =>
          el(
            "li",
            { class: `c-${line.level}` },
            el("time", {}, new Date(line.time * 1000).toLocaleTimeString("en-GB")),
            el("span", {}, line.text),
          ),
        )
        .reverse(),
    );
    while (host.children.length > LENGTH) host.lastChild.remove();
    $("c-log-empty").hidden = host.children.length > 0;
    setText($("c-log-empty"), this.lines.length ? "No event fits this filter." : "Nothing has happened yet.");
  }

  async copy() {
    const text = this.shown()
      .map((line) => `${record(line).time}  ${line.text}`)
      .join("\n");
    let told = "Copied";
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // not allowed, or no https
      told = "Not allowed here";
    }
    setText($("c-log-copy"), told);
    setTimeout(() => setText($("c-log-copy"), "Copy"), 1500);
  }
}

const record = ({ time, level, text }) => ({ time: new Date(time * 1000).toISOString(), level, text });

/** Quoted fields; a leading = + - @ is kept from being read as a formula by a spreadsheet. */
function csv(lines) {
  const field = (value) => `"${(/^[=+\-@\t]/.test(value) ? `'${value}` : value).replaceAll('"', '""')}"`;
  const rows = [["time", "level", "text"], ...lines.map(record).map(Object.values)];
  return rows.map((row) => `${row.map(field).join(",")}\r\n`).join("");
}

function save(ending, type, text) {
  const link = el("a", {
    href: URL.createObjectURL(new Blob([text], { type })),
    download: `clap-log-${new Date().toISOString().slice(0, 19).replaceAll(":", "-")}.${ending}`,
  });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
