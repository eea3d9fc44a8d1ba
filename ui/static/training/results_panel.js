// A panel whose content the server makes from a checkpoint's files: fetched when it is shown, drawn chart by chart.

import { el } from "../common/dom.js";
import { emptyState, section } from "./panel_parts.js";
import { plot, plotly, refit } from "./plot.js";

export class ResultsPanel {
  /** `name` as in body[data-panel]; `address` gives what to fetch, `head` the elements above the sections. */
  constructor(name, title, address, head) {
    this.name = name;
    this.title = title;
    this.address = address;
    this.head = head;
    this.charts = [];
    this.host = document.getElementById(`c-${name}-body`);
    document.addEventListener("clap-panel", () => this.isShown && this.load());
    document.body.addEventListener("clap-theme", () => this.isShown && this.drawCharts());
    addEventListener("resize", () => this.isShown && this.drawCharts()); // Plotly's own way fails for a hidden chart
    if (this.isShown) this.load();
  }

  get isShown() {
    return document.body.dataset.panel === this.name;
  }

  /** Fetch what the address gives now. What is shown stays until there is something else. */
  async load() {
    const wanted = this.address();
    this.host.setAttribute("aria-busy", "true");
    try {
      const [answer] = await Promise.all([fetch(wanted), plotly()]);
      if (!answer.ok) throw new Error(`status ${answer.status}`);
      const text = await answer.text();
      if (wanted !== this.address()) return; // another choice was made meanwhile, and is on its way
      if (text !== this.text) this.build(JSON.parse(text));
      this.text = text;
      await this.drawCharts();
    } catch {
      this.text = null;
      this.charts = [];
      this.host.replaceChildren(
        this.heading(""),
        el("p", { role: "alert" }, "This panel could not be loaded. Check the connection, then try again."),
        el("button", { type: "button", class: "c-small", onclick: () => this.load() }, "Try again"),
      );
    }
    this.host.setAttribute("aria-busy", "false");
  }

  build(found) {
    const sections = found.sections.map(section);
    this.charts = sections.flatMap(({ charts }) => charts);
    const focused = document.activeElement?.closest?.(`#${this.host.id} [data-keep]`)?.dataset.keep;
    this.host.replaceChildren(
      this.heading(found.checkpoint),
      ...this.head(found),
      ...found.problems.map((sentence) => el("p", { class: "c-problem", role: "status" }, sentence)),
      found.empty ? emptyState(found.empty) : "",
      ...sections.map(({ node }) => node),
    );
    this.host.querySelector(`[data-keep="${CSS.escape(focused ?? "")}"]`)?.focus();
  }

  heading(checkpoint) {
    return el("h2", {}, this.title, checkpoint ? el("small", {}, ` of the checkpoint ${checkpoint}`) : "");
  }

  /** One chart at a time: the page's heartbeat and Stop must not wait. Ends when another panel is shown. */
  async drawCharts() {
    const theme = document.body.classList.contains("dark");
    for (const entry of this.charts) {
      await new Promise((later) => setTimeout(later));
      if (!this.isShown || !this.charts.includes(entry)) return;
      if (entry.theme === theme) refit(entry.host);
      else await plot(entry.host, entry.chart);
      entry.theme = theme;
    }
  }
}
