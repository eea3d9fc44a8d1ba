"""Verdicts: may this prediction be carried out? Each check answers allow, ask or refuse, with a sentence.

The checks are about what can be known before the arm moves: that the target is a pose, where it lies, whether
inverse kinematics reaches it, how far and how fast the tool goes there, how old the frames are, and how well the three
views agree on the keypoint.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

import numpy as np

from clap.geometry.frames import TABLE_TOP, Pose, Workspace
from clap.geometry.observation import Observation
from clap.policies.prediction import Prediction
from clap.rollout.self_correction import holds_something
from clap.worlds.motion_limits import MotionLimits

TABLE_MARGIN = 0.01
"""How far below the table top a target may lie, metres: the finger pads reach past the tool centre point."""

ASK_FRAME_AGE, REFUSE_FRAME_AGE = 2.0, 10.0
"""Age of the frames, seconds, from which the operator is asked, and from which the prediction is refused."""

ASK_AGREEMENT, REFUSE_AGREEMENT = 6.0, 28.0
"""Disagreement of the views, pixels of a 224 px view. 28 px is half the zoom window: the object may lie outside it."""


ASK_DISTANCE = 0.8
"""Metres that the tool travels from which the operator is asked: the table's whole width; no demonstration has more."""

ASK_SPEED = 0.25
"""Speed of a real robot's tool from which the operator is asked, metres a second (ISO 10218's reduced speed)."""


class Decision(str, Enum):
    """What may happen to a prediction."""

    ALLOW = "allow"
    ASK = "ask"
    REFUSE = "refuse"


_SEVERITY = {Decision.ALLOW: 0, Decision.ASK: 1, Decision.REFUSE: 2}


@dataclass(frozen=True)
class Check:
    """One question and its answer. ``failure`` is the failure's stable name, empty while ``ok``."""

    name: str
    ok: bool
    decision: Decision
    sentence: str
    failure: str = ""


@dataclass(frozen=True)
class Verdict:
    """All checks of one prediction, and the strictest of their decisions."""

    decision: Decision
    checks: tuple[Check, ...]

    @property
    def worst(self) -> Check:
        """The check that decided: the first of the strictest ones."""
        return max(self.checks, key=lambda check: _SEVERITY[check.decision])

    @property
    def sentence(self) -> str:
        """The sentence of the check that decided."""
        return self.worst.sentence


@dataclass(frozen=True)
class Pace:
    """How fast a motion would be: ``tool_speed`` metres a second at most in real time, and the ``factor`` chosen.

    A factor of 0 is as fast as possible: in a simulation that says nothing about the arm.
    """

    tool_speed: float
    factor: float
    is_real: bool


def judge(
    prediction: Prediction,
    observation: Observation,
    workspace: Workspace,
    reachable: Callable[[Pose], bool],
    now: float,
    pace: Pace | None = None,
    limits: MotionLimits | None = None,
) -> Verdict:
    """Check a prediction before it may move the arm.

    ``observation`` is what the prediction was made from; ``now`` is the present, in seconds of the same clock as
    ``observation.timestamp``. ``reachable`` is asked only about finite poses. Without a ``pace`` nothing is said of the
    speed, without ``limits``, those of a real robot, nothing of the way.
    """
    pose = prediction.action.pose
    checks = [_is_a_pose(pose)]
    if checks[0].ok:
        checks += [_in_workspace(pose, workspace), _reachable(pose, reachable), _above_table(pose)]
        checks += [_in_window(pose, prediction.window), _distance(pose, observation.gripper_pose)]
        if limits is not None:
            checks += [_inside_limits(pose, observation, limits), _way(prediction, observation, limits)]
    if pace is not None:
        checks += [_speed(pace)]
    oldest = REFUSE_FRAME_AGE if limits is None else limits.oldest_frame
    checks += [_frame_age(now - observation.timestamp, oldest), _views_agree(prediction.keypoint.agreement_px)]
    strictest = max((check.decision for check in checks), key=_SEVERITY.__getitem__)
    return Verdict(strictest, tuple(checks))


def _passed(name: str, sentence: str) -> Check:
    return Check(name, True, Decision.ALLOW, sentence)


def _is_a_pose(pose: Pose) -> Check:
    norm = float(np.linalg.norm(pose.quaternion))
    if np.all(np.isfinite(pose.position)) and np.isfinite(norm) and norm > 1e-6:
        return _passed("valid pose", "The target is a valid pose.")
    return Check("valid pose", False, Decision.REFUSE, "The target pose has no finite numbers.", "invalid target pose")


