// Plotly charts in the page's colours. plotly.js is loaded when the first one is drawn.

import { el } from "../common/dom.js";

let loading = null;

/** Resolves once plotly.js is there. */
export function plotly() {
  loading ??= new Promise((resolve, reject) => {
    document.head.append(
      el("script", {
        src: "/clap/plotly.js",
        onload: resolve,
        onerror: () => {
          loading = null;
          reject(new Error("plotly.js was not loaded"));
        },
      }),
    );
  });
  return loading;
}

/** Draw a figure of the server's into `host`, again after a change of the theme. */
export function plot(host, { figure, height }) {
  const ink = getComputedStyle(document.body).getPropertyValue("--c-text").trim();
  const data = figure.data.map((trace) => ({
    ...trace,
    ...bars(trace, "error_x", ink),
    ...bars(trace, "error_y", ink),
  }));
  return window.Plotly.react(host, data, layout(figure.layout, height, figure.data), {
    displayModeBar: false,
    scrollZoom: false,
  });
}

/** A trace's error bars in the colour of the text. */
const bars = (trace, name, color) => (trace[name] ? { [name]: { ...trace[name], color } } : {});

/** Fit a chart that was drawn in a window of another size. */
export const refit = (host) => host.offsetParent && window.Plotly.Plots.resize(host);

function layout(own, height, data) {
  const style = getComputedStyle(document.body);
  const color = (name) => style.getPropertyValue(name).trim();
  const axis = { gridcolor: color("--c-line"), zerolinecolor: color("--c-line"), automargin: true, fixedrange: true };
  const text = { color: color("--c-text"), family: "Inter, system-ui, sans-serif", size: 12 };
  return {
    ...own,
    height,
    margin: { l: 10, r: 12, t: 10, b: 8 },
    font: text,
    dragmode: false,
    showlegend: data.filter((trace) => trace.name).length > 1,
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    xaxis: { ...own.xaxis, ...axis },
    yaxis: { ...own.yaxis, ...axis },
    legend: { ...own.legend, orientation: "h", x: 0, y: 1.02, yanchor: "bottom" },
    hoverlabel: { bgcolor: color("--c-card"), bordercolor: color("--c-accent"), font: text },
  };
}
