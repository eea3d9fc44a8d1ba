// Starts the page: opens the link, hands each message to the cards, and owns Stop.
// A card is a class; a message of type "status" goes to the `status` method of every card that has one, and so on.
// "linkChanged" (connected or lost) and "pose" (also made from a status at rest) are handed on in the same way.

import { CalibrationPanel } from "./calibration/panel.js";
import { Cloud } from "./scene/cloud.js";
import { Correction } from "./plan/correction.js";
import { Details } from "./plan/details.js";
import { appear } from "./common/dom.js";
import { Drive } from "./drive/drive.js";
import { EvaluationPanel } from "./training/evaluation_panel.js";
import { EventLog } from "./live/event_log.js";
import { Execute, SHORTCUTS as EXECUTE_KEYS } from "./plan/execute.js";
import { Instruction } from "./plan/instruction.js";
import { SHORTCUTS as HISTORY_KEYS } from "./plan/instruction_history.js";
import { Lease } from "./live/lease.js";
import { Link } from "./live/link.js";
import { Nudge } from "./plan/nudge.js";
import { Pace } from "./live/frame_rate.js";
import { offerPanel, startPanels } from "./common/panels.js";
import { Permit } from "./common/permit.js";
import { Plan } from "./plan/plan.js";
import { SHORTCUTS as PLAN_KEYS } from "./plan/line_editor.js";
import { Progress } from "./common/progress.js";
import { Queue } from "./live/queue.js";
import { Retraining } from "./training/retraining.js";
import { Recovery } from "./live/recovery.js";
import { MotionPreview } from "./scene/motion_preview.js";
import { Record, SHORTCUTS as RECORD_KEYS } from "./review/record.js";
import { LiveScene } from "./scene/scene.js";
import { SHORTCUTS as SCENE_KEYS } from "./scene/camera.js";
import { SHORTCUTS as REVIEW_KEYS } from "./review/episode.js";
import { ReviewPanel } from "./review/panel.js";
import { Settings } from "./common/settings.js";
import { Setup } from "./plan/setup.js";
import { ShortcutHelp } from "./common/shortcut_help.js";
import { applyTheme } from "./common/theme.js";
import { TopBar } from "./live/top_bar.js";
import { Tour } from "./common/tour.js";
import { TrainingPanel } from "./training/training_panel.js";
import { Views } from "./scene/views.js";

window.__clap ??= {}; // also what the browser tests look at

const MOUNTED = [
  "#c-top header",
  "#c-views section",
  "#c-scene section",
  "#c-setup",
  "#c-plan-steps",
  "#c-hint",
  "#c-speed",
  "#c-nudge",
  "#c-history",
  "#c-explain",
  "#c-do-approve",
  "#c-do-plan",
  "#c-do-home",
  "#c-instruction textarea, #c-instruction input",
  "#c-chips",
  "#c-text-reason",
  "#c-fine",
  "#c-cameras",
  "#c-record",
  "#c-log",
  "#c-drive",
  "#c-training",
  "#c-demonstrations-body",
  "#c-calibration-body",
];

const PACED = new Set(["pose", "scene"]);

/** Those without which something is not offered on Operate. */
const ABILITIES = /** @type {const} */ (["move", "reset", "undo", "preview"]);

class Console {
  constructor() {
    this.pace = new Pace((message) => this.tell(message.type, message));
    const take = (message) => (PACED.has(message.type) ? this.pace.offer(message) : this.tell(message.type, message));
    this.link = new Link({
      message: take,
      binary: take,
      changed: (link) => this.tell("linkChanged", link),
    });
    this.bar = new TopBar(() => this.stop());
    const permit = new Permit(this.link);
    const correction = new Correction(permit);
    const cloud = new Cloud();
    const scene = new LiveScene(permit, correction, cloud);
    this.cards = [
      this,
      permit,
      correction,
      cloud,
      this.bar,
      new Views(permit, correction, cloud),
      scene,
      new Instruction(permit),
      new Setup(permit),
      new Plan(permit, (sentence) => this.tell("refused", { sentence })),
      new Execute(permit),
      new Nudge(permit, correction, scene),
      new Details(),
      new ReviewPanel(permit),
      new Record(permit),
      new MotionPreview(scene),
      new Recovery(permit),
      ...this.operatorCards(permit, scene),
    ];
    document.addEventListener("keydown", (event) => this.key(event), { capture: true });
    this.tell("linkChanged", this.link);
  }

  /** Driving, sharing, and what makes the page easy to be in. */
  operatorCards(permit, scene) {
    const tour = new Tour();
    const retraining = new Retraining(permit);
    return [
      new Lease(this.link),
      new Drive(permit, scene, () => this.stop()),
      new EventLog(),
      new Progress(),
      new Queue(),
      new Settings(permit, tour),
      new ShortcutHelp(
        [...HISTORY_KEYS, ...PLAN_KEYS, ...EXECUTE_KEYS, ...RECORD_KEYS, ...SCENE_KEYS, ...REVIEW_KEYS],
        tour,
      ),
      new EvaluationPanel(),
      retraining,
      new TrainingPanel(retraining),
      new CalibrationPanel(permit),
      tour,
    ];
  }

  tell(kind, message) {
    for (const card of this.cards) if (typeof card[kind] === "function") card[kind](message);
    const latest = window.__clap.status;
    if (kind === "lease" && latest) this.tell("status", latest); // the same state allows more or less now
  }

  /**
   * What this world cannot do is not offered.
   * @param {Protocol.Hello} message
   */
  hello({ abilities }) {
    for (const ability of ABILITIES) document.body.classList.toggle(`c-no-${ability}`, !abilities.includes(ability));
    offerPanel("calibration", abilities.includes("calibrate"));
  }

  /** @param {Protocol.Status} message */
  status(message) {
    window.__clap.status = message;
    if (message.gripper && message.state !== "moving") this.tell("pose", message.gripper);
  }

  /** @param {Protocol.LeaseState} message */
  lease({ mine }) {
    this.pace.watching = !mine;
  }

  /** @param {Protocol.GripperPose} pose */
  pose(pose) {
    window.__clap.pose = pose;
    window.__clap.poses = (window.__clap.poses ?? 0) + 1;
  }

  scene() {
    window.__clap.scenes = (window.__clap.scenes ?? 0) + 1;
  }

  /** @param {import("./live/link.js").Link} link */
  linkChanged(link) {
    document.body.classList.toggle("c-offline", !link.connected);
    document.body.classList.toggle("c-world-lost", link.worldLost);
  }

  key(event) {
    const writing = event.target.closest?.("input, textarea, select, [contenteditable=true]");
    if (event.key === "Escape" || (event.key === " " && !writing)) {
      event.preventDefault();
      event.stopPropagation();
      if (!event.repeat) this.stop();
    }
  }

  async stop() {
    this.bar.stopping();
    const stopped = await this.link.stop();
    window.__clap.lastStop = stopped;
    this.bar.stopped(stopped.way);
  }
}

for (const selector of MOUNTED) await appear(selector);
applyTheme();
startPanels();
window.__clap.console = new Console();
