"""The scripted expert: keyframes computed from the simulator's own state.

It makes the demonstrations that CLAP learns from, and can be chosen in the console, marked as what it is.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from clap.failures import InvalidInstructionError, WorldError
from clap.geometry import Pose, lift, to_pixels
from clap.observation import Observation, fuse
from clap.policy import INITIAL_STEP, OnText
from clap.prediction import LocatedObject, Plan, PlanStatus, Prediction
from clap.views import render_views
from clap.worlds.tabletop.objects import BLOCK_HALF, CUP_HEIGHT, SHAPE_HEIGHT, SORTER_HEIGHT
from clap.worlds.tabletop.phrasing import DRAWER, HANDLE, SORTER, scene_names
from clap.worlds.tabletop.robot import TABLE_HEIGHT
from clap.worlds.tabletop.tasks import Subtask
from clap.worlds.tabletop.world import TabletopWorld
from clap.worlds.world import Action

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


def canonical_action(subtask: Subtask, index: int, pose: Pose) -> Pose:
    """The expert's choice among poses that are equivalent to ``pose`` for this step.

    Training turns whole scenes about the vertical; a cube's grasp then has to be folded back into the range that the
    expert uses, and a release over a round cup keeps the gripper's yaw at zero, whatever the scene's turn.
    """
    if subtask.opens_drawer or index == 2:
        return pose
    period = _symmetry(subtask.thing)
    if index == 3 and subtask.container not in (SORTER, DRAWER):
        period = 0.0
    elif index == 3 and subtask.container == DRAWER:
        period = np.pi / 2
    yaw = _yaw_of(pose)
    return top_down(pose.position, fold(yaw, period) if period else 0.0)


def grasp_height(thing: str) -> float:
    """Height of the grasp above the thing's centre: high, so that the hand clears its neighbours."""
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
        up = np.array([pose.position[0], pose.position[1], TABLE_HEIGHT + LIFT_HEIGHT])
        return Action(Pose(up, pose.quaternion), gripper_open=False)
    target, yaw = _release_point(world, subtask)
    target[2] += _half_height(thing) + grasp_height(thing) + RELEASE_GAP
    return Action(top_down(target, yaw), gripper_open=True)


def _release_point(world: TabletopWorld, subtask: Subtask) -> tuple[Array, float]:
    """Where the bottom of the held thing should be when it is let go, and the gripper's yaw there."""
    frame = world.body_pose(subtask.container)
    if subtask.container == SORTER:
        target = world.hole(subtask.thing)
        target[2] = TABLE_HEIGHT + SORTER_HEIGHT
        return target, _aligned_yaw(subtask.thing, _yaw_of(frame))
    target = world.positions()[subtask.container].copy()
    if subtask.container == DRAWER:
        target[2] = TABLE_HEIGHT + DRAWER_WALL_TOP
        return target, fold(_yaw_of(frame), np.pi / 2)
    target[2] = TABLE_HEIGHT + CUP_HEIGHT
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


def next_step(subtasks: tuple[Subtask, ...], last_step: str) -> tuple[Subtask, int] | None:
    """The sub-task and step index that follow the last step; None when all is done.

    Raises WorldError if the last step belongs to none of the sub-tasks.
    """
    if last_step == INITIAL_STEP:
        return subtasks[0], 0
    for k, subtask in enumerate(subtasks):
        if last_step in subtask.steps:
            index = subtask.steps.index(last_step) + 1
            if index < len(subtask.steps):
                return subtask, index
            return (subtasks[k + 1], 0) if k + 1 < len(subtasks) else None
    raise WorldError(f"The scripted expert does not know the step '{last_step}'.")


class ExpertPolicy:
    """The expert behind the policy protocol. It reads the simulator's state, so it is no policy for a real robot."""

    name = "scripted expert"
    is_expert = True
    knows_completion = True

    def __init__(self, world: TabletopWorld):
        self._world = world

    def look(self, observation: Observation, on_text: OnText | None = None) -> tuple[str, ...]:
        names = scene_names(self._world.positions(), self._world.drawer_is_open())
        if on_text:
            on_text(" ; ".join(names))
        return names

    def plan(
        self, instruction: str, last_step: str, on_text: OnText | None = None, seen: Sequence[str] | None = None
    ) -> Plan:
        if not instruction.strip():
            raise InvalidInstructionError("The instruction is empty.")
        if not self._world.follow(instruction):
            raise InvalidInstructionError(
                f"The scripted expert has no script for '{instruction.strip()[:80]}' on this table.",
                "Use one of the examples: the expert follows only the world's own phrasings, for things on this table.",
            )
        found = next_step(self._goal(), last_step)
        if found is None:
            return Plan(PlanStatus.COMPLETE, raw="complete")
        steps = found[0].steps
        text = "; ".join(steps)
        if on_text:
            on_text(text)
        return Plan(PlanStatus.STEPS, steps, text)

    def predict(
        self, observation: Observation, plan: Plan, last_step: str, on_text: OnText | None = None
    ) -> Prediction:
        found = next_step(self._goal(), last_step)
        if found is None:
            raise WorldError("The scripted expert has finished this task.")
        subtask, index = found
        workspace = self._world.workspace
        begun = time.perf_counter()
        cloud = fuse(observation, workspace)
        views = render_views(cloud, workspace)
        seconds = {"views": time.perf_counter() - begun}
        action = keyframe(self._world, subtask, index)
        point = np.asarray(action.pose.position)
        positions = self._world.positions()
        objects = tuple(
            LocatedObject(name, pixels, lift(pixels + 0.5, workspace))
            for name in subtask.objects
            for pixels in [to_pixels(positions[name], workspace)]
        )
        pixels = to_pixels(point, workspace)
        window = workspace.zoomed(point)
        return Prediction(
            step=subtask.steps[index],
            objects=objects,
            keypoint=lift(pixels + 0.5, workspace),
            keypoint_pixels=pixels,
            window=window,
            action=action,
            views=views,
            zoomed=render_views(cloud, window, size=112, splat=2),
            raw="computed by the scripted expert from the simulator's state",
            source="expert",
            seconds=seconds,
        )

    def _goal(self) -> tuple[Subtask, ...]:
        goal = self._world.goal
        if goal is None:
            raise WorldError("The scripted expert has no task: plan an instruction first.")
        return goal
