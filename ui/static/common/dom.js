// Small helpers for building DOM. All text goes in as text nodes: nothing from the robot or the operator is parsed as
// HTML.

const SVG = "http://www.w3.org/2000/svg";
const ARGUMENTS = 8192; // a function of every browser takes so many

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

export const el = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
export const svg = (tag, attributes, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);

export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Resolve with the element once Gradio has rendered it. */
export function appear(selector) {
  return new Promise((resolve) => {
    const found = document.querySelector(selector);
    if (found) return resolve(found);
    const observer = new MutationObserver(() => {
      const node = document.querySelector(selector);
      if (node) {
        observer.disconnect();
        resolve(node);
      }
    });
    observer.observe(document.documentElement, { childList: true, subtree: true });
  });
}

/**
 * Show JPEG bytes in an <img>; not by a blob's URL, which the page would have to wait for the browser's process for.
 */
export function showPicture(image, buffer) {
  const bytes = new Uint8Array(buffer);
  let text = "";
  for (let i = 0; i < bytes.length; i += ARGUMENTS) text += String.fromCharCode(...bytes.subarray(i, i + ARGUMENTS));
  image.src = `data:image/jpeg;base64,${btoa(text)}`;
  image.hidden = false;
}

export const duration = (seconds) =>
  seconds === undefined || seconds === null
    ? "–"
    : seconds < 0.0005
      ? "< 1 ms"
      : seconds < 1
        ? `${Math.round(seconds * 1000)} ms`
        : `${seconds.toFixed(1)} s`;

const coordinate = (value) => (Number.isFinite(value) ? value.toFixed(3).replace("-", "−") : "–");

/** "x 0.345  y 0.040  z 0.861 m"; a coordinate that is not known is a dash. */
export const metres = (values) =>
  `${["x", "y", "z"].map((axis, k) => `${axis} ${coordinate(values[k])}`).join("  ")} m`;
