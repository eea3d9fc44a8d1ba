// The live 3D scene: the fused cloud, the workspace, the gripper now, the proposed pose and the keypoint.
// The canvas is made once; the operator's camera is never touched by an update.

import { el } from "./dom.js";
import * as T from "./three/three.clap.min.js";

const TABLE_Z = 0.752;
const FINGER_TRAVEL = 0.04; // metres each finger of the hand moves, fully open
const SLOW_FRAME_MS = 40; // a machine that needs longer rests twice as long after each frame, for the sake of Stop
const MAX_REST_MS = 500;
const COLORS = { now: 0xd8e1ec, ghost: 0x38bdf8, keypoint: 0xff2d55 };

export class LiveScene {
  constructor(host, workspace) {
    this.host = host;
    this.labels = [];
    this.dirty = true;
    this.mounts = (window.__clap.canvasMounts = (window.__clap.canvasMounts ?? 0) + 1);
    this.renderer = new T.WebGLRenderer({ antialias: true, alpha: true, preserveDrawingBuffer: true });
    this.renderer.setPixelRatio(Math.min(devicePixelRatio, 2));
    this.renderer.outputColorSpace = "srgb-linear"; // vertex colours are camera pixels already; converting washes them out
    this.renderer.domElement.setAttribute("aria-label", "3D scene: drag to turn, scroll to zoom");
    this.renderer.domElement.tabIndex = 0;
    this.layer = el("div", { class: "c-labels", "aria-hidden": "true" });
    host.append(this.renderer.domElement, this.layer);
    this.build(workspace);
    new ResizeObserver(() => this.resize()).observe(host);
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

  build({ low, high }) {
    this.scene = new T.Scene();
    this.camera = new T.PerspectiveCamera(34, 1, 0.01, 20);
    this.camera.up.set(0, 0, 1);
    this.camera.position.set(1.72, 0.98, 1.72);
    this.controls = new T.OrbitControls(this.camera, this.renderer.domElement);
    this.controls.target.set(0.17, 0.0, 0.93);
    this.controls.maxDistance = 5;
    this.controls.addEventListener("change", () => (this.dirty = true));
    this.controls.update();
    const sky = new T.HemisphereLight(0xffffff, 0x8090a0, 2.6);
    sky.position.set(0, 0, 1);
    const sun = new T.DirectionalLight(0xffffff, 1.2);
    sun.position.set(1, -1, 2);
    const centre = low.map((value, i) => (value + high[i]) / 2);
    const grid = new T.GridHelper(1.4, 14, 0x8fb2d8, 0x5f7894);
    Object.assign(grid.material, { transparent: true, opacity: 0.5 });
    grid.rotation.x = Math.PI / 2;
    grid.position.set(centre[0], centre[1], TABLE_Z - 0.006);
    const box = new T.LineSegments(
      new T.EdgesGeometry(new T.BoxGeometry(...high.map((value, i) => value - low[i]))),
      new T.LineBasicMaterial({ color: 0x64809f, transparent: true, opacity: 0.35 }));
    box.position.set(...centre);
    const axes = new T.AxesHelper(0.12);
    axes.position.set(low[0], low[1], TABLE_Z);
    this.cloud = new T.Points(new T.BufferGeometry(), new T.PointsMaterial({ size: 3.2, sizeAttenuation: false, vertexColors: true }));
    this.cloud.frustumCulled = false;
    this.now = gripper(COLORS.now, 1);
    this.ghost = gripper(COLORS.ghost, 0.45);
    this.keypoint = keypoint();
    this.path = new T.Line(new T.BufferGeometry(), new T.LineDashedMaterial({ color: COLORS.ghost, dashSize: 0.025, gapSize: 0.018 }));
    this.path.frustumCulled = false;
    for (const hidden of [this.now, this.ghost, this.keypoint, this.path]) hidden.visible = false;
    this.scene.add(sky, sun, grid, box, axes, this.cloud, this.now, this.ghost, this.keypoint, this.path);
  }

  points(header) {
    const geometry = this.cloud.geometry;
    geometry.setAttribute("position", new T.BufferAttribute(new Uint16Array(header.data.positions), 3, true));
    geometry.setAttribute("color", new T.BufferAttribute(new Uint8Array(header.data.colors), 3, true));
    this.cloud.position.set(...header.low);
    this.cloud.scale.set(...header.high.map((value, i) => value - header.low[i]));
    this.dirty = true;
  }

  gripper(pose) {
    place(this.now, pose);
    this.drawPath();
  }

  prediction(found) {
    this.ghost.visible = this.keypoint.visible = Boolean(found);
    if (found) {
      place(this.ghost, { ...found.action, opening: found.action.gripper_open ? 1 : 0 });
      this.keypoint.position.set(...found.keypoint);
    }
    this.relabel(found);
    this.drawPath();
  }

  drawPath() {
    this.path.visible = this.ghost.visible && this.now.visible;
    if (this.path.visible) {
      this.path.geometry.setFromPoints([this.now.position, this.ghost.position]);
      this.path.computeLineDistances();
    }
    this.dirty = true;
  }

  relabel(found) {
    const entries = found ? found.objects.map((item) => [item.name, item.position, ""]) : [];
    if (found) entries.push(["keypoint", found.keypoint, "c-label-key"]);
    this.layer.replaceChildren();
    this.labels = entries.map(([name, position, kind]) => {
      const node = el("div", { class: `c-label ${kind}` }, name);
      this.layer.append(node);
      return { node, position: new T.Vector3(position[0], position[1], position[2] + 0.05) };
    });
  }

  resize() {
    const { clientWidth: width, clientHeight: height } = this.host;
    if (!width || !height) return;
    this.renderer.setSize(width, height, false);
    this.camera.aspect = width / height;
    this.camera.updateProjectionMatrix();
    this.render(); // at once: a canvas that changes its size is blank until it is drawn again
  }

  render() {
    this.dirty = false;
    this.renderer.render(this.scene, this.camera);
    const taken = [];
    for (const { node, position } of this.labels) {
      const p = position.clone().project(this.camera);
      const x = (p.x * 0.5 + 0.5) * this.host.clientWidth;
      let y = (0.5 - p.y * 0.5) * this.host.clientHeight;
      const width = node.textContent.length * 6.5 + 14;
      while (taken.some((other) => Math.abs(other.y - y) < 19 && x < other.x + other.width && other.x < x + width)) y -= 4;
      taken.push({ x, y, width });
      node.style.transform = `translate(${x}px, ${y}px)`;
      node.hidden = p.z >= 1;
    }
  }
}

/** The hand drawn in the frame of the tool centre point: z points out between the fingers, which move along y. */
function gripper(color, opacity) {
  const solid = new T.MeshStandardMaterial({ color, transparent: opacity < 1, opacity, depthWrite: opacity >= 1, roughness: 0.5 });
  const edge = new T.LineBasicMaterial({ color: opacity < 1 ? 0x7dd3fc : 0x334155 });
  const group = new T.Group();
  const box = (size, position) => {
    const part = new T.Mesh(new T.BoxGeometry(...size), solid);
    part.position.set(...position);
    part.add(new T.LineSegments(new T.EdgesGeometry(part.geometry), edge));
    group.add(part);
    return part;
  };
  box([0.05, 0.2, 0.05], [0, 0, -0.078]);
  box([0.05, 0.05, 0.05], [0, 0, -0.128]);
  group.userData.fingers = [1, -1].map((side) => ({ side, part: box([0.018, 0.014, 0.06], [0, 0, -0.024]) }));
  return group;
}

function place(group, { position, quaternion, opening }) {
  group.visible = true;
  group.position.set(...position);
  group.quaternion.set(...quaternion);
  for (const { side, part } of group.userData.fingers) part.position.y = side * (0.007 + FINGER_TRAVEL * opening);
}

function keypoint() {
  const core = new T.Mesh(new T.SphereGeometry(0.009, 24, 16), new T.MeshBasicMaterial({ color: COLORS.keypoint }));
  const halo = new T.Mesh(
    new T.SphereGeometry(0.024, 24, 16),
    new T.MeshBasicMaterial({ color: COLORS.keypoint, transparent: true, opacity: 0.22, depthWrite: false }));
  const group = new T.Group();
  group.add(core, halo);
  return group;
}
