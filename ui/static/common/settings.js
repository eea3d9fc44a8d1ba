// Settings of this browser: theme, name, what is shown, the speed to begin with; and the console's approve-each.

import { openDialog } from "./dialog.js";
import { el } from "./dom.js";
import { ownName } from "../live/lease.js";
import { memory } from "./storage.js";
import { chooseTheme, chosenTheme } from "./theme.js";

const $ = (id) => document.getElementById(id);
const SPEED_KEY = "clap-speed";
const SHOWN = [ // stored key, class on the body when switched off, label
  ["clap-show-labels", "c-no-labels", "Names of the objects in views and scene"],
  ["clap-show-legend", "c-no-legend", "Legend under the scene"],
  ["clap-show-times", "c-no-times", "Times in the top bar"],
];

export class Settings {
  constructor(permit, tour) {
    this.permit = permit;
    this.tour = tour;
    $("c-open-settings").addEventListener("click", () => this.open());
    this.applyShown();
  }

  hello({ dead_man_s: deadMan, abilities }) {
    this.deadMan = deadMan;
    this.fastest = abilities.includes("faster-than-real-time") ? Infinity : 1;
    this.fresh = true;
  }

  status(message) {
    this.approveEach = message.approve_each;
    this.speed = message.speed;
    this.beginWithSpeed();
  }

  lease({ mine }) {
    this.mine = mine;
    this.beginWithSpeed();
  }

  /** A page that operates sets its own speed once, when it is opened. */
  beginWithSpeed() {
    const wish = memory.getItem(SPEED_KEY);
    if (!this.fresh || !this.mine || !this.permit.allows("speed")) return;
    this.fresh = false;
    if (wish !== null && this.offers(wish) && Number(wish) !== this.speed) this.permit.link.send({ type: "speed", value: Number(wish) });
  }

  /** Whether the world goes at this speed; "0" is as fast as it can. */
  offers(speed) {
    return (Number(speed) || Infinity) <= this.fastest;
  }

  applyShown() {
    for (const [key, off] of SHOWN) document.body.classList.toggle(off, memory.getItem(key) === "off");
  }

  open() {
    openDialog({ id: "c-settings", title: "Settings", body: [
      this.theme(),
      el("label", {}, "Your name, as others see it", el("input", { type: "text", maxlength: 40, autocomplete: "off", value: ownName(),
        onchange: (event) => document.dispatchEvent(new CustomEvent("clap-name", { detail: event.target.value })) })),
      this.speeds(),
      ...this.safety(),
      el("fieldset", {}, el("legend", {}, "Show"), ...SHOWN.map(([key, , label]) => check(label, memory.getItem(key) !== "off", (on) => {
        memory.setItem(key, on ? "on" : "off");
        this.applyShown();
      }))),
      el("button", { type: "button", class: "c-small", onclick: () => this.tour.begin() }, "Take the tour again"),
      ...(this.permit.link.login ? [logOut()] : []),
    ] });
  }

  theme() {
    return el("fieldset", {}, el("legend", {}, "Theme"), ...["dark", "light", "system"].map((name) => el("label", { class: "c-check" },
      el("input", { type: "radio", name: "c-theme-choice", value: name, checked: name === chosenTheme(), onchange: () => chooseTheme(name) }),
      { dark: "Dark", light: "Light", system: "As the system" }[name])));
  }

  speeds() {
    const kept = memory.getItem(SPEED_KEY) ?? "";
    const options = [["", "as it is"], ["0.5", "half speed"], ["1", "real time"], ["2", "2 × real time"], ["4", "4 × real time"], ["0", "as fast as it can"]]
      .filter(([value]) => value === "" || this.offers(value));
    return el("label", {}, "Speed to begin with", el("select", { onchange: (event) => {
      if (event.target.value === "") memory.removeItem(SPEED_KEY);
      else memory.setItem(SPEED_KEY, event.target.value);
    } }, ...options.map(([value, label]) => el("option", { value, selected: value === kept }, label))));
  }

  safety() {
    const rows = [];
    if (this.approveEach !== undefined) {
      const box = check("Approve each step: Run all waits for you before every motion", this.approveEach,
        (on) => this.permit.send({ type: "approve-each", value: on }));
      box.querySelector("input").disabled = !this.permit.allows("approve-each");
      rows.push(box);
    }
    if (this.deadMan) rows.push(el("p", { class: "c-dim" }, `If the operator's page is lost for ${this.deadMan} s, the motion halts by itself.`));
    return [el("fieldset", {}, el("legend", {}, "Safety"), ...rows)];
  }
}

/** Ends this login in all of its tabs; the robot halts if this page operates it and is not heard any more. */
function logOut() {
  return el("form", { method: "post", action: "/clap/logout" }, el("button", { class: "c-small", id: "c-log-out" }, "Log out"));
}

function check(label, on, changed) {
  return el("label", { class: "c-check" }, el("input", { type: "checkbox", checked: on, onchange: (event) => changed(event.target.checked) }), label);
}
