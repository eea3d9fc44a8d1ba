// Speed and gripper over time, with the keyframes, what a person commanded, and the cursor's line.

import { el } from "../common/dom.js";
import { plotly } from "../training/plot.js";

const MARGIN = { l: 46, r: 12, t: 8, b: 34 }; // fixed, so that the cursor's line needs no answer from Plotly
const HEIGHT = 210;

export class ReviewCharts {
  constructor(go) {
    this.go = go;
    this.chart = el("div", {
      class: "r-chart",
      role: "img",
      "aria-label": "Speed of the tool and opening of the gripper over time",
    });
    this.line = el("i", { class: "r-cursor", "aria-hidden": "true" });
    this.node = el(
      "section",
      { class: "c-section r-charts", "aria-label": "Speed and gripper" },
      el("div", { class: "r-chart-host" }, this.chart, this.line),
    );
    new ResizeObserver(() => this.detail && this.chart.offsetParent && this.draw()).observe(this.chart);
    document.body.addEventListener("clap-theme", () => this.detail && this.chart.offsetParent && this.draw());
  }

  async open(detail) {
    this.detail = detail;
    await plotly();
    if (this.detail === detail && this.chart.offsetParent) await this.draw();
  }

  async draw() {
    const { time, speed, gripper, keyframes, sources, frames } = this.detail;
    if (!window.Plotly || !this.chart.clientWidth) return;
    const style = getComputedStyle(document.body);
    const color = (name) => style.getPropertyValue(name).trim();
    const axis = { gridcolor: color("--c-line"), zeroline: false, fixedrange: true, automargin: false };
    const shapes = [
      ...sources.flatMap(([start, source], k) =>
        source === "human"
          ? [
              {
                type: "rect",
                xref: "x",
                yref: "paper",
                x0: time[start],
                x1: time[sources[k + 1]?.[0] ?? frames - 1],
                y0: 0,
                y1: 1,
                fillcolor: color("--c-own"),
                opacity: 0.16,
                line: { width: 0 },
                layer: "below",
              },
            ]
          : [],
      ),
      ...keyframes.map((frame) => ({
        type: "line",
        xref: "x",
        yref: "paper",
        x0: time[frame],
        x1: time[frame],
        y0: 0,
        y1: 1,
        line: { color: color("--c-dim"), width: 1, dash: "dot" },
      })),
    ];
    const trace = (y, name, tone, yaxis) => ({
      x: time,
      y,
      name,
      yaxis,
      mode: "lines",
      line: { color: color(tone), width: 1.8 },
      hovertemplate: "%{y:.2f}<extra></extra>",
    });
    await window.Plotly.react(
      this.chart,
      [trace(speed, "speed", "--c-accent", "y"), trace(gripper, "gripper", "--c-warn", "y2")],
      {
        height: HEIGHT,
        width: this.chart.clientWidth,
        margin: MARGIN,
        showlegend: false,
        dragmode: false,
        shapes,
        hovermode: "x",
        paper_bgcolor: "rgba(0,0,0,0)",
        plot_bgcolor: "rgba(0,0,0,0)",
        font: { color: color("--c-text"), family: "Inter, system-ui, sans-serif", size: 11 },
        hoverlabel: {
          bgcolor: color("--c-card"),
          bordercolor: color("--c-accent"),
          font: { color: color("--c-text") },
        },
        xaxis: { ...axis, range: [0, this.end], title: { text: "seconds", standoff: 4 }, anchor: "y2" },
        yaxis: { ...axis, domain: [0.52, 1], rangemode: "tozero", title: { text: "m/s" } },
        yaxis2: { ...axis, domain: [0, 0.44], range: [-0.05, 1.08], tickvals: [0, 1], ticktext: ["shut", "open"] },
      },
      { displayModeBar: false },
    );
    if (!this.clicked) this.chart.on("plotly_click", ({ points }) => this.go(points[0].pointIndex));
    this.clicked = true;
    this.move(this.frame ?? 0);
  }

  get end() {
    return Math.max(0.05, this.detail.time.at(-1));
  }

  move(frame) {
    this.frame = frame;
    const width = this.chart.clientWidth - MARGIN.l - MARGIN.r;
    this.line.style.transform = `translateX(${MARGIN.l + (width * this.detail.time[frame]) / this.end}px)`;
  }
}
