// The form that sets a scene up: task, seed, variation, condition, and the policy.

import { el } from "../common/dom.js";

const $ = (id) => document.getElementById(id);

export class Setup {
  /** @param {import("../common/permit.js").Permit} permit */
  constructor(permit) {
    this.permit = permit;
    $("c-setup").addEventListener("submit", (event) => {
      event.preventDefault();
      this.reset();
    });
    $("c-task").addEventListener("change", () => this.offerVariations());
    $("c-policy").addEventListener("change", (event) => permit.send({ type: "policy", name: event.target.value }));
  }

  reset() {
    const variation = $("c-variation").value;
    this.permit.send({
      type: "reset",
      task: $("c-task").value,
      seed: Number($("c-seed").value),
      condition: $("c-condition").value,
      variation: variation === "" ? null : Number(variation),
    });
  }

  /**
   * The policies to choose from; a retrained checkpoint that is put to use is one more.
   * @param {Protocol.Policies} message
   */
  policies({ policies }) {
    this.choices(policies);
  }

  /** @param {Protocol.PolicyChoice[]} policies */
  choices(policies) {
    const chosen = $("c-policy").value;
    $("c-policy").replaceChildren(
      ...policies.map((policy) =>
        el(
          "option",
          { value: policy.name, disabled: Boolean(policy.missing), title: policy.missing || null },
          policy.missing ? `${policy.name} – not available` : policy.name,
        ),
      ),
    );
    if (chosen) $("c-policy").value = chosen;
  }

  /** @param {Protocol.Hello} message */
  hello({ tasks, conditions, policies }) {
    this.tasks = tasks;
    const option = (task) => el("option", { value: task.key }, task.title);
    /** @type {[label: string, tasks: Protocol.Task[]][]} */
    const groups = [
      ["Trained on", tasks.filter((task) => task.trained)],
      ["Never trained on", tasks.filter((task) => !task.trained)],
    ];
    $("c-task").replaceChildren(
      ...groups
        .filter(([, group]) => group.length)
        .map(([label, group]) => el("optgroup", { label }, group.map(option))),
    );
    $("c-condition").replaceChildren(
      ...conditions.map((name) => el("option", { value: name }, name === "none" ? "as trained" : name)),
    );
    this.choices(policies);
    this.followed = {};
    this.offered = undefined;
    this.offerVariations();
  }

  offerVariations() {
    const task = this.tasks?.find((entry) => entry.key === $("c-task").value);
    if (task && this.offered === task.key) return; // keep what was chosen for this task
    this.offered = task?.key;
    $("c-variation").replaceChildren(
      el("option", { value: "" }, "auto"),
      ...Array.from({ length: task?.variations ?? 0 }, (_, k) =>
        el("option", { value: k }, `${k + 1}/${task.variations}`),
      ),
    );
  }

  /** @param {Protocol.Status} message */
  status(message) {
    this.enable();
    this.follow("c-task", message.task, () => this.offerVariations());
    this.follow("c-seed", message.seed);
    this.follow("c-condition", message.condition);
    this.follow("c-policy", message.policy);
  }

  /** Take the console's value over when it changed there, so that what the operator is choosing here stays. */
  follow(id, value, then) {
    if (value === "" || this.followed?.[id] === value) return;
    this.followed = { ...this.followed, [id]: value };
    $(id).value = value;
    then?.();
  }

  linkChanged() {
    this.enable();
  }

  enable() {
    for (const id of ["c-task", "c-seed", "c-variation", "c-condition"]) $(id).disabled = !this.permit.allows("reset");
    this.permit.show($("c-do-reset"), "reset", "Set the scene up anew");
    this.permit.show($("c-policy"), "policy", `The policy that plans and predicts: ${$("c-policy").value}`);
  }
}
