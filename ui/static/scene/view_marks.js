// What is drawn over a view. Each kind of mark has a shape of its own, so that colour is never needed to tell them
// apart.

import { svg } from "../common/dom.js";
import { SIZE } from "../common/geometry.js";
import { placeLabels } from "./label_layout.js";

const CROSS = 12; // half the keypoint crosshair's width
const LETTERS = 8; // an object's name, in pixels of the view

/** The zoom box, the target pose and the objects of a prediction, in view k. */
export function predictionMarks(found, geometry, k, { keypoint, target, gripper, isRelevant, scale }) {
  const corners = [found.window.low, found.window.high].map((corner) => geometry.project(corner, k));
  const [u0, u1] = [corners[0][0], corners[1][0]].sort((a, b) => a - b);
  const [v0, v1] = [corners[0][1], corners[1][1]].sort((a, b) => a - b);
  const kept = [keepFree(keypoint, CROSS), keepFree(target, 5)];
  if (gripper) kept.push(keepFree(gripper, 9));
  const points = found.objects.map((item) => {
    const [u, v] = item.pixels[k].map((pixel) => pixel + 0.5);
    return { name: item.name, u, v, dim: !isRelevant(item.name) };
  });
  return [
    svg("rect", { class: "c-zoom", x: u0, y: v0, width: u1 - u0, height: v1 - v0, rx: 2 }),
    ...placeLabels(points, kept, SIZE, scale).map(objectMark),
  ];
}

const keepFree = ([u, v], half) => ({ x: u - half, y: v, width: 2 * half, height: 2 * half });

function objectMark({ name, u, v, x, y, width, height, left, dim, scale }) {
  return svg(
    "g",
    { class: dim ? "c-object c-dim-object" : "c-object", "data-name": name },
    dim ? svg("path", { d: `M${u - 4} ${v}l4 -4l4 4l-4 4z` }) : svg("circle", { cx: u, cy: v, r: 4 }),
    svg("line", { x1: left ? u - 4 : u + 4, y1: v, x2: left ? x + width : x, y2: y }),
    svg("rect", { x, y: y - height / 2, width, height, rx: 3 }),
    svg("text", { x: x + 4, y: y + 2.8 * scale, "font-size": LETTERS * scale }, name),
  );
}

/** The keypoint as a crosshair in a ring, and the target pose as a square joined to it. */
export function aimMarks([ku, kv], [tu, tv], own) {
  const marks = [];
  if (Math.hypot(tu - ku, tv - kv) > 1) marks.push(svg("line", { class: "c-offset", x1: ku, y1: kv, x2: tu, y2: tv }));
  marks.push(svg("rect", { class: "c-target", x: tu - 3, y: tv - 3, width: 6, height: 6 }));
  marks.push(
    svg(
      "g",
      { class: own ? "c-crosshair c-own-mark" : "c-crosshair" },
      svg("circle", { class: "c-case", cx: ku, cy: kv, r: 6 }),
      svg("circle", { cx: ku, cy: kv, r: 6 }),
      svg("path", { d: `M${ku - 11} ${kv}h7M${ku + 4} ${kv}h7M${ku} ${kv - 11}v7M${ku} ${kv + 4}v7` }),
    ),
  );
  return marks;
}

/** The gripper now, at the origin: two fingers from above, a fork from the side. */
export function gripperMarks(fromAbove) {
  const d = fromAbove ? "M-5 -4h10M-5 4h10" : "M-5 0v-6h10v6M0 -6v-6";
  return [svg("path", { class: "c-gripper-case", d }), svg("path", { class: "c-gripper-mark", d })];
}

/** Lines through the whole view at u and v; either may be unknown (null). */
export function crossLines(u, v) {
  const marks = [];
  if (u !== null) marks.push(svg("line", { class: "c-hover-line", x1: u, y1: 0, x2: u, y2: SIZE }));
  if (v !== null) marks.push(svg("line", { class: "c-hover-line", x1: 0, y1: v, x2: SIZE, y2: v }));
  return marks;
}
