// What the panels of results are made of: sections of facts, tables, charts, film strips and commands.

import { el } from "../common/dom.js";

const FILMS_AT_FIRST = 8;

/** A section's element and the charts in it: {node, charts: [{host, chart}]}. */
export function section(found) {
  const charts = (found.charts ?? []).map((chart) => ({
    chart,
    host: el("div", {
      class: "c-chart",
      role: "img",
      style: chart.width ? `max-width: ${chart.width}px` : null,
      "aria-label": `${chart.title || found.title}; the numbers are in the table below`,
    }),
  }));
  const node = el(
    "section",
    { class: "c-section", "aria-label": found.title },
    el("h3", {}, found.title),
    found.note ? el("p", { class: "c-dim" }, found.note) : null,
    found.facts?.length ? facts(found.facts) : null,
    found.table ? table(found.table, found.title) : null,
    charts.length ? el("div", { class: "c-charts" }, ...charts.map(card)) : null,
    found.options ? disclosure("Options of the training", () => table(found.options, "Options")) : null,
    found.films ? films(found.films) : null,
    found.commands?.length ? commands(found.commands) : null,
  );
  return { node, charts };
}

/** What is told where there is nothing to show, and the command that changes it. */
export function emptyState({ sentence, command }) {
  return el(
    "div",
    { class: "c-empty-state", role: "status" },
    el("p", {}, sentence),
    el("pre", { tabindex: "0", "aria-label": "Command" }, command),
  );
}

function card({ chart, host }) {
  return el(
    "figure",
    { class: "c-chart-card" },
    chart.title ? el("figcaption", {}, chart.title) : null,
    host,
    disclosure("Numbers as a table", () => table(chart.table, chart.title || "Numbers")),
  );
}

/** `make` is called when it is opened for the first time. */
function disclosure(title, make) {
  const node = el(
    "details",
    { class: "c-more", ontoggle: () => node.open && node.childElementCount === 1 && node.append(make()) },
    el("summary", {}, title),
  );
  return node;
}

function facts(pairs) {
  return el(
    "dl",
    { class: "c-facts" },
    ...pairs.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))),
  );
}

function table({ head, rows }, title) {
  return el(
    "div",
    { class: "c-table", tabindex: "0", role: "region", "aria-label": `Table: ${title}` },
    el(
      "table",
      {},
      el("thead", {}, el("tr", {}, ...head.map((text) => el("th", { scope: "col" }, text)))),
      el(
        "tbody",
        {},
        ...rows.map(([first, ...cells]) =>
          el("tr", {}, el("th", { scope: "row" }, first), ...cells.map((text) => el("td", {}, text))),
        ),
      ),
    ),
  );
}

function films(all) {
  const list = el("div", { class: "c-films" }, ...all.slice(0, FILMS_AT_FIRST).map(film));
  const rest = all.slice(FILMS_AT_FIRST);
  const more = el(
    "button",
    {
      type: "button",
      class: "c-small",
      onclick: () => {
        list.append(...rest.map(film));
        more.remove();
      },
    },
    `Show ${rest.length} more`,
  );
  return el("div", {}, list, rest.length ? more : null);
}

function film({ src, cause, instruction, text }) {
  return el(
    "figure",
    { class: "c-film" },
    el(
      "div",
      { class: "c-film-strip", tabindex: "0", role: "region", "aria-label": `Film strip: ${text}` },
      el("img", { src, loading: "lazy", alt: `The failure step by step: ${text}` }),
    ),
    el(
      "figcaption",
      {},
      el("b", { class: "c-cause" }, cause),
      ` “${instruction}” `,
      el("span", { class: "c-dim" }, text),
    ),
  );
}

function commands(pairs) {
  return el(
    "ol",
    { class: "c-commands" },
    ...pairs.map(([name, command]) => el("li", {}, el("span", { class: "c-dim" }, name), el("code", {}, command))),
  );
}
