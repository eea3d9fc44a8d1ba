// The preview of a motion: the ghost goes the way that the arm would go, and then stands at its end again.

import { toast } from "../common/toasts.js";

export class MotionPreview {
  constructor(scene) {
    this.scene = scene;
  }

  /** @param {Protocol.MotionPreview} message */
  "motion-preview"({ poses, seconds, clear, sentence }) {
    toast(sentence, clear ? {} : { tone: "warn" });
    this.poses = poses;
    this.seconds = seconds;
    this.begun = performance.now();
    this.step = JSON.stringify(window.__clap.status.prediction);
    if (poses.length) this.go();
  }

  /**
   * Ends it once another step waits, or none, or the arm itself goes. An older status, which this overtook, may say
   * that the preview is still being made.
   * @param {Protocol.Status} message
   */
  status({ prediction, state }) {
    if (state === "moving" || JSON.stringify(prediction) !== this.step) this.end();
  }

  go() {
    const share = (performance.now() - this.begun) / 1000 / this.seconds;
    if (!this.poses || share >= 1) return this.end();
    this.scene.preview(this.poses[Math.floor(share * this.poses.length)]);
    requestAnimationFrame(() => this.go());
  }

  end() {
    if (!this.poses) return;
    this.poses = null;
    this.scene.preview(null);
  }
}
