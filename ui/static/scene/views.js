// The three canonical views with what the policy found drawn over them. The keypoint can be dragged in each of them,
// and hovering shows the place under the pointer in all three.

import { el, metres, setText, showPicture, svg } from "../common/dom.js";
import { enlargeButton } from "../common/enlarge.js";
import { SIZE, ViewGeometry } from "../common/geometry.js";
import { relevance } from "../plan/relevance.js";
import { aimMarks, crossLines, gripperMarks, predictionMarks } from "./view_marks.js";

const USUAL_WIDTH = 280; // of a view on the screen, where names have their usual size; smaller views get larger letters
const GRAB = 11; // pixels of the view around the keypoint that take hold of it

export class Views {
  /** @param {import("../common/permit.js").Permit} permit */
  constructor(permit, correction, cloud) {
    this.permit = permit;
    this.correction = correction;
    this.cloud = cloud;
    correction.listen(() => this.redraw());
    this.resized = new ResizeObserver((changes) => {
      for (const { target, contentRect } of changes)
        this.figures.find(({ picture }) => picture === target).width = contentRect.width;
      this.redraw();
    });
  }

  /** @param {Protocol.Hello} message */
  hello({ views, workspace }) {
    if (this.geometry) return;
    this.geometry = new ViewGeometry(views, workspace);
    this.figures = views.map((view, k) => this.figure(view, k));
    document.querySelector("#c-views section").replaceChildren(...this.figures.map((entry) => entry.figure));
  }

  figure({ name }, k) {
    const image = el("img", { alt: `${name} view of the workspace`, hidden: true, draggable: "false" });
    const layers = { marks: svg("g"), aim: svg("g"), live: svg("g"), hover: svg("g") };
    const overlay = svg("svg", { viewBox: `0 0 ${SIZE} ${SIZE}`, "aria-hidden": "true" }, ...Object.values(layers));
    const note = el("span", {
      class: "c-view-note",
      title: "How far the views disagree on the keypoint, at most (of 224 pixels)",
    });
    const place = el("code", { class: "c-place", hidden: true });
    const axes = el(
      "span",
      { class: "c-axes", title: "Axes of this view, in the world frame" },
      this.geometry.axisNames(k),
    );
    const picture = el("div", { class: "c-picture" }, el("p", { class: "c-empty" }, "No picture yet"), image, overlay);
    const figure = el("figure", { class: "c-view", "data-view": name });
    figure.append(
      el("figcaption", {}, el("b", {}, name), note, place, axes, enlargeButton(figure, `the ${name} view`)),
      picture,
    );
    const entry = { image, note, place, axes, figure, picture, width: undefined, ...layers }; // width: once it is seen
    this.resized.observe(picture);
    picture.addEventListener("pointerdown", (event) => this.grab(event, k));
    picture.addEventListener("pointermove", (event) => this.move(event, k));
    picture.addEventListener("pointerup", (event) => this.release(event, k));
    picture.addEventListener("pointercancel", (event) => this.release(event, k));
    picture.addEventListener("pointerleave", () => this.held === undefined && this.hover(null));
    return entry;
  }

  /** @param {Page.Binary<Protocol.SceneHeader>} message */
  scene({ data }) {
    this.figures.forEach((entry, k) => showPicture(entry.image, data[`view${k}`]));
  }

  /** @param {Protocol.Status} message */
  status(message) {
    this.isRelevant = relevance(message);
    const shown = JSON.stringify([message.prediction, message.plan, message.instruction]);
    if (shown === this.shown) return;
    this.shown = shown;
    this.redraw();
  }

  /** @param {Protocol.GripperPose} message */
  pose({ position }) {
    this.gripper = position;
    this.figures.forEach(({ live }, k) => {
      if (!live.firstChild) live.append(...gripperMarks(this.geometry.axes[k].depth_axis === 2));
      live.setAttribute(
        "transform",
        `translate(${this.geometry
          .project(position, k)
          .map((pixel) => pixel.toFixed(2))
          .join(" ")})`,
      );
    });
  }