def _in_workspace(pose: Pose, workspace: Workspace) -> Check:
    if bool(workspace.contains(pose.position)):
        return _passed("in workspace", "The target lies inside the workspace.")
    sentence = f"The target {_metres(pose)} lies outside the workspace."
    return Check("in workspace", False, Decision.REFUSE, sentence, "out of the workspace")


def _reachable(pose: Pose, reachable: Callable[[Pose], bool]) -> Check:
    if reachable(pose):
        return _passed("reachable", "The arm reaches the target.")
    sentence = f"The arm cannot reach the target {_metres(pose)} with this orientation."
    return Check("reachable", False, Decision.REFUSE, sentence, "unreachable pose")


def _above_table(pose: Pose) -> Check:
    clearance = float(pose.position[2]) - TABLE_TOP
    if clearance >= -TABLE_MARGIN:
        return _passed("above table", f"The target lies {100 * clearance:.1f} cm above the table top.")
    sentence = f"The target lies {-100 * clearance:.1f} cm below the table top."
    return Check("above table", False, Decision.REFUSE, sentence, "below the table")


def _in_window(pose: Pose, window: Workspace) -> Check:
    if bool(window.contains(pose.position)):
        return _passed("in zoom window", "The target lies inside the zoom window.")
    sentence = f"The target {_metres(pose)} lies outside the window that the fine stage saw."
    return Check("in zoom window", False, Decision.ASK, sentence, "outside the zoom window")


def _distance(pose: Pose, here: Pose) -> Check:
    metres = here.distance(pose)[0]
    sentence = f"The tool travels {100 * metres:.0f} cm from where it is."
    if metres <= ASK_DISTANCE:
        return _passed("distance", sentence)
    sentence = f"{sentence} That is unusually far: more than {100 * ASK_DISTANCE:.0f} cm."
    return Check("distance", False, Decision.ASK, sentence, "far away")


def _inside_limits(pose: Pose, observation: Observation, limits: MotionLimits) -> Check:
    objection = limits.against_step(observation.gripper_pose, pose)
    if objection is None:
        return _passed("inside the limits", "The way there stays inside the robot's limits.")
    return Check("inside the limits", False, Decision.REFUSE, str(objection), objection.name)


def _way(prediction: Prediction, observation: Observation, limits: MotionLimits) -> Check:
    action, holding = prediction.action, holds_something(observation.gripper_open)
    objection = limits.question(observation.gripper_pose, action.pose, action.gripper_open, holding)
    if objection is None:
        return _passed("usual way", "The way there is high enough, and nothing is let go from high above.")
    return Check("usual way", False, Decision.ASK, str(objection), objection.name)


def _speed(pace: Pace) -> Check:
    if not pace.is_real:
        if pace.factor == 0:
            return _passed("speed", "The simulation runs as fast as it can; on a robot this pace is not offered.")
        return _passed("speed", f"The tool moves at up to {100 * pace.tool_speed * pace.factor:.0f} cm a second.")
    speed = pace.tool_speed * (pace.factor or 1.0)
    sentence = f"The tool moves at up to {100 * speed:.0f} cm a second."
    if speed <= ASK_SPEED:
        return _passed("speed", sentence)
    sentence = f"{sentence} Beside a person {100 * ASK_SPEED:.0f} cm a second is the limit: choose a slower speed."
    return Check("speed", False, Decision.ASK, sentence, "too fast")


def _frame_age(age: float, oldest: float) -> Check:
    # A negated comparison, so that a time stamp that is not a number is refused too.
    if not age <= oldest:
        decision = Decision.REFUSE
    elif age > ASK_FRAME_AGE:
        decision = Decision.ASK
    else:
        return _passed("fresh frames", "The camera frames are fresh.")
    return Check("fresh frames", False, decision, f"The camera frames are {age:.1f} s old.", "stale frame")


def _views_agree(agreement: float) -> Check:
    if not agreement <= REFUSE_AGREEMENT:
        decision = Decision.REFUSE
    elif agreement > ASK_AGREEMENT:
        decision = Decision.ASK
    else:
        return _passed("views agree", f"The views agree on the keypoint within {agreement:.1f} px.")
    sentence = f"The views disagree on the keypoint by {agreement:.1f} px (up to {ASK_AGREEMENT:g} px is fine)."
    return Check("views agree", False, decision, sentence, "views disagree")


def _metres(pose: Pose) -> str:
    return "(" + ", ".join(f"{value:.3f}" for value in pose.position) + ") m"
