// Who operates and who watches: the pill in the top bar, its panel, the strip while one watches, requests as toasts.

import { el, setText } from "../common/dom.js";
import { memory } from "../common/storage.js";
import { toast } from "../common/toasts.js";

const $ = (id) => document.getElementById(id);
const NAME_KEY = "clap-name";
const NAME_LENGTH = 40;
const SHOW_MS = 500;

export const ownName = () => memory.getItem(NAME_KEY) ?? "";

export class Lease {
  /** @param {import("../live/link.js").Link} link */
  constructor(link) {
    this.link = link;
    this.state = null;
    this.toasts = new Map(); // id of who asks -> removes its toast
    $("c-lease").addEventListener("click", () => this.open($("c-lease-panel").hidden));
    document.addEventListener("pointerdown", (event) => {
      if (!event.target.closest("#c-lease-panel, #c-lease")) this.open(false);
    });
    document.addEventListener("clap-stop", () => this.open(false)); // Esc
    document.addEventListener("clap-name", (event) => this.rename(event.detail));
    setInterval(() => this.countDown(), SHOW_MS);
  }

  hello() {
    if (ownName()) this.link.send({ type: "name", name: ownName() });
  }

  /** @param {Protocol.LeaseState} message */
  lease(message) {
    const before = this.state;
    window.__clap.lease = this.state = message;
    this.received = performance.now();
    if (before?.mine && !message.mine && this.link.connected)
      toast(message.operator ? `${message.operator.name} operates now. You watch.` : "You no longer operate.");
    if (before && !before.mine && message.mine) toast("You operate now.");
    document.body.classList.toggle("c-watching", !message.mine);
    this.tellRequests();
    this.show();
  }

  /** @param {import("../live/link.js").Link} link */
  linkChanged(link) {
    if (link.connected) return;
    $("c-lease").hidden = $("c-watch").hidden = true;
    this.state = null; // the server makes a new lease for a new link; what is told then is no change
    this.open(false);
    this.tellRequests();
  }

  act(action, to) {
    this.link.send({ type: "lease", action, ...(to === undefined ? {} : { to }) });
  }

  open(wanted) {
    $("c-lease-panel").hidden = !wanted;
    $("c-lease").setAttribute("aria-expanded", wanted);
    if (wanted) this.show();
  }

  rename(name) {
    const kept = name.trim().slice(0, NAME_LENGTH);
    memory.setItem(NAME_KEY, kept);
    this.link.send({ type: "name", name: kept });
  }

  secondsLeft(request) {
    return Math.max(0, Math.ceil(request.seconds_left - (performance.now() - this.received) / 1000));
  }

  show() {
    const { mine, operator, watchers, you, requests } = this.state;
    const own = requests.find((request) => request.id === you);
    const who = mine ? "You operate" : operator ? `${operator.name} operates` : "Nobody operates";
    setText($("c-lease").querySelector("span"), watchers ? `${who} · ${watchers} watching` : who);
    $("c-lease").dataset.role = mine ? "operator" : "watcher";
    $("c-lease").hidden = false;
    $("c-watch").hidden = mine;
    if (!mine)
      $("c-watch").replaceChildren(
        el("b", {}, "You are watching."),
        el(
          "span",
          {},
          operator
            ? `${operator.name} operates. Ask for control to act; Stop works for everyone.`
            : "Nobody operates. Take control to act.",
        ),
        ...this.ways(own),
      );
    if (!$("c-lease-panel").hidden) this.panel(who, own);
  }

  /** The buttons by which a watcher comes to operate, as the state allows. */
  ways(own) {
    if (this.state.mine) return [this.button("Release control", "release")];
    if (!this.state.operator) return [this.button("Take control", "take")];
    if (!own) return [this.button("Ask for control", "request")];
    return [
      el("span", { class: "c-countdown", "data-request": own.id }, this.waits(own)),
      this.button("Cancel", "cancel"),
    ];
  }

  button(label, action, to) {
    return el(
      "button",
      { type: "button", class: "c-small", "data-lease": action, onclick: () => this.act(action, to) },
      label,
    );
  }

  waits(request) {
    const left = this.secondsLeft(request);
    return request.id === this.state.you
      ? `Asked: without an answer you take over in ${left} s`
      : `without an answer, control goes over in ${left} s`;
  }

  panel(who, own) {
    const panel = $("c-lease-panel");
    // Somebody writes a name.
    if (panel.contains(document.activeElement) && document.activeElement.matches("input")) return;
    const { mine, watchers, requests, you } = this.state;
    const others = requests.filter((request) => request.id !== you);
    panel.replaceChildren(
      el(
        "p",
        {},
        el("b", {}, `${who}. `),
        ["Nobody watches.", "One page watches."][watchers] ?? `${watchers} pages watch.`,
      ),
      el(
        "label",
        {},
        "Your name",
        el("input", {
          type: "text",
          id: "c-own-name",
          maxlength: NAME_LENGTH,
          autocomplete: "off",
          placeholder: this.state.name,
          value: ownName(),
          onchange: (event) => this.rename(event.target.value),
        }),
      ),
      ...others.map((request) =>
        el(
          "div",
          { class: "c-request" },
          el(
            "span",
            {},
            `${request.name} asks for control; `,
            el("span", { class: "c-countdown", "data-request": request.id }, this.waits(request)),
          ),
          ...(mine
            ? [this.button("Give control", "grant", request.id), this.button("Keep it", "deny", request.id)]
            : []),
        ),
      ),
      el("div", { class: "c-request" }, ...this.ways(own)),
    );
  }

  countDown() {
    for (const node of document.querySelectorAll(".c-countdown")) {
      const request = this.state?.requests.find(({ id }) => String(id) === node.dataset.request);
      if (request) setText(node, this.waits(request));
    }
  }

  /** One toast for each request that waits for this operator's answer; gone when it is answered or withdrawn. */
  tellRequests() {
    const waiting = this.state?.mine ? this.state.requests : [];
    for (const [id, remove] of this.toasts) {
      if (waiting.some((request) => request.id === id)) continue;
      remove();
      this.toasts.delete(id);
    }
    for (const { id, name } of waiting) {
      if (this.toasts.has(id)) continue;
      this.toasts.set(
        id,
        toast(el("span", {}, `${name} asks for control; `, el("span", { class: "c-countdown", "data-request": id })), {
          stay: null,
          actions: [
            ["Give control", () => this.act("grant", id)],
            ["Keep it", () => this.act("deny", id)],
          ],
        }),
      );
    }
    this.countDown();
  }
}
