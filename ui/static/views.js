// The three canonical views with what the policy found drawn over them, in the 224-pixel grid of the views.

import { el, showPicture, svg } from "./dom.js";

const SIZE = 224;
const LABEL_HEIGHT = 12;
const LABEL_STEP = 13;
const LETTER_WIDTH = 4.5;
const EDGE = 2;

export class Views {
  constructor(host, axes, workspace) {
    this.axes = axes;
    this.workspace = workspace;
    this.pose = null;
    this.figures = axes.map((view) => {
      const image = el("img", { alt: `${view.name} view of the workspace`, hidden: true });
      const overlay = svg("svg", { viewBox: `0 0 ${SIZE} ${SIZE}`, "aria-hidden": "true" });
      const live = svg("g");
      const marks = svg("g");
      overlay.append(marks, live);
      const note = el("span", { class: "c-view-note", title: "How far the views disagree on the keypoint, at most (of 224 pixels)" });
      const figure = el("figure", { class: "c-view", "data-view": view.name },
        el("figcaption", {}, el("b", {}, view.name), note, axisNames(view)),
        el("div", { class: "c-picture" }, el("p", { class: "c-empty" }, "No picture yet"), image, overlay));
      return { image, marks, live, note, figure };
    });
    host.replaceChildren(...this.figures.map((entry) => entry.figure));
  }

  pictures(data) {
    this.figures.forEach((entry, k) => showPicture(entry.image, data[`view${k}`]));
  }

  /** World metres to continuous pixels (u, v) in view k: the same table as clap/geometry.py. */
  project(point, k) {
    const { low, high } = this.workspace;
    const half = Math.max(...high.map((h, i) => h - low[i])) / 2;
    const local = point.map((value, i) => (value - (low[i] + high[i]) / 2) / half);
    const view = this.axes[k];
    return [(SIZE / 2) * (1 + view.u_sign * local[view.u_axis]), (SIZE / 2) * (1 + view.v_sign * local[view.v_axis])];
  }

  gripper(position) {
    this.gripperPixels = this.axes.map((_, k) => this.project(position, k));
    this.figures.forEach((entry, k) => {
      const [u, v] = this.gripperPixels[k];
      const fromAbove = this.axes[k].depth_axis === 2;
      const d = fromAbove ? `M${u - 5} ${v - 4}h10M${u - 5} ${v + 4}h10` : `M${u - 5} ${v}v-6h10v6M${u} ${v - 6}v-6`;
      entry.live.replaceChildren(svg("path", { class: "c-gripper-case", d }), svg("path", { class: "c-gripper-mark", d }));
    });
  }

  prediction(found) {
    this.figures.forEach((entry, k) => {
      entry.note.textContent = found ? `keypoint ± ${found.agreement.toFixed(1)} px` : "";
      entry.marks.replaceChildren(...(found ? this.draw(found, k) : []));
      entry.figure.dataset.objects = found ? found.objects.map((item) => item.name).join(", ") : "";
    });
  }

  draw(found, k) {
    const corners = [found.window.low, found.window.high].map((corner) => this.project(corner, k));
    const [u0, u1] = [corners[0][0], corners[1][0]].sort((a, b) => a - b);
    const [v0, v1] = [corners[0][1], corners[1][1]].sort((a, b) => a - b);
    const zoom = svg("rect", { class: "c-zoom", x: u0, y: v0, width: u1 - u0, height: v1 - v0, rx: 2 });
    const [ku, kv] = found.keypoint_pixels[k].map((pixel) => pixel + 0.5);
    const target = this.project(found.action.position, k);
    const marks = [zoom];
    if (Math.hypot(target[0] - ku, target[1] - kv) > 1) {
      marks.push(svg("line", { class: "c-offset", x1: ku, y1: kv, x2: target[0], y2: target[1] }));
    }
    marks.push(svg("rect", { class: "c-target", x: target[0] - 3, y: target[1] - 3, width: 6, height: 6 }));
    const points = found.objects.map((item) => {
      const [u, v] = item.pixels[k].map((pixel) => pixel + 0.5);
      return { name: item.name, u, v };
    });
    const gripper = this.gripperPixels?.[k];
    const kept = [{ x: ku - 7, y: kv, width: 14, height: 16 }];
    if (gripper) kept.push({ x: gripper[0] - 6, y: gripper[1] - 5, width: 12, height: 16 });
    for (const label of placeLabels(points, kept)) marks.push(label);
    marks.push(svg("g", { class: "c-crosshair" },
      svg("circle", { cx: ku, cy: kv, r: 6 }),
      svg("path", { d: `M${ku - 11} ${kv}h7M${ku + 4} ${kv}h7M${ku} ${kv - 11}v7M${ku} ${kv + 4}v7` })));
    return marks;
  }
}

/** The axes' names with their directions, for instance "y → · z ↑". */
function axisNames(view) {
  const letters = "xyz";
  const u = letters[view.u_axis] + (view.u_sign > 0 ? " →" : " ←");
  const v = letters[view.v_axis] + (view.v_sign > 0 ? " ↓" : " ↑");
  return el("span", { class: "c-axes", title: "Axes of this view, in the world frame" }, `${u}  ${v}`);
}

/** Circles with labels that step aside, up and down in turn, until none overlaps another or what is `kept` free. */
function placeLabels(points, kept) {
  const taken = [...kept, ...points.map(({ u, v }) => ({ x: u - 5, y: v, width: 10, height: 10 }))];
  return [...points].sort((a, b) => a.v - b.v || a.u - b.u).map((point) => {
    const width = point.name.length * LETTER_WIDTH + 8;
    const left = point.u + 9 + width > SIZE - EDGE;
    const x = Math.max(EDGE, left ? point.u - 9 - width : point.u + 9);
    const free = (y) => taken.every((other) =>
      Math.abs(other.y - y) >= (other.height + LABEL_HEIGHT) / 2 || x >= other.x + other.width || other.x >= x + width);
    const inside = (y) => y > LABEL_HEIGHT / 2 && y < SIZE - LABEL_HEIGHT / 2;
    const options = Array.from({ length: 15 }, (_, n) => point.v + (n % 2 ? -1 : 1) * LABEL_STEP * Math.ceil(n / 2));
    const y = options.find((option) => inside(option) && free(option)) ?? point.v;
    taken.push({ x, y, width, height: LABEL_HEIGHT });
    return svg("g", { class: "c-object", "data-name": point.name },
      svg("circle", { cx: point.u, cy: point.v, r: 4 }),
      y === point.v ? null : svg("line", { x1: point.u, y1: point.v, x2: left ? x + width : x, y2: y }),
      svg("rect", { x, y: y - LABEL_HEIGHT / 2, width, height: LABEL_HEIGHT, rx: 3 }),
      svg("text", { x: x + 4, y: y + 2.8 }, point.name));
  });
}
