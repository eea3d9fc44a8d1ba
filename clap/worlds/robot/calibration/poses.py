"""Where to take the images of a calibration: poses that differ as much as possible while the board stays in view."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from clap.geometry.frames import Pose, Workspace
from clap.geometry.rotation import rotation_angle
from clap.worlds.teleoperation import turned

SUGGESTED = 15

LARGEST_TURN = 40.0
"""Degrees from the start. Beyond about 45 a flat board is seen too much from the side for its corners to be sharp."""

SPREAD = 0.07
"""Metres to each side of the start."""

_GOLDEN = (1 + 5**0.5) / 2


def suggest_poses(
    start: Pose,
    pivot: float,
    workspace: Workspace,
    reachable: Callable[[Pose], bool] = lambda pose: True,
    count: int = SUGGESTED,
) -> tuple[Pose, ...]:
    """Up to ``count`` poses of the tool centre point, world frame, the first ones the most different.

    ``start``: a pose in which the camera sees the board straight and in the middle of its image. All others turn about
    the board: the point ``pivot`` metres along the tool's z axis from there, which is 0 for a board on the gripper, and
    the distance from tool to board for a camera on the gripper. Only poses inside the workspace that are ``reachable``
    are given; if they are too few, start nearer to the middle of the workspace.
    """
    about = start.position + pivot * start.rotation[:, 2]
    candidates = []
    for k in range(4 * count):
        # Axes spread evenly over the sphere: tilts about both axes of the board, and turns in its plane.
        height = 1 - 2 * (k + 0.5) / (4 * count)
        angle = 2 * np.pi * k / _GOLDEN
        axis = np.array([*(np.sqrt(1 - height**2) * np.array([np.cos(angle), np.sin(angle)])), height])
        turn = turned(np.radians(LARGEST_TURN) * (1.0, 0.7)[k % 2] * axis)
        aside = SPREAD * (2 * np.array([_halton(k + 1, base) for base in (2, 3, 5)]) - 1)
        rotation = start.rotation @ turn
        pose = Pose.from_rotation(about - pivot * rotation[:, 2] + start.rotation @ aside, rotation)
        if bool(workspace.contains(pose.position)) and reachable(pose):
            candidates.append(pose)
    return _most_different(start, candidates, count)


def _most_different(start: Pose, candidates: list[Pose], count: int) -> tuple[Pose, ...]:
    """Each next one is the one that is turned furthest from all before it."""
    chosen: list[Pose] = []
    turns = np.array([pose.quaternion for pose in candidates]).reshape(-1, 4)
    nearest = rotation_angle(start.quaternion, turns)
    while candidates and len(chosen) < count:
        best = int(np.argmax(nearest))
        if nearest[best] <= 0:
            break
        chosen.append(candidates[best])
        nearest = np.minimum(nearest, rotation_angle(turns[best], turns))
        nearest[best] = 0
    return tuple(chosen)


def _halton(index: int, base: int) -> float:
    """Numbers in (0, 1) that fill it evenly."""
    value, step = 0.0, 1.0
    while index:
        index, digit = divmod(index, base)
        step /= base
        value += step * digit
    return value
