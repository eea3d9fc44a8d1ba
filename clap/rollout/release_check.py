"""Whether what a step sets down was let go, and whether it stuck out of the place where it should have gone in."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np

from clap.geometry.frames import Array
from clap.geometry.observation import PointCloud
from clap.rollout.self_correction import NO_ROOM, NOT_IN_PLACE, NOT_LET_GO, DetectedFault, holds_something
from clap.worlds.base import Action

AROUND, NEIGHBOURHOOD = 0.05, 0.10
"""Metres across the table from the point of release: where the thing is looked for, and what it should not rise above.
The rim of a cup is 4.6 cm from its middle, the walls of the drawer 8.5 cm."""

STICKS_OUT = 0.015
"""Metres above all that stood there before. Measured: 1 mm at most for what went in, 34 mm or more for what did not."""

SAME_PLACE = 0.02
"""Metres across the table within which two things were let go at the same place, so that the later one lies on top."""

BELOW_GRIPPER = 0.03
"""What is higher than this above the point of release is the arm, not a thing (metres)."""

FEW = 12
"""Points fewer than this are noise."""


_ON_TOP = re.compile(r"\b(above|on|onto|over)\b")


def goes_on_top(step: str) -> bool:
    """True for a step that sets something down on another thing, where it is meant to stick out."""
    return _ON_TOP.search(step) is not None


_SETS_DOWN = re.compile(r"\b(drop|place|put|release)s?\b")


def check_let_go(step: str, action: Action, opening: float) -> DetectedFault | None:
    """The finding, if a step that sets something down left the gripper closed around it (``opening``, 0 to 1)."""
    if action.gripper_open or _SETS_DOWN.search(step) is None or not holds_something(opening):
        return None
    return DetectedFault(
        NOT_LET_GO,
        "The gripper is still closed around what this step sets down.",
        "Predict again, or drive the gripper there and open it.",
    )


def check_release(
    before: PointCloud, after: PointCloud, released: Array, filled: Iterable[Array] = ()
) -> DetectedFault | None:
    """The finding, if what was let go at ``released`` (3,) sticks out there; None if nothing does.

    ``filled``: the points (3,) where other things were let go before, and went in.
    """
    rise = sticks_out(before, after, released)
    if not rise:
        return None
    if any(np.linalg.norm(np.subtract(released, place)[:2]) < SAME_PLACE for place in filled):
        return DetectedFault(
            NO_ROOM,
            f"Where the gripper let go, something sticks out by {100 * rise:.1f} cm: "
            "it lies on what was put there before.",
            "Leave it there, or give an instruction that names another place for it.",
        )
    return DetectedFault(
        NOT_IN_PLACE, f"Where the gripper let go, something sticks out by {100 * rise:.1f} cm: it did not go in."
    )


def sticks_out(before: PointCloud, after: PointCloud, released: Array) -> float:
    """Metres by which something rises above what stood around ``released`` (3,) before; 0 if nothing does."""
    stood = _heights(before, released, NEIGHBOURHOOD)
    stands = np.sort(_heights(after, released, AROUND))
    if len(stood) < FEW or len(stands) < FEW:
        return 0.0
    rise = float(stands[-FEW] - np.quantile(stood, 0.995))
    return rise if rise > STICKS_OUT else 0.0


def _heights(cloud: PointCloud, middle: Array, radius: float) -> Array:
    across = np.linalg.norm(cloud.points[:, :2] - np.asarray(middle, np.float32)[:2], axis=1)
    below = cloud.points[:, 2] < float(middle[2]) + BELOW_GRIPPER
    return cloud.points[(across < radius) & below, 2]
