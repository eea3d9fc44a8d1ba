// Places for labels beside their marks: beside each other, never over another label, a mark, or what is kept free.

const HEIGHT = 12;
const STEP = 6.5;
const LETTER = 4.5;
const EDGE = 2;
const GAP = 9;

/**
 * For points {name, u, v}: {...point, x, y, width, height, left} with y the middle of the label; pixels of a `size`
 * view. `scale`: how much larger than usual the letters are.
 */
export function placeLabels(points, kept, size, scale = 1) {
  const tall = HEIGHT * scale;
  const taken = [...kept, ...points.map(({ u, v }) => ({ x: u - 5, y: v, width: 10, height: 10 }))];
  return [...points]
    .sort((a, b) => a.v - b.v || a.u - b.u)
    .map((point) => {
      const width = point.name.length * LETTER * scale + 8;
      const free = ({ x, y }) =>
        taken.every(
          (other) =>
            Math.abs(other.y - y) >= (other.height + tall) / 2 || x >= other.x + other.width || other.x >= x + width,
        );
      const chosen = places(point, width, size, scale).find(free) ?? {
        x: inside(point.u + GAP, width, size),
        y: point.v,
        left: false,
      };
      taken.push({ ...chosen, width, height: tall });
      return { ...point, ...chosen, width, height: tall, scale };
    });
}

/** Nearest first: right of the mark, left of it, then further and further up and down. */
function places({ u, v }, width, size, scale) {
  const all = [];
  for (let n = 0; n < 40; n++) {
    const y = v + (n % 2 ? -1 : 1) * STEP * scale * Math.ceil(n / 2);
    if (y <= (HEIGHT * scale) / 2 || y >= size - (HEIGHT * scale) / 2) continue;
    if (u + GAP + width <= size - EDGE) all.push({ x: u + GAP, y, left: false });
    if (u - GAP - width >= EDGE) all.push({ x: u - GAP - width, y, left: true });
  }
  return all;
}

const inside = (x, width, size) => Math.max(EDGE, Math.min(size - EDGE - width, x));
