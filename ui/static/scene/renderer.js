// Draws the 3D scene on a canvas with three.js, wherever it runs: in a worker, or on the page's own thread.
// It keeps nothing of its own: every frame says all that is to be seen, but for the cloud, which stays until the next.

import { HANDLES } from "./gizmo.js";
import { buildParts, markOwn, place, placePath, showCloud, showMarkers } from "./parts.js";
import * as T from "../three/three.clap.min.js";

export class SceneRenderer {
  /** `drawn` is told after every frame how many milliseconds it took. */
  constructor(canvas, { workspace }, drawn) {
    this.drawn = drawn;
    this.renderer = new T.WebGLRenderer({ canvas, antialias: hasGpu(), alpha: true });
    // Vertex colours are camera pixels already; converting washes them out.
    this.renderer.outputColorSpace = "srgb-linear";
    this.world = new T.Scene();
    this.parts = buildParts(this.world, workspace);
    this.camera = new T.PerspectiveCamera();
    this.camera.up.set(0, 0, 1);
    this.proxy = new T.Object3D();
    this.handles = Object.assign(new T.TransformControls(this.camera), HANDLES);
    this.handles.attach(this.proxy);
    this.world.add(this.proxy, this.handles.getHelper());
  }

  /** `frame`: {size, eye, cloud?, now, target, own, keypoint, objects, pin, handles}; see LiveScene.frame. */
  draw({ size, eye, cloud, now, target, own, keypoint, objects, pin, handles }) {
    const begun = performance.now();
    this.resize(size);
    this.look(eye);
    const { parts } = this;
    if (cloud) showCloud(parts.cloud, cloud);
    place(parts.now, now);
    place(parts.ghost, target);
    placePath(parts.path, now, target);
    for (const [part, position] of [
      [parts.keypoint, keypoint],
      [parts.pin, pin],
    ]) {
      part.visible = Boolean(position);
      if (position) part.position.set(...position);
    }
    markOwn(parts, own);
    showMarkers(parts.markers, objects);
    this.hold(handles);
    this.renderer.render(this.world, this.camera);
    requestAnimationFrame(() => this.drawn(performance.now() - begun));
  }

  resize({ width, height, ratio }) {
    const shown = JSON.stringify([width, height, ratio]);
    if (shown === this.shown) return;
    this.shown = shown;
    this.renderer.setPixelRatio(ratio);
    this.renderer.setSize(width, height, false);
  }

  look({ position, quaternion, ...lens }) {
    this.camera.position.set(...position);
    this.camera.quaternion.set(...quaternion);
    Object.assign(this.camera, lens);
    this.camera.updateProjectionMatrix();
  }

  /** The handles as the page's own, which the pointer acts on. */
  hold(wanted) {
    this.handles.getHelper().visible = Boolean(wanted);
    if (!wanted) return;
    const { position, quaternion, from, turning, ...shown } = wanted;
    this.proxy.position.set(...position);
    this.proxy.quaternion.set(...quaternion);
    this.handles.worldPositionStart.set(...from.position);
    this.handles.worldQuaternionStart.set(...from.quaternion);
    this.handles.rotationAxis.set(...turning.axis);
    this.handles.rotationAngle = turning.angle;
    Object.assign(this.handles, shown);
  }
}

/** Smooth edges take a processor that draws alone several times as long. */
function hasGpu() {
  const context = (
    typeof OffscreenCanvas === "undefined" ? document.createElement("canvas") : new OffscreenCanvas(1, 1)
  ).getContext("webgl2", { failIfMajorPerformanceCaveat: true });
  context?.getExtension("WEBGL_lose_context")?.loseContext();
  return Boolean(context);
}
