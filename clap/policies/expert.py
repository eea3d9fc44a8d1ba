"""The scripted expert: a policy that knows the simulator's own state.

It makes the demonstrations that CLAP learns from, and can be chosen in the console, marked as what it is.
"""

from __future__ import annotations

import time

import numpy as np

from clap.errors import InvalidInstructionError, WorldError
from clap.geometry.frames import Array, lift, to_pixels
from clap.geometry.observation import Observation, fuse
from clap.geometry.views import render_views
from clap.policies.base import INITIAL_STEP, OnText, PlanRequest, PredictRequest
from clap.policies.errors import NoFineActionError, NoScriptError
from clap.policies.expert_keyframes import keyframe
from clap.policies.prediction import LocatedObject, Plan, PlanStatus, Prediction
from clap.worlds.tabletop.phrasing import scene_names
from clap.worlds.tabletop.success import holds
from clap.worlds.tabletop.tasks import Subtask
from clap.worlds.tabletop.world import TabletopWorld


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
    has_fine_action = False
    step_words: tuple[str, ...] = ()

    def __init__(self, world: TabletopWorld):
        self._world = world

    def detect_objects(self, observation: Observation, on_text: OnText | None = None) -> tuple[str, ...]:
        names = scene_names(self._world.positions(), self._world.drawer_is_open())
        if on_text:
            on_text(" ; ".join(names))
        return names

    def plan(self, request: PlanRequest) -> Plan:
        instruction = request.instruction
        if not instruction.strip():
            raise InvalidInstructionError("The instruction is empty.")
        if not self._world.follow(instruction):
            raise InvalidInstructionError(
                f"The scripted expert has no script for '{instruction.strip()[:80]}' on this table.",
                "Use one of the examples: the expert follows only the world's own phrasings, for things on this table.",
            )
        found = self._next(request.last_step)
        if found is None:
            return Plan(PlanStatus.COMPLETE, raw="complete")
        steps = found[0].steps
        text = "; ".join(steps)
        if request.on_text:
            request.on_text(text)
        return Plan(PlanStatus.STEPS, steps, text)

    def predict(self, request: PredictRequest) -> Prediction:
        coming = self._next(request.last_step)
        found = coming if request.step is None else self._scripted(request.step, coming)
        if found is None:
            raise WorldError("The scripted expert has finished this task.")
        subtask, index = found
        workspace = self._world.workspace
        begun = time.perf_counter()
        cloud = fuse(request.observation, workspace)
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

    def refine(self, observation: Observation, step: str, keypoint: Array) -> Prediction:
        raise NoFineActionError(self.name)

    def _next(self, last_step: str) -> tuple[Subtask, int] | None:
        """As ``next_step``; after a step that is not its own it begins the first sub-task that is not fulfilled."""
        try:
            return next_step(self._goal(), last_step)
        except WorldError:
            return next(((subtask, 0) for subtask in self._goal() if not holds(self._world, subtask)), None)

    def _scripted(self, step: str, coming: tuple[Subtask, int] | None) -> tuple[Subtask, int]:
        """The place of a step in the script, in the present sub-task if it is there. Raises NoScriptError."""
        goal = self._goal()
        present = () if coming is None else (coming[0],)
        for subtask in (*present, *goal):
            if step in subtask.steps:
                return subtask, subtask.steps.index(step)
        known = ", ".join(f"“{each}”" for subtask in present or goal[-1:] for each in subtask.steps)
        raise NoScriptError(f"The scripted expert has no script for “{step}”. It knows: {known}.")

    def _goal(self) -> tuple[Subtask, ...]:
        goal = self._world.goal
        if goal is None:
            raise WorldError("The scripted expert has no task: plan an instruction first.")
        return goal
