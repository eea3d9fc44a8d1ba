// The three orthographic views of the workspace: world metres to pixels and back (the same table as
// clap/geometry/frames.py).

export const SIZE = 224; // pixels of a view's side
const LETTERS = "xyz";

export class ViewGeometry {
  constructor(axes, { low, high }) {
    this.axes = axes;
    this.centre = low.map((value, i) => (value + high[i]) / 2);
    this.half = Math.max(...high.map((value, i) => value - low[i])) / 2;
    this.low = low;
    this.high = high;
  }

  /**
   * World metres to continuous pixels (u, v) in view k.
   * @returns {[number, number]}
   */
  project(point, k) {
    const view = this.axes[k];
    const local = (axis) => (point[axis] - this.centre[axis]) / this.half;
    return [(SIZE / 2) * (1 + view.u_sign * local(view.u_axis)), (SIZE / 2) * (1 + view.v_sign * local(view.v_axis))];
  }

  /** The point of view k's pixel (u, v) whose third coordinate is that of `point`; inside the workspace. */
  unproject(u, v, k, point) {
    const view = this.axes[k];
    const world = [...point];
    const set = (axis, sign, pixel) => {
      const value = this.centre[axis] + (this.half * ((2 * pixel) / SIZE - 1)) / sign;
      world[axis] = Math.min(this.high[axis], Math.max(this.low[axis], value));
    };
    set(view.u_axis, view.u_sign, u);
    set(view.v_axis, view.v_sign, v);
    return world;
  }

  /** The axes' names with their directions, for instance "y →  z ↑". */
  axisNames(k) {
    const view = this.axes[k];
    const across = view.u_sign > 0 ? "→" : "←";
    const down = view.v_sign > 0 ? "↓" : "↑";
    return `${LETTERS[view.u_axis]} ${across}  ${LETTERS[view.v_axis]} ${down}`;
  }
}

/** Quaternion (xyzw) turned by `angle` radians about the world's z axis. */
export function turned([x, y, z, w], angle) {
  const [s, c] = [Math.sin(angle / 2), Math.cos(angle / 2)];
  return [c * x - s * y, c * y + s * x, c * z + s * w, c * w - s * z];
}

/** Angle of the tool's x axis about the world's z axis, degrees in -180 to 180. */
export const yawOf = ([x, y, z, w]) => (Math.atan2(2 * (x * y + w * z), 1 - 2 * (y * y + z * z)) * 180) / Math.PI;

export const distance = (a, b) => Math.hypot(...a.map((value, i) => value - b[i]));
