"""Why an episode failed: one class for each, by an order of decisions that is written down here.

The first step that went wrong gives the class. Of several attempts at the same step the last one counts (what
self-correction repaired is no cause), and everything up to the last success on the way (the right thing between the
fingers, a sub-task's goal reached) is forgiven. Within a step the questions are asked in the order of ``STEP_ORDER``;
if every step passes them all, the way in which the episode ended gives the class.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clap.rollout.safety import REFUSE_AGREEMENT
from clap.rollout.self_correction import LOST, NO_ROOM, NOT_IN_PLACE, NOT_LET_GO, NOTHING_GRASPED
from clap.worlds.base import MotionOutcome
from training.evaluation.failure_classes import CLASSES
from training.evaluation.thresholds import CLOSE_PX, OFF_DEGREES, OFF_MM

STEP_ORDER = tuple(CLASSES)[1:9]
"""The order in which a step is judged: plan, step, object, views, keypoint, action, motion, grasp."""

COMPLETE, TOO_EARLY, REFUSED, STEPS, ERROR = "complete", "complete too early", "refused", "steps", "error"
"""How the policy's last answer to round one ended an episode (STEPS: the end came from elsewhere)."""

_GRASP = {NOTHING_GRASPED, LOST}
_NEVER_FINISHED = {"step limit reached", "step repeated without change"}
_MOTION = {outcome.value for outcome in MotionOutcome} | {
    "out of the workspace",
    "below the table",
    "invalid target pose",
}


@dataclass(frozen=True)
class Fault:
    """A failure's class, the position of the step in the record's facts (None: no single step), and why."""

    name: str
    step: int | None
    why: str


def step_fault(facts: Mapping[str, Any]) -> tuple[str, str] | None:
    """The class and reason of what went wrong in a step, None if nothing did."""
    right = (facts["plan_right"], facts["step_right"], facts["objects_right"])
    keypoint, millimetres, degrees = facts["keypoint_px"], facts["position_mm"], facts["rotation_deg"]
    checks = (
        (right[0] is False, "wrong plan", "the plan is that of another sub-task"),
        (right[1] is False, "wrong step", f'"{facts["step"]}" instead of "{facts["wanted"]}"'),
        (right[2] is False, "wrong object", f"named: {', '.join(facts['objects_px'])}"),
        (bool(facts["aimed_at"]), "wrong object", f"the action goes to the {facts['aimed_at']}"),
        (
            facts["agreement_px"] > REFUSE_AGREEMENT,
            "views disagree",
            f"the views differ by {facts['agreement_px']:.0f} px on the keypoint",
        ),
        (_above(keypoint, CLOSE_PX), "keypoint off", f"the keypoint is {keypoint or 0:.1f} px from the expert's"),
        (
            _above(millimetres, OFF_MM) or _above(degrees, OFF_DEGREES),
            "action off",
            f"the action is {millimetres or 0:.0f} mm and {degrees or 0:.0f}° from the expert's",
        ),
        (facts["gripper_right"] is False, "action off", "the gripper was set the wrong way"),
        (not facts["arrived"], "motion", facts["motion"]),
        (facts["holds"] is False, "grasp", "the thing is not between the fingers"),
    )
    return next(((name, why) for wrong, name, why in checks if wrong), None)


def _above(value: float | None, limit: float) -> bool:
    # A negated comparison, so that a value that is not a number counts as off.
    return value is not None and not value <= limit


def failure_of(facts: Sequence[Mapping[str, Any]], ending: str, failure: Mapping[str, Any] | None) -> Fault:
    """The fault of an episode that failed: ``facts`` of its steps in order, its ``ending``, its named ``failure``."""
    last = {(step["subtask"], step["wanted"]): k for k, step in enumerate(facts) if step["wanted"]}
    counting = [k for k, step in enumerate(facts) if not step["wanted"] or last[step["subtask"], step["wanted"]] == k]
    achieved = max((k for k, step in enumerate(facts) if step["achieved"]), default=-1)
    for k in counting:
        found = step_fault(facts[k]) if k > achieved else None
        if found:
            return Fault(found[0], k, found[1])
    return Fault(*_by_the_end(ending, failure))


def _by_the_end(ending: str, failure: Mapping[str, Any] | None) -> tuple[str, None, str]:
    sentence = failure["sentence"] if failure else ""
    name = failure["name"] if failure else ""
    if ending == REFUSED:
        return "refused request", None, sentence
    if ending == TOO_EARLY:
        return "finished too early", None, "round one answered that nothing is left to do"
    if ending == ERROR:
        return "no answer", None, sentence
    if not failure:
        return "goal not held", None, "every step was carried out as the expert would have"
    if name in _NEVER_FINISHED:
        return "never finished", None, sentence
    if name in _MOTION:
        return "motion", None, sentence
    if name in _GRASP:
        return "grasp", None, sentence
    if name in (NOT_IN_PLACE, NOT_LET_GO, NO_ROOM):
        return "goal not held", None, sentence
    return "no answer", None, sentence
