"""Demonstrations of the scripted expert, as the observations right after each keyframe (paper, section 5.1).

Demonstration ``number`` of a task is one recorded run: the same arguments execute the same motions and see the same
scene, so that it can be rendered again for more augmented copies.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np

from clap.errors import WorldError
from clap.geometry.frames import Pose
from clap.policies.base import INITIAL_STEP
from clap.policies.expert_keyframes import keyframe, tilted
from clap.worlds.base import Action, MotionContext
from clap.worlds.tabletop.tasks import Subtask, task_infos
from clap.worlds.tabletop.world import TabletopWorld
from training.data.capture import Shot, capture, moved_poses
from training.data.positions import random_gripper_pose

WINDOW = 5
"""m: how many time steps (0.1 s each) after a keyframe are used; the paper uses 5."""

NOISE = 0.01
"""Metres by which executed targets differ from the label, so that the data shows how to recover."""

TRIES = 20


@dataclass(frozen=True)
class Transition:
    """What was seen shortly after keyframe k, and the action of keyframe k + 1. ``points``: name -> (3,) metres."""

    task: str
    instructions: tuple[str, ...]
    number: int
    subtask: Subtask
    index: int
    last_step: str
    shot: Shot
    points: dict[str, np.ndarray]
    drawer_open: bool | None
    action: Action


def demonstrate(world: TabletopWorld, task: str, number: int, condition: str = "none") -> list[Transition]:
    """Record a demonstration; variations take turns, so that few demonstrations cover them all.

    Raises WorldError if the expert fails in ``TRIES`` scenes in a row.
    """
    variations = {info.key: info.variations for info in task_infos()}[task]
    for attempt in range(TRIES):
        seed = number + attempt * 100_000
        rng = np.random.default_rng([zlib.crc32(task.encode()), seed])
        world.reset(task, seed, number % variations, condition)
        found = _run(world, task, number, rng)
        if found is not None:
            return found
    raise WorldError(f"The expert failed {TRIES} times in task '{task}', demonstration {number}.")


def _run(world: TabletopWorld, task: str, number: int, rng: np.random.Generator) -> list[Transition] | None:
    """All transitions of one run, or None if it did not reach the goal."""
    instructions = world.phrasings()
    shifts = moved_poses(world, rng)
    if rng.random() < 0.5:
        world.execute(Action(_start_pose(rng), gripper_open=True))
    found: list[Transition] = []
    last = INITIAL_STEP
    for subtask in world.goal or ():
        for index, step in enumerate(subtask.steps):
            action = keyframe(world, subtask, index)
            look = _Look(world, shifts)
            report = world.execute(_perturbed(action, subtask, index, rng), MotionContext(on_tick=look))
            if not report.ok:
                return None
            found += [
                Transition(task, instructions, number, subtask, index, last, shot, points, is_open, action)
                for shot, points, is_open in look.moments
            ]
            last = step
    return found if world.success() else None


def _start_pose(rng: np.random.Generator) -> Pose:
    """Above the table; sometimes tilted, as the gripper is after it has opened a drawer."""
    pose = random_gripper_pose(rng)
    return tilted(pose.position, float(rng.uniform(-0.3, 0.3))) if rng.random() < 0.4 else pose


class _Look:
    """Called every 0.1 s of a motion: keeps the m + 1 first moments of a step, the first at once."""

    def __init__(self, world: TabletopWorld, shifts: dict[str, np.ndarray]):
        self._world, self._shifts = world, shifts
        self.moments: list[tuple[Shot, dict[str, np.ndarray], bool | None]] = []
        self._keep()

    def __call__(self, _pose: Pose, _open: float) -> None:
        if len(self.moments) <= WINDOW:
            self._keep()

    def _keep(self) -> None:
        shot = capture(self._world, self._shifts)
        self.moments.append((shot, self._world.positions(), self._world.drawer_is_open()))


def _perturbed(action: Action, subtask: Subtask, index: int, rng: np.random.Generator) -> Action:
    """The action with some noise: more in free space than at a grasp, none where the drawer guides the gripper."""
    if subtask.opens_drawer and index > 0:
        return action
    scale = NOISE if index in (0, 2) else 0.3 * NOISE
    moved = np.asarray(action.pose.position) + rng.normal(0, scale, 3) * (1, 1, 0.5)
    return Action(Pose(moved, action.pose.quaternion), action.gripper_open)
