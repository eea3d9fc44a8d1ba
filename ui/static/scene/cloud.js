// The points seen last, and the one that lies under a pixel of a view or of the scene.

const VIEW_RADIUS = 1.6; // pixels of a 224-pixel view
const SCREEN_RADIUS = 7; // pixels of the screen

export class Cloud {
  constructor() {
    this.points = new Float32Array(0);
  }

  /** @param {Page.Binary<Protocol.SceneHeader>} header */
  scene(header) {
    const cells = new Uint16Array(header.data.positions);
    this.points = new Float32Array(cells.length);
    const size = header.high.map((value, i) => (value - header.low[i]) / 65535);
    for (let i = 0; i < cells.length; i++) this.points[i] = header.low[i % 3] + size[i % 3] * cells[i];
  }

  /** The point under (u, v) in view k that is nearest to the onlooker: [x, y, z] metres, or null. */
  underView(geometry, k, u, v) {
    const view = geometry.axes[k];
    const scale = geometry.half / 112;
    const au = geometry.centre[view.u_axis] + view.u_sign * (u - 112) * scale;
    const av = geometry.centre[view.v_axis] + view.v_sign * (v - 112) * scale;
    const reach = VIEW_RADIUS * scale;
    let best = -1;
    let nearest = Infinity;
    for (let i = 0; i < this.points.length; i += 3) {
      if (Math.abs(this.points[i + view.u_axis] - au) > reach || Math.abs(this.points[i + view.v_axis] - av) > reach)
        continue;
      const depth = view.depth_sign * this.points[i + view.depth_axis];
      if (depth < nearest) [nearest, best] = [depth, i];
    }
    return best < 0 ? null : [...this.points.subarray(best, best + 3)];
  }

  /**
   * The point under (x, y) pixels of a `width` x `height` canvas drawn with matrix `m` (column-major projection x
   * view).
   */
  underScreen(m, width, height, x, y) {
    let best = -1;
    let nearest = Infinity;
    for (let i = 0; i < this.points.length; i += 3) {
      const [px, py, pz] = [this.points[i], this.points[i + 1], this.points[i + 2]];
      const w = m[3] * px + m[7] * py + m[11] * pz + m[15];
      if (w <= 0) continue;
      const dx = ((m[0] * px + m[4] * py + m[8] * pz + m[12]) / w + 1) * (width / 2) - x;
      if (Math.abs(dx) > SCREEN_RADIUS) continue;
      const dy = (1 - (m[1] * px + m[5] * py + m[9] * pz + m[13]) / w) * (height / 2) - y;
      if (Math.abs(dy) > SCREEN_RADIUS || w >= nearest) continue;
      [nearest, best] = [w, i];
    }
    return best < 0 ? null : [...this.points.subarray(best, best + 3)];
  }
}
