// A recorded frame in pictures: the three views with the gripper in them, and one camera at a time.

import { el, showPicture, svg } from "../common/dom.js";
import { SIZE, ViewGeometry } from "../common/geometry.js";
import { gripperMarks } from "../scene/view_marks.js";

export class ReviewPictures {
  constructor({ views, workspace }) {
    this.geometry = new ViewGeometry(views, workspace);
    this.views = views.map((view, k) => this.view(view, k));
    this.node = el(
      "div",
      { class: "c-views r-views", role: "group", "aria-label": "Three views of the frame" },
      ...this.views.map(({ figure }) => figure),
    );
    this.image = el("img", { alt: "What the camera saw", hidden: true });
    this.choice = el("select", { "aria-label": "Camera", onchange: () => this.showCamera() });
    this.camera = el(
      "figure",
      { class: "r-camera" },
      el("figcaption", {}, el("b", {}, "Camera"), this.choice),
      el("div", { class: "r-camera-picture" }, this.image),
    );
  }

  view({ name, depth_axis }, k) {
    const image = el("img", { alt: `${name} view of the frame`, hidden: true });
    const gripper = svg("g", {}, ...gripperMarks(depth_axis === 2));
    const figure = el(
      "figure",
      { class: "c-view", "data-view": name },
      el("figcaption", {}, el("b", {}, name), el("span", { class: "c-axes" }, this.geometry.axisNames(k))),
      el(
        "div",
        { class: "c-picture" },
        el("p", { class: "c-empty" }, "Loading …"),
        image,
        svg("svg", { viewBox: `0 0 ${SIZE} ${SIZE}`, "aria-hidden": "true" }, gripper),
      ),
    );
    return { figure, image, gripper };
  }

  /** Another demonstration: its cameras. The chosen one stays chosen where it is there. */
  open(cameras) {
    const chosen = this.choice.value;
    this.choice.replaceChildren(...cameras.map((name) => el("option", { value: name }, name.replaceAll("_", " "))));
    if (cameras.includes(chosen)) this.choice.value = chosen;
    this.last = null;
    for (const { image } of [...this.views, this]) image.hidden = true;
  }

  pose(values) {
    this.views.forEach(({ gripper }, k) =>
      gripper.setAttribute(
        "transform",
        `translate(${this.geometry
          .project(values, k)
          .map((pixel) => pixel.toFixed(2))
          .join(" ")})`,
      ),
    );
  }

  /** @param {Page.Binary<Protocol.SceneHeader>} header */
  scene(header) {
    this.last = header;
    this.views.forEach(({ image }, k) => showPicture(image, header.data[`view${k}`]));
    this.showCamera();
  }

  showCamera() {
    const at = this.last?.cameras.indexOf(this.choice.value) ?? -1;
    if (at >= 0) showPicture(this.image, this.last.data[`camera${at}`]);
  }
}
