// The live 3D scene. The canvas is made once; the operator's camera is never touched by an update.

import { el, setText } from "./dom.js";
import { enlargeButton } from "./enlarge.js";
import { relevance } from "./relevance.js";
import { SceneCamera } from "./scene_camera.js";
import { SceneGizmo } from "./scene_gizmo.js";
import { SceneLabels } from "./scene_labels.js";
import { buildParts, markOwn, place, showCloud, showMarkers } from "./scene_parts.js";
import { SceneProbe } from "./scene_probe.js";
import * as T from "./three/three.clap.min.js";

const SLOW_FRAME_MS = 40; // a machine that needs longer rests twice as long after each frame, for the sake of Stop
const MAX_REST_MS = 500;

export class LiveScene {
  constructor(permit, correction, cloud) {
    this.permit = permit;
    window.__clap.scene = this;
    this.host = document.querySelector("#c-scene section");
    this.correction = correction;
    this.cloud = cloud;
    this.drawn = null;
    correction.listen(() => this.redraw());
    setInterval(() => this.showAge(), 500);
  }

  hello({ views, workspace }) {
    if (this.renderer) return; // the canvas and the operator's view outlive a lost link
    this.dirty = true;
    window.__clap.canvasMounts = (window.__clap.canvasMounts ?? 0) + 1;
    this.renderer = new T.WebGLRenderer({ antialias: true, alpha: true, preserveDrawingBuffer: true });
    this.renderer.setPixelRatio(Math.min(devicePixelRatio, 2));
    this.renderer.outputColorSpace = "srgb-linear"; // vertex colours are camera pixels already; converting washes them out
    const canvas = this.renderer.domElement;
    canvas.setAttribute("aria-label", "3D scene: drag to turn, scroll to zoom, keys 1 to 5 for the presets");
    canvas.setAttribute("role", "img");
    canvas.tabIndex = 0;
    this.host.append(canvas);
    const changed = () => (this.dirty = true);
    this.world = new T.Scene();
    this.parts = buildParts(this.world, workspace);
    this.eye = new SceneCamera(canvas, views, workspace, changed);
    this.camera = this.eye.camera;
    this.labels = new SceneLabels(this.host);
    this.probe = new SceneProbe(this.host, canvas, this.cloud, this.eye, this.parts.pin, changed);
    this.gizmo = new SceneGizmo(this.world, this.camera, canvas, this.eye.controls, changed);
    const presets = el("span", { class: "c-group", role: "group", "aria-label": "Where the scene is seen from" }, ...this.eye.buttons());
    this.host.querySelector("#c-scene-tools").append(presets, enlargeButton(this.host, "the scene"));
    new ResizeObserver(() => this.resize()).observe(this.host);
    this.drawWhenNeeded();
  }

  /** Draws what changed, at the pace the machine can hold: without a GPU a frame may take longer than one may see. */
  drawWhenNeeded() {
    let drawn = null;
    let rest = 0;
    const loop = (now) => {
      requestAnimationFrame(loop);
      if (drawn !== null) {
        rest = now + (now - drawn > SLOW_FRAME_MS ? Math.min(2 * (now - drawn), MAX_REST_MS) : 0);
        drawn = null;
      }
      if (this.dirty && now >= rest) {
        this.render();
        drawn = now;
      }
    };
    requestAnimationFrame(loop);
  }

  scene(header) {
    this.drawn = performance.now();
    setText(document.querySelector("#c-cloud"), `${header.points.toLocaleString("en")} points seen, ${header.shown.toLocaleString("en")} drawn`);
    showCloud(this.parts.cloud, header);
    this.dirty = true;
  }

  pose(pose) {
    place(this.parts.now, pose);
    this.eye.gripper(pose.position);
    this.gizmo.follow();
    this.drawPath();
  }

  status(message) {
    this.isRelevant = relevance(message);
    this.gizmo.drive(Boolean(message.driving && this.permit.mine), () => this.correction.gripper);
    const shown = JSON.stringify([message.prediction, message.plan, message.instruction]);
    if (shown === this.shown) return;
    this.shown = shown;
    this.redraw();
  }

  redraw() {
    if (!this.parts || !this.isRelevant) return;
    const { prediction, keypoint, target, isOwn, moving } = this.correction;
    const { ghost, keypoint: mark, markers } = this.parts;
    mark.visible = Boolean(prediction);
    ghost.visible = Boolean(prediction || moving?.target);
    if (ghost.visible) place(ghost, { ...target, opening: target.gripper_open ? 1 : 0 });
    if (prediction) mark.position.set(...keypoint);
    markOwn(this.parts, isOwn);
    const objects = (prediction?.objects ?? []).map((item) => ({ ...item, relevant: this.isRelevant(item.name) }));
    showMarkers(markers, objects);
    const names = objects.map((item) => [item.name, item.position, item.relevant ? "" : "c-label-dim"]);
    this.labels.show(prediction ? [...names, [isOwn ? "keypoint · yours" : "keypoint", keypoint, "c-label-key"]] : []);
    this.gizmo.follow();
    this.drawPath();
  }

  drawPath() {
    const { path, ghost, now } = this.parts;
    path.visible = ghost.visible && now.visible;
    if (path.visible) {
      path.geometry.setFromPoints([now.position, ghost.position]);
      path.computeLineDistances();
    }
    this.dirty = true;
  }

  linkChanged({ ready, worldLost }) {
    this.connected = ready;
    this.worldLost = worldLost;
    this.showAge();
  }

  showAge() {
    const stale = document.querySelector("#c-stale");
    stale.hidden = this.connected !== false || this.drawn === null;
    if (!stale.hidden) setText(stale, `${this.worldLost ? "World lost" : "Not connected"} · last picture ${((performance.now() - this.drawn) / 1000).toFixed(1)} s ago`);
  }

  resize() {
    const { clientWidth: width, clientHeight: height } = this.host;
    if (!width || !height) return;
    this.renderer.setSize(width, height, false);
    this.eye.resize(width, height);
    this.render(); // at once: a canvas that changes its size is blank until it is drawn again
  }

  render() {
    this.dirty = false;
    this.renderer.render(this.world, this.camera);
    this.labels.place(this.camera);
  }
}
