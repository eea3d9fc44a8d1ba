// Names beside the markers of the scene, laid out anew with every frame so that none covers another.

import { el } from "../common/dom.js";
import * as T from "../three/three.clap.min.js";

const LINE = 19; // pixels from one label to the next
const LETTER = 6.5;

export class SceneLabels {
  constructor(host) {
    this.layer = el("div", { class: "c-labels", "aria-hidden": "true" });
    host.append(this.layer);
    this.labels = [];
  }

  /** `entries`: [name, position in metres, class]. */
  show(entries) {
    this.labels = entries.map(([name, position, kind]) => ({
      node: el("div", { class: `c-label ${kind}`, hidden: true }, name),
      position: new T.Vector3(position[0], position[1], position[2] + 0.05),
    }));
    this.layer.replaceChildren(...this.labels.map((label) => label.node));
  }

  /** Put them where they belong in a frame of this size, pixels. */
  place(camera, { width, height }) {
    const taken = [];
    for (const { node, position } of this.labels) {
      const p = position.clone().project(camera);
      const x = (p.x * 0.5 + 0.5) * width;
      let y = (0.5 - p.y * 0.5) * height;
      const length = node.textContent.length * LETTER + 14;
      while (taken.some((other) => Math.abs(other.y - y) < LINE && x < other.x + other.length && other.x < x + length))
        y -= 4;
      taken.push({ x, y, length });
      node.style.transform = `translate(${x}px, ${y}px)`;
      node.hidden = p.z >= 1;
    }
  }
}
