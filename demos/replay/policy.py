"""Replay of a demonstration: its keyframes as a policy, so that they go the same way through verdict and motion.

Whoever replays sets the scene up as it was (``scene_of``), then lets the policy run. The world judges the end.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from clap.errors import ClapError
from clap.geometry.frames import Array, Pose, lift, to_pixels
from clap.geometry.observation import Observation, fuse
from clap.geometry.views import render_views
from clap.policies.base import INITIAL_STEP, OnText, PlanRequest, PredictRequest
from clap.policies.errors import NoFineActionError
from clap.policies.prediction import Plan, PlanStatus, Prediction
from clap.rollout.rollout import MAX_STEPS
from clap.worlds.base import Action, TaskInfo, World
from clap.worlds.capabilities import Snapshotable, require
from demos.store.episode import RecordedEpisode

NAME = "Replay"
SAME_PLACE, SAME_TURN = 0.004, 0.03
"""Metres and radians up to which a keyframe repeats the one before it."""

MOVED = 0.02
"""Metres by which a thing may stand elsewhere than it was recorded: what settling and noise do."""


class ReplayError(ClapError):
    """A demonstration cannot be replayed here; the sentence says why."""

    name = "no replay"
    default_next_move = "Look at its pictures instead."


@dataclass(frozen=True)
class ReplayScene:
    """How the world is to be set up; see ``TakeInfo``."""

    task: str
    seed: int
    variation: int | None
    condition: str


def scene_of(episode: RecordedEpisode, world: str, tasks: Sequence[TaskInfo], conditions: Sequence[str]) -> ReplayScene:
    """The scene in which an episode was recorded. Raises ReplayError unless this ``world`` can set it up."""
    info = episode.record.labels.info
    if info.world != world:
        where = f"in the world “{info.world}”" if info.world else "in a world that is not noted"
        raise ReplayError(f"It was recorded {where}, and this one is “{world}”.")
    if info.seed is None or not info.task_key:
        raise ReplayError("It was recorded without a scene of the simulation that could be set up again.")
    if info.task_key not in [task.key for task in tasks] or info.condition not in conditions:
        raise ReplayError(f"This world has no task “{info.task_key}” under the condition “{info.condition}”.")
    return ReplayScene(info.task_key, info.seed, info.variation, info.condition)


def keyframe_actions(episode: RecordedEpisode, most: int = MAX_STEPS) -> tuple[tuple[str, Action], ...]:
    """(step text, action) of each keyframe, commanded pose and gripper; those that repeat the one before are left out.

    Raises ReplayError without any, and for more than ``most``, by default those that one instruction may take.
    """
    frames = [int(frame) for frame in episode.keyframes if frame > 0]
    found: list[tuple[str, Action]] = []
    pose, is_open = _pose(episode.state[0]), bool(episode.state[0, 7] > 0.5)
    for frame in frames:
        wanted, opens = _pose(episode.action[frame]), bool(episode.action[frame, 7] > 0.5)
        distance, angle = pose.distance(wanted)
        if distance > SAME_PLACE or angle > SAME_TURN or opens != is_open:
            found.append((episode.steps[frame] or "keyframe", Action(wanted, opens)))
            pose, is_open = wanted, opens
    if not found:
        raise ReplayError("It has no keyframe that moves the arm.", "Add keyframes, then replay it.")
    if len(found) > most:
        raise ReplayError(
            f"It has {len(found)} keyframes; at most {most} are carried out.", "Remove some, or replay every frame."
        )
    total = len(found)
    return tuple((f"{k + 1} of {total}: {text}", action) for k, (text, action) in enumerate(found))


def _pose(values: Array) -> Pose:
    return Pose(np.asarray(values[:3], float), np.asarray(values[3:7], float))


class ReplayPolicy:
    """The keyframes of a demonstration, one a step, behind the policy protocol; see ``keyframe_actions``.

    ``knows_completion`` is False: steps are neither checked nor tried again, for that was not demonstrated.
    """

    name = NAME
    is_expert = False
    knows_completion = False
    has_fine_action = False
    step_words: tuple[str, ...] = ()

    def __init__(self, world: World, episode: RecordedEpisode, most: int = MAX_STEPS):
        """Raises ReplayError if it cannot be replayed, and DamagedFileError."""
        self._world = require(world, Snapshotable)
        self._steps = dict(keyframe_actions(episode, most))
        self._objects = episode.objects[0]

    def detect_objects(self, observation: Observation, on_text: OnText | None = None) -> None:
        return None

    def plan(self, request: PlanRequest) -> Plan:
        """All keyframes, until the last one is done. Raises ReplayError if the scene is not the recorded one."""
        steps = tuple(self._steps)
        if request.last_step == INITIAL_STEP:
            self._require_same_scene()
        if request.last_step == steps[-1]:
            return Plan(PlanStatus.COMPLETE, raw="complete: all keyframes were carried out")
        return Plan(PlanStatus.STEPS, steps, raw="; ".join(steps))

    def predict(self, request: PredictRequest) -> Prediction:
        steps = list(self._steps)
        coming = steps.index(request.last_step) + 1 if request.last_step in steps else 0
        wanted = request.step if request.step in self._steps else steps[coming]
        action, workspace = self._steps[wanted], self._world.workspace
        begun = time.perf_counter()
        views = render_views(fuse(request.observation, workspace), workspace)
        pixels = to_pixels(np.asarray(action.pose.position), workspace)
        return Prediction(
            step=wanted,
            objects=(),
            keypoint=lift(pixels + 0.5, workspace),
            keypoint_pixels=pixels,
            window=workspace.zoomed(np.asarray(action.pose.position)),
            action=action,
            views=views,
            raw="a keyframe of the demonstration",
            source="replay",
            seconds={"views": time.perf_counter() - begun},
        )

    def refine(self, observation: Observation, step: str, keypoint: Array) -> Prediction:
        raise NoFineActionError(self.name)

    def _require_same_scene(self) -> None:
        snapshot_renderer = self._world.snapshot_renderer()
        try:
            now = snapshot_renderer.positions(self._world.world_snapshot())
        finally:
            snapshot_renderer.close()
        for name, place in self._objects.items():
            if name not in now:
                raise ReplayError(f"The recorded scene has a {name}, and this one has none.")
            apart = float(np.linalg.norm(np.subtract(place, now[name])))
            if apart > MOVED:
                raise ReplayError(
                    f"The {name} stands {100 * apart:.0f} cm from where it was when the take began: it had been moved.",
                    "Replay a take that began with a fresh scene.",
                )
