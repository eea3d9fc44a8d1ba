"""Success predicates on the physics state."""

from __future__ import annotations

from typing import Protocol

import mujoco
import numpy as np
from numpy.typing import NDArray

from clap.geometry.frames import Pose
from clap.worlds.tabletop.objects import (
    BLOCK_HALF,
    CABINET_HEIGHT,
    CUP_HEIGHT,
    CUP_RADIUS,
    SORTER_CELL,
    SORTER_HEIGHT,
    SORTER_LID,
)
from clap.worlds.tabletop.phrasing import DRAWER, SORTER, is_block
from clap.worlds.tabletop.tasks import OPENED, Subtask

RELEASED = 0.5
"""The gripper counts as open above this opening."""
FALLEN = 0.02
"""Metres that a shape's middle lies below the sorter's lid once it has fallen in, at least. One that is stuck aslant in
the hole may have its middle just below the lid, and sticks out by 4 cm."""


STACKED = 0.005
"""Metres by which the middle of a block that stands on another may be higher or lower than twice the block's half
height above the other's: less than a block that leans against it."""


class Gripper(Protocol):
    """What of the arm a judge looks at."""

    def gripper_open(self) -> float: ...


class Table(Protocol):
    """What a judge of goals is told of the physics; see ``TabletopWorld``."""

    @property
    def data(self) -> mujoco.MjData: ...

    @property
    def arm(self) -> Gripper: ...

    def positions(self) -> dict[str, NDArray[np.floating]]: ...

    def body_pose(self, name: str) -> Pose: ...

    def drawer_opening(self) -> float: ...

    def hole(self, shape: str) -> NDArray[np.floating]: ...


def holds(world: Table, subtask: Subtask) -> bool:
    """True if the sub-task's goal holds now: the drawer is open, or the thing rests in or on its container, let go."""
    if subtask.opens_drawer:
        return world.drawer_opening() >= OPENED
    if world.arm.gripper_open() < RELEASED:
        return False
    point = world.positions()[subtask.thing]
    if subtask.container == DRAWER:
        return _in_drawer(world, point)
    if is_block(subtask.container):
        across, up = np.split(point - world.positions()[subtask.container], [2])
        return bool(np.abs(across).max() < 2 * BLOCK_HALF and abs(up[0] - 2 * BLOCK_HALF) < STACKED)
    frame = world.body_pose(subtask.container)
    local = frame.rotation.T @ (point - np.asarray(frame.position))
    if subtask.container == SORTER:
        hole = world.hole(subtask.thing)
        fell_in = local[2] < SORTER_HEIGHT - SORTER_LID - FALLEN
        return bool(fell_in and np.abs(point[:2] - hole[:2]).max() < SORTER_CELL / 2)
    return bool(np.hypot(local[0], local[1]) < CUP_RADIUS and 0 < local[2] < CUP_HEIGHT)


def _in_drawer(world: Table, point: np.ndarray) -> bool:
    tray = world.data.body("drawer")
    local = tray.xmat.reshape(3, 3).T @ (point - tray.xpos)
    return bool(abs(local[0]) < 0.09 and abs(local[1]) < 0.085 and 0 < local[2] < CABINET_HEIGHT - 0.03)
