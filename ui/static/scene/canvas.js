// The scene's canvas, and who draws on it: a worker, so that neither a slow frame nor its way to the screen ever holds
// the page up; or the page's own thread, where the browser has no worker that draws.

import { el } from "../common/dom.js";
import { SceneRenderer } from "./renderer.js";

export class SceneCanvas {
  /**
   * `free` is called whenever another frame can be drawn, with the milliseconds that the one before took (0 at first).
   */
  constructor(host, options, free) {
    this.options = options;
    this.isFree = false;
    this.free = (took) => {
      this.isFree = true;
      free(took);
    };
    this.node = el("canvas", {
      role: "img",
      tabindex: "0",
      "aria-label": "3D scene: drag to turn, scroll to zoom, keys 1 to 5 for the presets",
    });
    host.append(this.node);
    if ("transferControlToOffscreen" in this.node) this.askWorker();
    else this.drawHere();
  }

  askWorker() {
    const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
    worker.onerror = () => this.send || this.drawHere(); // it could not be loaded
    worker.onmessage = ({ data }) => {
      if (this.send) this.free(data.took);
      else if (data.draws) this.drawInWorker(worker);
      else {
        worker.terminate();
        this.drawHere();
      }
    };
  }

  drawInWorker(worker) {
    const canvas = this.node.transferControlToOffscreen();
    worker.postMessage({ canvas, options: this.options }, [canvas]);
    this.send = (frame) => worker.postMessage({ frame });
    this.free(0);
  }

  drawHere() {
    const renderer = new SceneRenderer(this.node, this.options, this.free);
    this.send = (frame) => renderer.draw(frame);
    this.free(0);
  }

  /** Draw a frame; only when free. */
  draw(frame) {
    this.isFree = false;
    this.send(frame);
  }
}
