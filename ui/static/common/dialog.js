// Dialogs under the top bar, so that Stop stays in sight and in reach of pointer, Tab and Esc. Esc stops and closes.
// They are shown by show(): showModal() would make all else inert, Stop among it.

import { el } from "./dom.js";

const FOCUSABLE = "a[href], button:not(:disabled), input:not(:disabled), select:not(:disabled), textarea:not(:disabled), [tabindex='0']";

let open = null;

/** Show one dialog, closing the one before it. Returns a function that closes it. `onclose` is called once. */
export function openDialog({ id, title, body, wide = false, onclose }) {
  open?.();
  const close = () => {
    if (open !== close) return;
    open = null;
    removeEventListener("keydown", keys, { capture: true });
    dialog.close(); // the focus goes back to where it was
    shade.remove();
    onclose?.();
  };
  const dialog = el("dialog", { class: `c-dialog ${wide ? "c-wide" : ""}`, id, "aria-labelledby": `${id}-title`, tabindex: "-1" },
    el("div", { class: "c-dialog-head" }, el("h2", { id: `${id}-title` }, title),
      el("button", { type: "button", class: "c-icon", "aria-label": "Close", onclick: () => close() }, "×")),
    el("div", { class: "c-dialog-body", tabindex: "0" }, body));
  const shade = el("div", { class: "c-shade", onpointerdown: (event) => event.target === shade && close() }, dialog);
  const keys = (event) => {
    if (event.key === "Escape") close(); // the page's own listener stops the robot as well
    if (event.key === "Tab") cycle(event, dialog);
  };
  addEventListener("keydown", keys, { capture: true });
  document.body.append(shade);
  dialog.show();
  dialog.focus();
  open = close;
  document.dispatchEvent(new Event("clap-dialog"));
  return close;
}

export const closeDialog = () => open?.();

/** Tab goes round through the dialog and Stop, and nowhere else. */
function cycle(event, dialog) {
  const stops = [...dialog.querySelectorAll(FOCUSABLE), document.getElementById("c-stop")].filter((node) => node.offsetParent !== null);
  const at = stops.indexOf(document.activeElement);
  const next = event.shiftKey ? (at <= 0 ? stops.length - 1 : at - 1) : (at + 1) % stops.length;
  stops[next].focus();
  event.preventDefault();
}