  redraw() {
    if (!this.geometry || !this.isRelevant) return;
    const { prediction, moving, isOwn } = this.correction;
    this.figures.forEach((entry, k) => {
      const pixels = /** @type {[number, number]} */ (this.keypointPixels(k));
      const target = this.correction.target && this.geometry.project(this.correction.target.position, k);
      const gripper = this.gripper && this.geometry.project(this.gripper, k);
      entry.marks.replaceChildren(
        ...(prediction
          ? predictionMarks(prediction, this.geometry, k, {
              keypoint: pixels,
              target,
              gripper,
              isRelevant: this.isRelevant,
              scale: letterScale(entry.width),
            })
          : []),
      );
      entry.aim.replaceChildren(
        ...(prediction ? [...(moving?.keypoint ? crossLines(...pixels) : []), ...aimMarks(pixels, target, isOwn)] : []),
      );
      setText(
        entry.note,
        !prediction ? "" : isOwn ? "keypoint · yours" : `keypoint ± ${prediction.agreement.toFixed(1)} px`,
      );
      entry.figure.dataset.objects = prediction ? prediction.objects.map((item) => item.name).join(", ") : "";
      entry.picture.classList.toggle("c-can-drag", Boolean(prediction) && this.permit.allows("keypoint"));
    });
  }

  /** The policy's keypoint is shown where each view saw it; the operator's, where it is in the world. */
  keypointPixels(k) {
    const { prediction, isOwn, keypoint } = this.correction;
    if (!prediction) return null;
    return isOwn ? this.geometry.project(keypoint, k) : prediction.keypoint_pixels[k].map((pixel) => pixel + 0.5);
  }

  at(event, k) {
    const box = this.figures[k].picture.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * SIZE, ((event.clientY - box.top) / box.height) * SIZE];
  }

  grab(event, k) {
    const [u, v] = this.at(event, k);
    const pixels = this.keypointPixels(k);
    if (
      event.button !== 0 ||
      !pixels ||
      !this.permit.allows("keypoint") ||
      Math.hypot(u - pixels[0], v - pixels[1]) > GRAB
    )
      return;
    event.preventDefault();
    this.figures[k].picture.setPointerCapture(event.pointerId);
    this.held = k;
    this.offset = [pixels[0] - u, pixels[1] - v];
    this.start = this.correction.keypoint;
    this.figures[k].picture.classList.add("c-dragging");
  }

  move(event, k) {
    const [u, v] = this.at(event, k);
    if (this.held !== k) return this.hover(k, u, v);
    this.moved = this.geometry.unproject(u + this.offset[0], v + this.offset[1], k, this.start);
    this.showPlace(this.moved);
    this.correction.moveKeypoint(this.moved, false);
  }

  release(event, k) {
    if (this.held !== k) return;
    this.held = undefined;
    this.figures[k].picture.classList.remove("c-dragging");
    if (this.moved && event.type === "pointerup") this.correction.moveKeypoint(this.moved, true);
    else if (this.moved) this.correction.drop();
    this.moved = undefined;
    this.showPlace(null);
  }

  /** Show the place under pixel (u, v) of view k in all views; the third coordinate where a point is seen there. */
  hover(k, u, v) {
    if (k === null || !this.geometry) {
      this.figures?.forEach((entry) => entry.hover.replaceChildren());
      return this.showPlace(null);
    }
    const seen = this.cloud.underView(this.geometry, k, u, v);
    const place = this.geometry.unproject(u, v, k, seen ?? [NaN, NaN, NaN]);
    this.figures.forEach((entry, other) => {
      const [pu, pv] = other === k ? [u, v] : this.geometry.project(place, other);
      entry.hover.replaceChildren(...crossLines(Number.isFinite(pu) ? pu : null, Number.isFinite(pv) ? pv : null));
    });
    this.showPlace(place);
  }

  showPlace(place) {
    for (const entry of this.figures) {
      entry.place.hidden = place === null;
      entry.axes.hidden = entry.note.hidden = place !== null;
      if (place) setText(entry.place, metres(place));
    }
  }
}

const letterScale = (width) => Math.max(0.5, Math.min(1.8, USUAL_WIDTH / (width || USUAL_WIDTH)));
