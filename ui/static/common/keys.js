// Which element takes the keys for itself.

const WRITTEN =
  "input:not([type=range], [type=checkbox]), textarea, select, [contenteditable]:not([contenteditable=false])";

/** True if typing in `node` writes text, so that a single letter is no shortcut there. */
export const writing = (node) => Boolean(node.closest?.(WRITTEN));
