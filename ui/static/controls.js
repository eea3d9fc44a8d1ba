// Instruction, scene form and command buttons: sends commands, and shows what the state allows.

import { el, setText } from "./dom.js";

const $ = (id) => document.getElementById(id);
const VERBS = ["plan", "predict", "approve", "run", "pause", "redo", "skip", "home", "reset"];
const SPEEDS = [ // the slider's stops: label and factor; 0 is as fast as the simulator can
  ["half speed", 0.5], ["real time", 1], ["2 × real time", 2], ["4 × real time", 4], ["as fast as it can", 0],
];

export class Controls {
  constructor(link) {
    this.link = link;
    this.can = {};
    $("c-setup").addEventListener("submit", (event) => {
      event.preventDefault();
      this.reset();
    });
    $("c-task").addEventListener("change", () => this.offerVariations());
    $("c-policy").addEventListener("change", (event) => link.send({ type: "policy", name: event.target.value }));
    $("c-speed").max = SPEEDS.length - 1;
    $("c-speed").addEventListener("input", (event) => {
      const [label, value] = SPEEDS[event.target.value];
      setText($("c-speed-text"), label);
      link.send({ type: "speed", value });
    });
    this.enable();
  }

  get instructionBox() {
    return document.querySelector("#c-instruction textarea, #c-instruction input");
  }

  command(verb) {
    if (this.can[verb]) this.link.send({ type: verb });
  }

  planned(text) {
    if (this.can.plan) this.link.send({ type: "plan", instruction: text ?? "" });
  }

  reset() {
    const variation = $("c-variation").value;
    this.link.send({
      type: "reset", task: $("c-task").value, seed: Number($("c-seed").value), condition: $("c-condition").value,
      variation: variation === "" ? null : Number(variation),
    });
  }

  hello({ tasks, conditions, policies }) {
    this.tasks = tasks;
    const option = (task) => el("option", { value: task.key }, task.title);
    const groups = [["Trained on", true], ["Never trained on", false]]
      .map(([label, trained]) => [label, tasks.filter((task) => task.trained === trained)])
      .filter(([, group]) => group.length);
    $("c-task").replaceChildren(...groups.map(([label, group]) => el("optgroup", { label }, group.map(option))));
    $("c-condition").replaceChildren(...conditions.map((name) => el("option", { value: name }, name === "none" ? "as trained" : name)));
    $("c-policy").replaceChildren(...policies.map((policy) =>
      el("option", { value: policy.name, disabled: Boolean(policy.missing), title: policy.missing || null },
        policy.missing ? `${policy.name} – not available` : policy.name)));
    this.followed = {};
    this.offered = undefined;
    this.offerVariations();
  }

  offerVariations() {
    const task = this.tasks?.find((entry) => entry.key === $("c-task").value);
    if (task && this.offered === task.key) return; // keep what was chosen for this task
    this.offered = task?.key;
    $("c-variation").replaceChildren(el("option", { value: "" }, "by seed"),
      ...Array.from({ length: task?.variations ?? 0 }, (_, k) => el("option", { value: k }, `no. ${k + 1} of ${task.variations}`)));
  }

  status(message) {
    this.can = message.can;
    this.enable();
    setText($("c-hint"), message.hint);
    $("c-hint").dataset.busy = message.busy;
    this.follow("c-task", message.task, () => this.offerVariations());
    this.follow("c-seed", message.seed);
    this.follow("c-condition", message.condition);
    this.follow("c-policy", message.policy);
    this.follow("c-speed", Math.max(0, SPEEDS.findIndex(([, value]) => value === message.speed)),
      () => setText($("c-speed-text"), SPEEDS[$("c-speed").value][0]));
    this.chips(message);
  }

  /** Take the console's value over when it changed there, so that what the operator is choosing here stays. */
  follow(id, value, then) {
    if (value === "" || this.followed?.[id] === value) return;
    this.followed = { ...this.followed, [id]: value };
    $(id).value = value;
    then?.();
  }

  chips({ examples }) {
    const key = examples.join("\n");
    if (this.chipsShown === key) return;
    this.chipsShown = key;
    $("c-chips").replaceChildren(...examples.map((text, k) => el("button", {
      type: "button", class: k === 0 ? "c-chip c-own" : "c-chip",
      title: k === 0 ? "This scene was set up for this instruction" : "Another thing to do on this table", onclick: () => this.use(text),
    }, text)));
  }

  use(text) {
    const box = this.instructionBox;
    box.value = text;
    box.dispatchEvent(new Event("input", { bubbles: true })); // so that Gradio knows it too
    box.focus();
  }

  linkChanged() {
    this.enable();
    if (!this.link.connected) setText($("c-hint"), "Not connected to the console. It tries again by itself.");
  }

  enable() {
    for (const verb of VERBS) {
      const button = $(`c-do-${verb}`);
      button.disabled = !(this.link.connected && this.can[verb]);
    }
    for (const id of ["c-task", "c-seed", "c-variation", "c-condition"]) $(id).disabled = !(this.link.connected && this.can.reset);
    const next = ["approve", "predict", "plan"].find((verb) => this.can[verb]);
    for (const verb of ["approve", "predict", "plan"]) $(`c-do-${verb}`).classList.toggle("c-next", verb === next);
    $("c-policy").title = $("c-policy").value;
    $("c-policy").disabled = !(this.link.connected && this.can.policy);
    $("c-speed").disabled = !(this.link.connected && this.can.speed);
  }
}
