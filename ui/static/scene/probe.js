// The place under the pointer in the scene: hovering shows a point's coordinates, a click keeps them.

import { el, metres, setText } from "../common/dom.js";

const CLICK = 4; // pixels the pointer may move in a click

export class SceneProbe {
  constructor(host, canvas, cloud, camera, changed) {
    this.host = host;
    this.canvas = canvas;
    this.cloud = cloud;
    this.camera = camera;
    this.changed = changed;
    this.pin = null; // the point that is kept
    this.tip = el("code", { class: "c-probe", hidden: true });
    this.kept = el("output", {
      class: "c-kept",
      hidden: true,
      title: "The point that was clicked; click beside it to remove it",
    });
    host.append(this.tip, this.kept);
    canvas.addEventListener("pointermove", (event) => this.hover(event));
    canvas.addEventListener("pointerleave", () => (this.tip.hidden = true));
    canvas.addEventListener("pointerdown", (event) => (this.down = [event.clientX, event.clientY]));
    canvas.addEventListener("click", (event) => this.keep(event));
  }

  find(event) {
    const box = this.canvas.getBoundingClientRect();
    return this.cloud.underScreen(
      this.camera.matrix(),
      box.width,
      box.height,
      event.clientX - box.left,
      event.clientY - box.top,
    );
  }

  hover(event) {
    const found = event.buttons ? null : this.find(event);
    this.tip.hidden = !found;
    if (!found) return;
    const box = this.host.getBoundingClientRect();
    setText(this.tip, metres(found));
    const x = Math.min(event.clientX - box.left + 14, box.width - this.tip.offsetWidth - 6);
    this.tip.style.transform = `translate(${x}px, ${event.clientY - box.top + 14}px)`;
  }

  keep(event) {
    if (Math.hypot(event.clientX - this.down[0], event.clientY - this.down[1]) > CLICK) return;
    const found = this.find(event);
    this.pin = found;
    this.kept.hidden = !found;
    if (found) setText(this.kept, `◇ ${metres(found)}`);
    this.changed();
  }
}
