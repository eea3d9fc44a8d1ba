// The panels below the top bar: Operate, Evaluation, Training … One is shown at a time; the address's hash names it, so
// that it can be linked. Operate stays in the page while it is hidden: its canvas and its state are never made anew.

const FIRST = "operate";
const $ = (id) => document.getElementById(id);
const tabs = () => [...document.querySelectorAll("#c-panels [role=tab]:not([hidden])")];
const named = () => {
  const name = location.hash.slice(1);
  return tabs().some((tab) => tab.dataset.panel === name) ? name : FIRST;
};

/** Show a panel and put its name into the address. Others hear "clap-panel" on the document. */
export function showPanel(name) {
  if (named() !== name) location.hash = name;
  show(name);
}

/** Offer a panel that not every world can fill, or no longer. */
export function offerPanel(name, offered) {
  $(`c-tab-${name}`).hidden = !offered;
  if (!offered) $(`c-${name}`).hidden = true;
  show(named());
}

/** True while Operate is shown: its keys act in no other panel. */
export const operating = () => document.body.dataset.panel === FIRST;

/** Make the tabs work, and show the panel that the address names. */
export function startPanels() {
  $("c-main").setAttribute("role", "tabpanel");
  $("c-main").setAttribute("aria-labelledby", "c-tab-operate");
  for (const tab of $("c-panels").children) tab.addEventListener("click", () => showPanel(tab.dataset.panel));
  $("c-panels").addEventListener("keydown", (event) => walk(event));
  addEventListener("hashchange", () => show(named()));
  show(named());
}

function show(name) {
  if (document.body.dataset.panel === name) return;
  document.body.dataset.panel = name;
  for (const tab of tabs()) {
    const chosen = tab.dataset.panel === name;
    tab.setAttribute("aria-selected", chosen);
    tab.tabIndex = chosen ? 0 : -1;
    if (tab.dataset.panel !== FIRST) $(tab.getAttribute("aria-controls")).hidden = !chosen; // Operate: by style sheet
  }
  document.dispatchEvent(new CustomEvent("clap-panel", { detail: name }));
}

function walk(event) {
  const all = tabs();
  const at = all.indexOf(event.target);
  const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: all.length - 1 }[event.key];
  if (at < 0 || to === undefined) return;
  event.preventDefault();
  const next = all[(to + all.length) % all.length];
  showPanel(next.dataset.panel);
  next.focus();
}
