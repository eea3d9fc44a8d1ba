"""Self-correction: what the robot notices about a step, and what is to be done about it. Pure functions.

The paper names the want of it as a limit (section 6). What a motion was for is read from its action alone: closing
the open gripper is a grasp, moving with the gripper closed around something is carrying, whether or not it lets go at
the end.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from clap.errors import EmptyWindowError
from clap.geometry.observation import OPEN_FROM
from clap.worlds.base import Action, MotionOutcome, MotionReport

EMPTY_BELOW = 0.09
"""Opening below which the closed gripper holds nothing. Measured on the simulated table, 0.4 s after closing: 0.05
around nothing, 0.14 around the thinnest handle (11 mm), 0.26 to 0.51 around everything else, pulled or carried."""

NOTHING_GRASPED, LOST, NOT_IN_PLACE = "nothing grasped", "lost on the way", "not in its place"
NOT_LET_GO = "not let go"
NO_ROOM = "no room left"
"""Has no recovery action: the next try would end on top of the same thing."""

MAX_PER_STEP, MAX_IN_ALL = 2, 4
"""Corrections of one step, and of an instruction."""


@dataclass(frozen=True)
class DetectedFault:
    """What went wrong with a step: a stable name, a sentence for the operator, and what to do if not the usual."""

    name: str
    sentence: str
    next_move: str | None = None


class RecoveryAction(str, Enum):
    """What is done about a failure, with the step predicted anew afterwards, but for RELEASE, which completes it.

    RETRY begins the sub-task again, with an open gripper, from the home posture. REPREDICT predicts the same step from
    another view of the table. REPLAN begins the sub-task again too, and asks what is there and what the plan is.
    RELEASE opens the gripper where it is.
    """

    RETRY = "retry"
    REPREDICT = "predict again"
    REPLAN = "plan again"
    RELEASE = "open the hand"


WHAT_IT_DOES = {
    RecoveryAction.RETRY: "The arm opens its gripper, goes home and begins this part of the task again.",
    RecoveryAction.REPREDICT: "The arm moves out of its own view, and the step is predicted again.",
    RecoveryAction.REPLAN: "The arm goes home, and this part of the task is looked at and planned anew.",
    RecoveryAction.RELEASE: "The gripper is opened where it is, and the step counts as done.",
}


@dataclass(frozen=True)
class Correction:
    """A decision of self-correction: the ``detected_fault`` (a failure's name) at a ``step``, what is done about it,
    and both in words.

    ``attempt`` counts the corrections of the same step from 0.
    """

    detected_fault: str
    recovery_action: RecoveryAction
    sentence: str
    step: str = ""
    attempt: int = 0


@dataclass(frozen=True)
class Situation:
    """What decides between recovery actions. ``holding``: the gripper is closed around something; ``lifted``: it was
    moved since.

    ``attempt`` counts the corrections of this step from 0.
    """

    holding: bool
    lifted: bool
    attempt: int = 0


_BAD_PREDICTIONS = frozenset(
    ("unreachable pose", "out of the workspace", "below the table", "views disagree", "invalid target pose")
    + ("planner text invalid", EmptyWindowError.name)
)
_BAD_STEPS = frozenset((NOTHING_GRASPED, LOST, NOT_IN_PLACE, MotionOutcome.FELL_SHORT.value))
_BAD_COURSE = frozenset(("step repeated without change",))


def holds_something(opening: float) -> bool:
    """True for the opening (0 to 1) of a gripper that is closed around something."""
    return EMPTY_BELOW <= opening <= OPEN_FROM


def check_motion(action: Action, before: float, least: float, report: MotionReport) -> DetectedFault | None:
    """What the gripper felt that contradicts a motion's purpose; None if nothing does.

    ``before``: the opening when the motion began; ``least``: the smallest one during it, the end included.
    """
    if before > OPEN_FROM and not action.gripper_open:
        if report.gripper_open > OPEN_FROM:
            return DetectedFault(NOTHING_GRASPED, "The gripper did not close.")
        if report.gripper_open < EMPTY_BELOW:
            return DetectedFault(NOTHING_GRASPED, "The fingers met when the gripper closed: nothing is between them.")
    if holds_something(before) and least < EMPTY_BELOW:
        return DetectedFault(LOST, "What the gripper held slipped out on the way: the fingers met.")
    return None


def recovery_action_for(failure: str, situation: Situation) -> RecoveryAction | None:
    """The recovery action for a failure's name; None if there is none, or the step has had its share.

    What was lifted is never let go for a correction, where it might fall anywhere, unless the arm has carried it to
    where its step sets it down. What was only grasped is, because it may
    be fixed to the table (a handle), so that the gripper cannot move for another view.
    """
    if situation.attempt >= MAX_PER_STEP:
        return None
    if failure == NOT_LET_GO:
        return RecoveryAction.RELEASE if situation.holding else None
    if failure not in _BAD_PREDICTIONS | _BAD_STEPS | _BAD_COURSE:
        return None
    if situation.holding:
        return RecoveryAction.REPREDICT if situation.lifted else RecoveryAction.RETRY
    if failure in _BAD_STEPS:
        return RecoveryAction.RETRY
    return RecoveryAction.REPREDICT if failure in _BAD_PREDICTIONS and situation.attempt == 0 else RecoveryAction.REPLAN
