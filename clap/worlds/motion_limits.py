"""The limits of a real robot: what no motion may do, and what an operator is asked about first.

Bounds are inclusive: what lies on an edge is inside. An arm that stands outside already, guided there by hand say, may
come back in: its way counts as inside up to where it starts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from clap.geometry.frames import TABLE_TOP, Pose, Workspace

Array = NDArray[np.floating]

PATH_SPACING = 0.005
"""Metres between the points of a way that are checked."""

SIDEWAYS = 0.03
"""Metres that the tool may travel sideways below the approach height without a question: a grasp that is set right."""


class Box(Protocol):
    """A named box, world metres, edges included."""

    @property
    def name(self) -> str: ...
    @property
    def low(self) -> tuple[float, float, float]: ...
    @property
    def high(self) -> tuple[float, float, float]: ...


@dataclass(frozen=True)
class Objection:
    """What stands against a motion: a stable ``name``, a sentence that says why, and what to do."""

    name: str
    sentence: str
    next_move: str

    def __str__(self) -> str:
        return f"{self.sentence} {self.next_move}"


@dataclass(frozen=True)
class MotionLimits:
    """``workspace`` and ``lowest_height`` (world metres) bound the tool, ``keep_out`` are boxes that it never enters.

    ``longest_step``: metres of one action. Asked about: ways of more than 3 cm sideways below ``approach_height``
    metres above the table, and letting go of something from more than ``drop_height`` above it. ``oldest_frame``: the
    age in seconds of what was seen from which nothing may move by it.
    """

    workspace: Workspace = field(default_factory=Workspace)
    keep_out: tuple[Box, ...] = ()
    lowest_height: float = TABLE_TOP
    longest_step: float = 0.8
    approach_height: float = 0.05
    drop_height: float = 0.25
    oldest_frame: float = 10.0

    def against_target(self, target: Array) -> Objection | None:
        """What stands against a tool position (3,), world metres, as the end of a motion."""
        target = np.asarray(target, float)
        if not np.all(np.isfinite(target)):
            return Objection("invalid target pose", "The target has no finite numbers.", "Predict again.")
        if not bool(self.workspace.contains(target)):
            return Objection(
                "out of the workspace",
                f"The target {_metres(target)} lies outside the workspace.",
                "Predict again, or widen the workspace in the robot's configuration.",
            )
        if target[2] < self.lowest_height:
            return Objection(
                "below the lowest height",
                f"The target lies {1000 * (self.lowest_height - target[2]):.0f} mm below the lowest height "
                f"({self.lowest_height:.3f} m).",
                "Raise the target, or correct lowest_height in the robot's configuration.",
            )
        return next((_kept_out(box, "The target") for box in self.keep_out if _inside(target[None], box).any()), None)

    def against_path(self, path: Array, slack: float = 0.0) -> Objection | None:
        """What stands against the tool positions (n, 3) of a way, world metres; the first is where the arm is now.

        ``slack``: metres that they may be off, as those that come of joint angles are.
        """
        path = np.asarray(path, float)
        start = path[0]
        low = np.minimum([*self.workspace.low[:2], max(self.workspace.low[2], self.lowest_height)], start) - slack
        high = np.maximum(self.workspace.high, start) + slack
        outside = np.any((path < low) | (path > high), axis=1)
        if outside.any():
            worst = path[int(np.argmax(outside))]
            return Objection(
                "way out of the workspace",
                f"The way there leads out of the workspace, by {_metres(worst)}.",
                "Move the arm home first, then go there.",
            )
        for box in self.keep_out:
            within = _inside(path, box, slack)
            # Out of a box in which it stands already the arm may go, once.
            if within.any() and not (within[0] and not within[int(np.argmin(within)) :].any()):
                return _kept_out(box, "The way there")
        return None

    def against_step(self, start: Pose, target: Pose) -> Objection | None:
        """What stands against a step in a straight line, its length included."""
        metres = float(np.linalg.norm(np.asarray(target.position) - start.position))
        objection = self.against_target(np.asarray(target.position))
        if objection is None and metres > self.longest_step:
            return Objection(
                "too long a step",
                f"The tool would travel {100 * metres:.0f} cm; one step may have {100 * self.longest_step:.0f} cm.",
                "Predict again, or go there in two steps.",
            )
        return objection or self.against_path(straight(start, target))

    def question(self, start: Pose, target: Pose, opens: bool, holding: bool) -> Objection | None:
        """What an operator is asked about before a step; ``opens``: the gripper opens at its end."""
        here, there = np.asarray(start.position, float), np.asarray(target.position, float)
        sideways = float(np.linalg.norm((there - here)[:2]))
        clearance = max(here[2], there[2]) - TABLE_TOP
        if sideways > SIDEWAYS and clearance < self.approach_height:
            return Objection(
                "low way sideways",
                f"The tool travels {100 * sideways:.0f} cm sideways, {100 * clearance:.0f} cm above the table.",
                "Make sure that nothing stands in its way.",
            )
        height = float(there[2]) - TABLE_TOP
        if holding and opens and height > self.drop_height:
            return Objection(
                "letting go from above",
                f"The gripper holds something and would let go {100 * height:.0f} cm above the table.",
                "Lower the target first, unless it is to fall.",
            )
        return None


def straight(start: Pose, target: Pose) -> Array:
    """Points (n, 3) of the straight line between two tool positions, both included."""
    here, there = np.asarray(start.position, float), np.asarray(target.position, float)
    count = max(2, int(np.ceil(np.linalg.norm(there - here) / PATH_SPACING)) + 1)
    points = here + np.linspace(0.0, 1.0, count)[:, None] * (there - here)
    points[-1] = there  # to the last bit: it may lie on an edge
    return points


def _inside(points: Array, box: Box, slack: float = 0.0) -> NDArray[np.bool_]:
    return np.all((points >= np.asarray(box.low) + slack) & (points <= np.asarray(box.high) - slack), axis=1)


def _kept_out(box: Box, what: str) -> Objection:
    return Objection(
        "keep-out box",
        f"{what} lies in the keep-out box “{box.name}”."
        if what == "The target"
        else f"{what} leads through “{box.name}”.",
        "Choose another target, or correct the box in the robot's configuration.",
    )


def _metres(point: Sequence[float] | Array) -> str:
    return "(" + ", ".join(f"{value:.3f}" for value in point) + ") m"
