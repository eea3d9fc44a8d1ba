"""The keyframes of the scripted expert, computed from the simulator's own state."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from clap.geometry.frames import TABLE_TOP, Pose
from clap.worlds.base import Action
from clap.worlds.tabletop.objects import BLOCK_HALF, CUP_HEIGHT, SHAPE_HEIGHT, SORTER_HEIGHT
from clap.worlds.tabletop.phrasing import DRAWER, HANDLE, SORTER, is_block
from clap.worlds.tabletop.tasks import Subtask
from clap.worlds.tabletop.world import TabletopWorld

Array = NDArray[np.floating]

HOVER, LIFT_HEIGHT = 0.10, 0.20
RELEASE_GAP = 0.012
DRAWER_WALL_TOP = 0.12
APPROACH_PITCH = np.deg2rad(45)
APPROACH_DISTANCE, RETREAT_DISTANCE, OPEN_TO = 0.08, 0.18, 0.135


def top_down(position: Array, yaw: float) -> Pose:
    """Gripper pointing down; the fingers open along the world direction ``yaw`` - 90 degrees."""
    c, s = np.cos(yaw), np.sin(yaw)
    return Pose.from_rotation(position, np.array([[c, s, 0], [s, -c, 0], [0, 0, -1.0]]))


def tilted(position: Array, yaw: float) -> Pose:
    """Gripper tilted forward along the world direction ``yaw``, as it takes a drawer's handle."""
    forward, across = np.array([np.cos(yaw), np.sin(yaw), 0]), np.array([-np.sin(yaw), np.cos(yaw), 0])
    approach = np.cos(APPROACH_PITCH) * forward - np.array([0, 0, np.sin(APPROACH_PITCH)])
    # The fingers open at right angles to the handle; of the two ways round, this one stays far from joint limits.
    return Pose.from_rotation(position, np.stack([-across, np.cross(approach, -across), approach], 1))


def fold(angle: float, period: float) -> float:
    """The equivalent angle in [-period/2, period/2)."""
    return float((angle + period / 2) % period - period / 2)


def _symmetry(thing: str) -> float:
    """Smallest turn that leaves the grasp of a thing the same, rad (0: any turn)."""
    return {"cylinder": 0.0, "triangle": 2 * np.pi / 3, "rectangle": np.pi}.get(thing, np.pi / 2)


def _half_height(thing: str) -> float:
    return SHAPE_HEIGHT[thing] / 2 if thing in SHAPE_HEIGHT else BLOCK_HALF


def _yaw_of(pose: Pose) -> float:
    rotation = pose.rotation
    return float(np.arctan2(rotation[1, 0], rotation[0, 0]))


def _aligned_yaw(thing: str, yaw: float) -> float:
    """Gripper yaw for a thing (or its hole) at ``yaw``: one canonical choice among the equivalent ones."""
    period = _symmetry(thing)
    return fold(yaw, period) if period else 0.0


def yaw_period(subtask: Subtask, index: int) -> float | None:
    """Turn in rad after which the gripper's yaw of a step is equivalent; 0: any yaw is, and the expert's is zero; None:
    the pose is what it is, as in lifting and at the drawer."""
    if subtask.opens_drawer or index == 2:
        return None
    if index == 3 and subtask.container == DRAWER:
        return np.pi / 2
    if index == 3 and subtask.container != SORTER:
        return 0.0
    return _symmetry(subtask.thing)


def folded(pose: Pose, period: float | None) -> Pose:
    """The expert's choice among the top-down poses that are equivalent under turns by ``period`` (see yaw_period)."""
    if period is None:
        return pose
    return top_down(pose.position, fold(_yaw_of(pose), period) if period else 0.0)


def canonical_action(subtask: Subtask, index: int, pose: Pose) -> Pose:
    """The expert's choice among poses that are equivalent to ``pose`` for this step.

    Training turns whole scenes about the vertical; a cube's grasp then has to be folded back into the range that the
    expert uses, and a release over a round cup keeps the gripper's yaw at zero, whatever the scene's turn.
    """
    return folded(pose, yaw_period(subtask, index))


def grasp_height(thing: str) -> float:
    """Height of the grasp above the thing's centre: high, so that the gripper clears its neighbours."""
    return min(0.012, _half_height(thing) - 0.012)


def keyframe(world: TabletopWorld, subtask: Subtask, index: int) -> Action:
    """The keyframe action of a sub-task's step, from the state of the simulation now."""
    return _drawer_keyframe(world, index) if subtask.opens_drawer else _pick_and_place(world, subtask, index)


def _pick_and_place(world: TabletopWorld, subtask: Subtask, index: int) -> Action:
    thing = subtask.thing
    center = world.positions()[thing]
    yaw = _aligned_yaw(thing, _yaw_of(world.body_pose(thing)))
    grasp = center + [0, 0, grasp_height(thing)]
    if index == 0:
        return Action(top_down(grasp + [0, 0, HOVER], yaw), gripper_open=True)
    if index == 1:
        return Action(top_down(grasp, yaw), gripper_open=False)
    if index == 2:
        pose, _ = world.state()
        up = np.array([pose.position[0], pose.position[1], TABLE_TOP + LIFT_HEIGHT])
        return Action(Pose(up, pose.quaternion), gripper_open=False)
    target, yaw = _release_point(world, subtask)
    target[2] += _half_height(thing) + grasp_height(thing) + RELEASE_GAP
    return Action(top_down(target, yaw), gripper_open=True)


def _release_point(world: TabletopWorld, subtask: Subtask) -> tuple[Array, float]:
    """Where the bottom of the held thing should be when it is let go, and the gripper's yaw there."""
    frame = world.body_pose(subtask.container)
    if subtask.container == SORTER:
        target = world.hole(subtask.thing)
        target[2] = TABLE_TOP + SORTER_HEIGHT
        return target, _aligned_yaw(subtask.thing, _yaw_of(frame))
    target = world.positions()[subtask.container].copy()
    if subtask.container == DRAWER:
        target[2] = TABLE_TOP + DRAWER_WALL_TOP
        return target, fold(_yaw_of(frame), np.pi / 2)
    target[2] = TABLE_TOP + (2 * BLOCK_HALF if is_block(subtask.container) else CUP_HEIGHT)
    return target, 0.0


def _drawer_keyframe(world: TabletopWorld, index: int) -> Action:
    yaw = _yaw_of(world.body_pose(HANDLE))
    forward = np.array([np.cos(yaw), np.sin(yaw), 0])
    handle = world.positions()[HANDLE]
    hand = tilted(handle, yaw)
    approach = hand.rotation[:, 2]
    if index == 0:
        return Action(Pose(handle - APPROACH_DISTANCE * approach, hand.quaternion), gripper_open=True)
    if index == 1:
        return Action(hand, gripper_open=False)
    if index == 2:
        pull = max(0.0, OPEN_TO - world.drawer_opening())
        return Action(Pose(handle - pull * forward, hand.quaternion), gripper_open=True)
    return Action(Pose(handle - RETREAT_DISTANCE * approach, hand.quaternion), gripper_open=True)
