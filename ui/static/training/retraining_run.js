// One retraining: how far it is, its curves and its log; what can be done with it.

import { el, setText } from "../common/dom.js";
import { section } from "./panel_parts.js";
import { plot, plotly, refit } from "./plot.js";

const lasting = (minutes) => (minutes === null ? "" : minutes < 1 ? "less than a minute left" : `about ${Math.round(minutes)} min left`);

export class RetrainingRun {
  constructor(send) {
    this.send = send;
    this.charts = [];
    const order = (type) => () => this.send({ type, run: this.run.name });
    this.state = el("span", { class: "c-pill", id: "c-retrain-state" });
    this.about = el("span", {});
    this.doing = el("p", { role: "status", id: "c-retrain-doing" });
    this.bar = el("progress", { max: "1", "aria-label": "Share of the training that is done" });
    this.tally = el("dl", { class: "c-facts" });
    this.sentence = el("p", { class: "c-problem", role: "status" });
    this.cancel = el("button", { type: "button", class: "c-small", id: "c-retrain-cancel", onclick: order("retrain-cancel") }, "Cancel");
    this.resume = el("button", { type: "button", class: "c-small", id: "c-retrain-resume", onclick: order("retrain-resume") }, "Resume");
    this.use = el("button", { type: "button", class: "c-small", id: "c-retrain-use", onclick: order("retrain-use") }, "Use this checkpoint");
    this.back = el("button", { type: "button", class: "c-small", id: "c-retrain-back", onclick: () => this.send({ type: "policy", name: this.own }) }, "Back");
    this.sections = el("div", {});
    this.log = el("pre", { tabindex: "0", "aria-label": "Log of the retraining" });
    this.more = el("details", { class: "c-more", id: "c-retrain-log" }, el("summary", {}, "Log"), this.log);
    this.node = el("div", { class: "c-retrain-run", hidden: true },
      el("div", { class: "c-retrain-row" }, this.state, this.about, this.cancel, this.resume, this.use, this.back),
      this.doing, this.bar, this.tally, this.sentence, this.sections, this.more);
  }

  show(run, running) {
    this.node.hidden = !run;
    this.run = run;
    this.other = running && running.name !== run?.name;
    if (!run) return;
    setText(this.state, run.state_text);
    this.state.dataset.state = run.state;
    setText(this.about, `${run.name}: ${run.about}`);
    setText(this.doing, [run.doing, run.doing && lasting(run.minutes_left)].filter(Boolean).join(", "));
    this.doing.hidden = !run.doing;
    this.bar.hidden = run.share === null;
    if (run.share !== null) this.bar.value = run.share;
    this.tally.replaceChildren(...run.tally.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))));
    this.tally.hidden = !run.tally.length;
    setText(this.sentence, run.sentence);
    this.sentence.hidden = !run.sentence;
    const atEnd = this.log.scrollTop + this.log.clientHeight >= this.log.scrollHeight - 4;
    setText(this.log, run.log);
    if (atEnd) this.log.scrollTop = this.log.scrollHeight;
    this.more.hidden = !run.log;
    this.draw(run);
  }

  /** The sections anew where they differ; a chart that only has more points is drawn over. */
  async draw(run) {
    const shape = JSON.stringify([run.name, run.sections.map(({ title, charts }) => [title, charts.map((chart) => chart.title)])]);
    const content = JSON.stringify(run.sections);
    if (content === this.content) return;
    this.content = content;
    if (shape !== this.shape) {
      this.shape = shape;
      const built = run.sections.map(section);
      this.charts = built.flatMap(({ charts }) => charts);
      this.sections.replaceChildren(...built.map(({ node }) => node));
    } else {
      const found = run.sections.flatMap(({ charts }) => charts);
      this.charts.forEach((entry, k) => { entry.chart = found[k]; });
    }
    await this.redraw();
  }

  async redraw() {
    if (!this.charts.length) return;
    await plotly();
    for (const { host, chart } of this.charts) {
      await new Promise((later) => setTimeout(later)); // the heartbeat and Stop come between
      if (host.isConnected && host.offsetParent) await plot(host, chart);
      else this.content = ""; // hidden now: drawn when it is shown again
    }
  }

  refit() {
    for (const { host } of this.charts) if (host.classList.contains("js-plotly-plot")) refit(host);
  }

  inUse(policy, own) {
    this.policy = policy;
    this.own = own;
  }

  allow(permit, policy, own) {
    const refusal = permit.barred;
    const run = this.run;
    this.inUse(policy, own);
    if (!run) return;
    const used = policy === `CLAP (${run.name})`;
    const swap = permit.why("policy");
    this.offer(this.cancel, run.state === "running", refusal, "End it now; what it has learned is kept");
    this.offer(this.resume, run.can_resume, refusal || (this.other ? "Another retraining is under way." : ""), "Go on from where it was");
    this.offer(this.use, run.can_use && !used, swap, "The running console acts with the new checkpoint from now on; the old one stays to go back to");
    this.offer(this.back, used && own && own !== policy, swap, "Act with the console's own checkpoint again");
    setText(this.back, `Back to ${own ?? "the former"}`);
  }

  offer(button, sensible, why, tip) {
    button.hidden = !sensible;
    button.disabled = why !== "";
    button.title = why ? `${tip} — ${why}` : tip;
  }
}
