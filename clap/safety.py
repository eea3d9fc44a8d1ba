"""Verdicts: may this prediction be carried out? Each check answers allow, ask or refuse, with a sentence.

The checks are about what can be known before the arm moves: that the target is a pose, where it lies, whether
inverse kinematics reaches it, how old the frames are, and how well the three views agree on the keypoint.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

import numpy as np

from clap.geometry import Pose, Workspace
from clap.observation import Observation
from clap.prediction import Prediction

TABLE_TOP = 0.752
"""Height of the table top in the world frame, metres (RLBench's scene)."""

TABLE_MARGIN = 0.01
"""How far below the table top a target may lie, metres: the finger pads reach past the tool centre point."""

ASK_FRAME_AGE, REFUSE_FRAME_AGE = 2.0, 10.0
"""Age of the frames, seconds, from which the operator is asked, and from which the prediction is refused."""

ASK_AGREEMENT, REFUSE_AGREEMENT = 6.0, 28.0
"""Disagreement of the views, pixels of a 224 px view. 28 px is half the zoom window: the object may lie outside it."""


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


def judge(
    prediction: Prediction,
    observation: Observation,
    workspace: Workspace,
    reachable: Callable[[Pose], bool],
    now: float,
) -> Verdict:
    """Check a prediction before it may move the arm.

    ``observation`` is what the prediction was made from; ``now`` is the present, in seconds of the same clock as
    ``observation.timestamp``. ``reachable`` is asked only about finite poses.
    """
    pose = prediction.action.pose
    checks = [_is_a_pose(pose)]
    if checks[0].ok:
        checks += [_in_workspace(pose, workspace), _reachable(pose, reachable), _above_table(pose)]
        checks += [_in_window(pose, prediction.window)]
    checks += [_frame_age(now - observation.timestamp), _views_agree(prediction.keypoint.agreement_px)]
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


def _frame_age(age: float) -> Check:
    # A negated comparison, so that a time stamp that is not a number is refused too.
    if not age <= REFUSE_FRAME_AGE:
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
