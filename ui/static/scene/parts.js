// The things of the scene: table grid, workspace box, cloud, the gripper now and proposed, keypoint, path and markers.

import * as T from "../three/three.clap.min.js";

const TABLE_Z = 0.752;
const FINGER_TRAVEL = 0.04; // metres each finger of the gripper moves, fully open
const COLORS = { now: 0xd8e1ec, ghost: 0x38bdf8, keypoint: 0xff2d55, object: 0xffd166, other: 0x9aa7b8, own: 0xc084fc };

/** All parts, added to `scene`: {cloud, now, ghost, keypoint, path, markers, pin}. */
export function buildParts(scene, { low, high }) {
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
    new T.LineBasicMaterial({ color: 0x64809f, transparent: true, opacity: 0.35 }),
  );
  box.position.set(...centre);
  const axes = new T.AxesHelper(0.12);
  axes.position.set(low[0], low[1], TABLE_Z);
  const parts = {
    cloud: new T.Points(
      new T.BufferGeometry(),
      new T.PointsMaterial({ size: 3.2, sizeAttenuation: false, vertexColors: true }),
    ),
    now: gripper(COLORS.now, 1),
    ghost: gripper(COLORS.ghost, 0.45),
    keypoint: keypoint(),
    path: new T.Line(
      new T.BufferGeometry(),
      new T.LineDashedMaterial({ color: COLORS.ghost, dashSize: 0.025, gapSize: 0.018 }),
    ),
    markers: new T.Group(),
    pin: new T.Mesh(
      new T.SphereGeometry(0.006, 16, 12),
      new T.MeshBasicMaterial({ color: 0xffffff, depthTest: false }),
    ),
  };
  parts.cloud.frustumCulled = parts.path.frustumCulled = false;
  for (const hidden of [parts.now, parts.ghost, parts.keypoint, parts.path, parts.pin]) hidden.visible = false;
  scene.add(sky, sun, grid, box, axes, ...Object.values(parts));
  return parts;
}

/** Points as shares of the box from `low` to `high`: `positions` uint16, `colors` uint8. */
export function showCloud(cloud, { positions, colors, low, high }) {
  cloud.geometry.dispose(); // else the buffers of the cloud before stay
  cloud.geometry.setAttribute("position", new T.BufferAttribute(new Uint16Array(positions), 3, true));
  cloud.geometry.setAttribute("color", new T.BufferAttribute(new Uint8Array(colors), 3, true));
  cloud.position.set(...low);
  cloud.scale.set(...high.map((value, i) => value - low[i]));
}

/** The gripper drawn in the frame of the tool centre point: z points out between the fingers, which move along y. */
function gripper(color, opacity) {
  const solid = new T.MeshStandardMaterial({
    color,
    transparent: opacity < 1,
    opacity,
    depthWrite: opacity >= 1,
    roughness: 0.5,
  });
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
  group.userData.solid = solid;
  return group;
}

/** Put a gripper at a pose, null for nowhere; `opening` is from 0 to 1. */
export function place(group, pose) {
  group.visible = Boolean(pose);
  if (!pose) return;
  const { position, quaternion, opening } = pose;
  group.position.set(...position);
  group.quaternion.set(...quaternion);
  for (const { side, part } of group.userData.fingers) part.position.y = side * (0.007 + FINGER_TRAVEL * opening);
}

/** The way from one pose to the other, where both are known. */
export function placePath(path, from, to) {
  path.visible = Boolean(from && to);
  if (!path.visible) return;
  path.geometry.setFromPoints([from, to].map(({ position }) => new T.Vector3(...position)));
  path.computeLineDistances();
}

/** Colour the proposed pose: the policy's, or the operator's own. */
export function markOwn({ ghost, path }, own) {
  ghost.userData.solid.color.set(own ? COLORS.own : COLORS.ghost);
  path.material.color.set(own ? COLORS.own : COLORS.ghost);
}

function keypoint() {
  const core = new T.Mesh(new T.SphereGeometry(0.009, 24, 16), new T.MeshBasicMaterial({ color: COLORS.keypoint }));
  const halo = new T.Mesh(
    new T.SphereGeometry(0.024, 24, 16),
    new T.MeshBasicMaterial({ color: COLORS.keypoint, transparent: true, opacity: 0.22, depthWrite: false }),
  );
  const group = new T.Group();
  group.add(core, halo);
  return group;
}

/** A small diamond at every object, dim where the task is not about it. */
export function showMarkers(markers, objects) {
  const shown = JSON.stringify(objects);
  if (shown === markers.userData.shown) return;
  markers.userData.shown = shown;
  for (const marker of markers.children) marker.geometry.dispose();
  markers.clear();
  for (const { position, relevant } of objects) {
    const color = relevant ? COLORS.object : COLORS.other;
    const material = new T.MeshBasicMaterial({
      color,
      transparent: true,
      opacity: relevant ? 0.9 : 0.5,
      depthTest: false,
    });
    const marker = new T.Mesh(new T.OctahedronGeometry(0.009), material);
    marker.position.set(...position);
    markers.add(marker);
  }
}
