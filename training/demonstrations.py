"""Demonstrations of the scripted expert, as the observations right after each keyframe (paper, section 5.1)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from clap.geometry import Pose
from clap.observation import Observation
from clap.policy import INITIAL_STEP
from clap.worlds.tabletop.expert import keyframe
from clap.worlds.tabletop.tasks import Subtask
from clap.worlds.tabletop.world import TabletopWorld
from clap.worlds.world import Action
from training.positions import random_gripper_pose

WINDOW = 5
"""m: how many time steps (0.1 s each) after a keyframe are used; the paper uses 5."""


@dataclass(frozen=True)
class Transition:
    """An observation shortly after keyframe k, and the action of keyframe k + 1."""

    task: str
    subtask: Subtask
    index: int
    last_step: str
    observation: Observation
    positions: dict[str, np.ndarray]
    action: Action


def demonstrate(
    world: TabletopWorld, task: str, seed: int, rng: np.random.Generator, frames: int, noise: float = 0.0
) -> Iterator[list[Transition]]:
    """Yield one step's transitions after the other; the last list is followed by nothing if the expert failed.

    ``frames`` observations are kept per step: the keyframe's own and others drawn from the m that follow. ``noise``
    (metres) perturbs what is executed, never the label, so that the data shows how to recover.
    """
    world.reset(task, seed)
    if rng.random() < 0.5:
        world.execute(Action(random_gripper_pose(rng), gripper_open=True))
    last = INITIAL_STEP
    for subtask in world.goal or ():
        for index, step in enumerate(subtask.steps):
            action = keyframe(world, subtask, index)
            kept = {0, *rng.choice(np.arange(1, WINDOW + 1), frames - 1, replace=False).tolist()}
            seen = _Look(world, kept)
            report = world.execute(_perturbed(action, subtask, index, rng, noise), on_tick=seen)
            if not report.ok:
                return
            yield [
                Transition(task, subtask, index, last, observation, positions, action)
                for observation, positions in seen.moments
            ]
            last = step


class _Look:
    """Called every 0.1 s of a motion: keeps the observations of the chosen time steps, the first (0) at once."""

    def __init__(self, world: TabletopWorld, kept: set[int]):
        self._world, self._kept, self._count = world, kept, 0
        self.moments = [(world.observe(), world.positions())]

    def __call__(self, _pose: Pose, _open: float) -> None:
        self._count += 1
        if self._count in self._kept:
            self.moments.append((self._world.observe(), self._world.positions()))


def _perturbed(action: Action, subtask: Subtask, index: int, rng: np.random.Generator, noise: float) -> Action:
    """The action with some noise: more in free space than at a grasp, none where the drawer guides the hand."""
    if noise == 0 or (subtask.opens_drawer and index > 0):
        return action
    scale = noise if index in (0, 2) else 0.3 * noise
    moved = np.asarray(action.pose.position) + rng.normal(0, scale, 3) * (1, 1, 0.5)
    return Action(Pose(moved, action.pose.quaternion), action.gripper_open)
