"""The episode's events as sentences for the log."""

from __future__ import annotations

from clap.episode import events
from clap.policies.prediction import PlanStatus
from clap.rollout.refusals import listed
from clap.rollout.safety import Decision
from clap.worlds.base import MotionOutcome
from ui.protocol.shared import Level

LEVELS: dict[Decision, Level] = {Decision.ALLOW: "info", Decision.ASK: "warn", Decision.REFUSE: "bad"}


def sentence(event: events.Event) -> tuple[Level, str] | None:
    """(level, sentence) of an event. None for what the log leaves out."""
    match event:
        case events.Reset(seed=seed, instruction=instruction):
            return "info", f"New scene, seed {seed}, made for “{instruction}”."
        case events.ObjectsDetected(detected_objects=detected_objects):
            return "info", f"Detected: {listed(detected_objects)}."
        case events.Planned(plan=plan):
            if plan.status is PlanStatus.STEPS:
                return "info", f"Plan of {len(plan.steps)} steps."
            return "info", "The planner says that nothing is left to do."
        case events.Predicted(prediction=prediction, verdict=verdict):
            judged = "All safety checks passed." if verdict.decision is Decision.ALLOW else verdict.sentence
            return LEVELS[verdict.decision], f"Predicted “{prediction.step}”. {judged}"
        case events.MotionPreviewed(previewed_motion=previewed_motion):
            return ("info" if previewed_motion.clear else "warn"), previewed_motion.sentence
        case events.Approved(step=step, by=by, prediction=prediction):
            who = "the operator" if by == "operator" else "the safety checks"
            how = ", as the operator corrected it" if prediction.source.startswith("human") else ""
            return "info", f"Approved by {who}{how}: “{step}”."
        case events.Moved(report=report):
            if report.outcome is MotionOutcome.STOPPED:
                return "warn", f"The motion was stopped {1000 * report.position_error:.0f} mm before its target."
            how = f"{1000 * report.position_error:.1f} mm from the target, in {report.duration:.1f} s"
            reason = f" {report.reason}" if report.reason else ""
            came = f"Motion: {report.outcome.value}, {how}.{reason}"
            return ("info" if report.outcome is MotionOutcome.REACHED else "warn"), came
        case events.StepDone(step=step, skipped=skipped):
            return ("warn", f"Skipped: “{step}”.") if skipped else ("good", f"Done: “{step}”.")
        case events.Undone(step=step):
            return "info", f"Undone: “{step}”. Everything is as it was before."
        case events.Teleoperated(report=report):
            reason = f" {report.reason}" if report.reason else ""
            return "info", f"The arm was driven by hand for {report.duration:.1f} s.{reason}"
        case events.Corrected(detected_fault=detected_fault, sentence=text, proposed=proposed):
            return "warn", f"{'Proposed correction' if proposed else 'Correction'}, {detected_fault}: {text}"
        case events.Failed(failure=failure):
            return "bad", f"{failure.name}: {failure.sentence}"
        case events.Refused(sentence=text):
            return "warn", text
        case events.Finished(success=success):
            told = {True: "the goal is reached", False: "but the goal is not reached", None: "the world cannot tell"}
            return ("good" if success else "warn"), f"Finished: {told[success]}."
        case events.ArmFaultChanged(arm_fault=None):
            return "good", "The arm may move again."
        case events.ArmFaultChanged(arm_fault=failure) | events.CameraFaultChanged(failure=failure) if (
            failure is not None
        ):
            return "bad", f"{failure.name}: {failure.sentence}"
        case events.CameraFaultChanged():
            return "good", "The cameras see the scene again."
        case events.Stopped(reason=reason):
            return "bad", reason or "Stopped by the operator."
    return None
