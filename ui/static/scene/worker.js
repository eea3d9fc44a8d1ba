// The worker that draws the scene. It says whether it can; then come the canvas and the frames (see scene/canvas.js).

import { SceneRenderer } from "./renderer.js";

let renderer = null;

self.onmessage = ({ data }) => {
  if (renderer === null) renderer = new SceneRenderer(data.canvas, data.options, (took) => postMessage({ took }));
  else renderer.draw(data.frame);
};
const context = globalThis.OffscreenCanvas && new OffscreenCanvas(1, 1).getContext("webgl2");
context?.getExtension("WEBGL_lose_context")?.loseContext();
postMessage({ draws: Boolean(context) });
