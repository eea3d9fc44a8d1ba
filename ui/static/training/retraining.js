// Retraining in the Training panel: begin one, follow it while it runs, compare old and new, and put the new one to use.

import { el } from "../common/dom.js";
import { RetrainingForm } from "./retraining_form.js";
import { RetrainingRun } from "./retraining_run.js";

const PERIOD_MS = 2000;
const LOOK_MS = 8000;

export class Retraining {
  constructor(permit) {
    this.permit = permit;
    this.form = new RetrainingForm((order) => this.send(order));
    this.run = new RetrainingRun((order) => this.send(order));
    this.choice = el("select", { id: "c-retrain-run", onchange: () => this.load(this.choice.value) });
    this.chooser = el("label", { class: "c-retrain-chooser", hidden: true }, "Retraining ", this.choice);
    this.said = el("p", { class: "c-dim", role: "status", id: "c-retrain-said" }, "Loading …");
    this.node = el("section", { class: "c-section c-retrain", id: "c-retrain", "aria-label": "Retrain" }, el("h3", {}, "Retrain from demonstrations"),
      this.said, this.form.node, this.chooser, this.run.node);
    setInterval(() => this.isShown && !document.hidden && this.load(), PERIOD_MS);
    document.addEventListener("clap-panel", () => this.isShown && this.load());
    document.body.addEventListener("clap-theme", () => this.run.redraw());
    addEventListener("resize", () => this.isShown && this.run.refit());
    if (this.isShown) this.load();
  }

  get isShown() {
    return document.body.dataset.panel === "training";
  }

  /** Fetch how it stands; `wanted` names the run to show from now on, "" the latest. */
  async load(wanted) {
    if (wanted !== undefined) this.wanted = wanted;
    if (this.loading && wanted === undefined) return;
    this.loading = true;
    try {
      const asked = this.wanted ?? "";
      const [answer, sets] = await Promise.all([fetch(`/clap/retraining${asked ? `?run=${encodeURIComponent(asked)}` : ""}`), this.demonstrations()]);
      if (!answer.ok) throw new Error(`status ${answer.status}`);
      const found = await answer.json();
      if ((this.wanted ?? "") === asked) this.show(found, sets);
    } catch {
      this.said.textContent = "How the retrainings stand could not be loaded. It is tried again.";
    } finally {
      this.loading = false;
    }
  }

  /** The sets of demonstrations, looked at again now and then. */
  async demonstrations() {
    if (this.sets && performance.now() - this.looked < LOOK_MS) return this.sets;
    const answer = await fetch("/clap/demonstrations", { cache: "no-cache" });
    this.looked = performance.now();
    this.sets = answer.ok ? await answer.json() : {};
    return this.sets;
  }

  show(found, sets) {
    this.found = found;
    const running = found.runs.find((run) => run.state === "running");
    this.said.textContent = found.why || `The policy ${found.checkpoint} learns from demonstrations that ended in success, and rehearses what it knew. `
      + "It takes this machine's spare time; the robot goes first. The policy in use stays until you choose the new one.";
    this.form.show(found, sets, running);
    this.chooser.hidden = found.runs.length < 2;
    const options = found.runs.map((run) => `${run.name}: ${run.about}, ${run.state_text}`);
    if (this.options !== options.join()) {
      this.options = options.join();
      this.choice.replaceChildren(...found.runs.map((run, k) => el("option", { value: run.name }, options[k])));
    }
    this.choice.value = found.shown?.name ?? "";
    this.run.show(found.shown, running);
    this.allow();
    window.__clap.retraining = found; // what the browser tests look at
  }

  // From the link

  hello({ policies }) {
    this.own = policies.find((policy) => !policy.is_expert && !policy.missing)?.name ?? policies[0]?.name;
    this.allow();
  }

  status({ policy }) {
    if (policy === this.policy) return this.allow();
    this.policy = policy;
    this.run.inUse(policy, this.own);
    this.allow();
  }

  lease() {
    this.allow();
  }

  linkChanged() {
    this.allow();
  }

  /** An order was carried out, or could not be. */
  retraining({ order, done }) {
    this.form.settled();
    this.load(order === "retrain-start" && done ? "" : undefined);
  }

  allow() {
    this.form.allow(this.permit.barred);
    this.run.allow(this.permit, this.policy, this.own);
  }

  send(order) {
    return !this.permit.barred && this.permit.link.send(order);
  }
}
