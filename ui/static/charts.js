// Results: the checkpoint's evaluation and training as Plotly charts, loaded when they are opened for the first time.

import { openDialog } from "./dialog.js";
import { el } from "./dom.js";

const ROW_PX = 34;
const FRAME_PX = 110;

export class Charts {
  constructor() {
    document.getElementById("c-open-charts").addEventListener("click", () => this.open());
    document.body.addEventListener("clap-theme", () => this.drawn?.isConnected && this.draw());
  }

  async open() {
    this.drawn = el("div", { class: "c-charts", "aria-busy": "true" }, el("p", { class: "c-dim", role: "status" }, "Loading the charts …"));
    openDialog({ id: "c-results", title: "Results", body: this.drawn, wide: true });
    try {
      const [answer] = await Promise.all([fetch("/clap/charts"), plotly()]);
      if (!answer.ok) throw new Error(`status ${answer.status}`);
      this.found = await answer.json();
      await this.draw();
    } catch {
      this.drawn.replaceChildren(el("p", { role: "alert" }, "The charts could not be loaded. Check the connection, then open them again."));
    }
    this.drawn.setAttribute("aria-busy", "false");
  }

  async draw() {
    const { checkpoint, charts } = this.found;
    const plots = charts.map(({ figure }) => ({ figure, host: el("div", { class: "c-chart" }) }));
    this.drawn.replaceChildren(
      charts.length ? el("p", { class: "c-dim" }, `Checkpoint: ${checkpoint}`)
        : el("p", {}, `${checkpoint} brings no evaluation. To make one: python -m training.evaluate --policy clap --tasks all`),
      ...charts.map(({ title, note }, k) => el("section", { "aria-label": title }, el("h3", {}, title), el("p", { class: "c-dim" }, note), plots[k].host)));
    for (const { figure, host } of plots) {
      await new Promise((later) => setTimeout(later)); // one chart at a time: the heartbeat must not wait
      if (!host.isConnected) return;
      const rows = new Set(figure.data.flatMap((trace) => trace.y)).size;
      window.Plotly.newPlot(host, figure.data, layout(figure.layout, rows), { displayModeBar: false, responsive: true });
    }
  }
}

function layout(own, rows) {
  const style = getComputedStyle(document.body);
  const color = (name) => style.getPropertyValue(name).trim();
  const axis = { gridcolor: color("--c-line"), zerolinecolor: color("--c-line"), automargin: true };
  return { ...own, template: undefined, height: rows * ROW_PX + FRAME_PX, margin: { l: 10, r: 10, t: 10, b: 40 },
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: { color: color("--c-text"), family: "Inter, system-ui, sans-serif", size: 12 },
    xaxis: { ...own.xaxis, ...axis }, yaxis: { ...own.yaxis, ...axis }, legend: { orientation: "h", y: 1.02, yanchor: "bottom" }, dragmode: false };
}

let loading = null;

function plotly() {
  loading ??= new Promise((resolve, reject) => {
    document.head.append(el("script", { src: "/clap/plotly.js", onload: resolve, onerror: () => {
      loading = null;
      reject(new Error("plotly.js was not loaded"));
    } }));
  });
  return loading;
}
