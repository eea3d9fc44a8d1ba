"""The operator's own plan of a part of the task, and what the operator makes of a prediction. Pure functions."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from clap.geometry.frames import Lifted, Pose, Workspace, to_pixels
from clap.geometry.observation import Observation, fuse
from clap.geometry.views import render_views
from clap.policies.prediction import Plan, PlanStatus, Prediction
from clap.worlds.base import Action

BY_POLICY, BY_HUMAN = "policy", "human"
HUMAN_KEYPOINT, HUMAN_TARGET = "human keypoint", "human"
CORRECTED = (HUMAN_KEYPOINT, HUMAN_TARGET)
"""Sources of predictions that the operator had a hand in."""


@dataclass(frozen=True)
class OperatorPlan:
    """All steps of a part of the task as the operator wants them; the first ``done`` ones lie behind."""

    steps: tuple[str, ...]
    done: int

    @property
    def next_step(self) -> str:
        """The step that is to come."""
        return self.steps[self.done]

    @property
    def plan(self) -> Plan:
        """The part as a plan."""
        return Plan(PlanStatus.STEPS, self.steps, raw=" ; ".join(self.steps), by=BY_HUMAN)

    def after_step(self) -> OperatorPlan | None:
        """The plan with one more step done; None once it is used up."""
        return replace(self, done=self.done + 1) if self.done + 1 < len(self.steps) else None

    def from_start(self) -> OperatorPlan:
        """The plan with nothing done yet."""
        return replace(self, done=0)


def looked_again(refined: Prediction, own: Prediction) -> Prediction:
    """What the fine stage found around the operator's keypoint, beside what the policy had found itself."""
    return replace(refined, objects=own.objects, raw=own.raw, source=HUMAN_KEYPOINT)


def aimed(
    pose: Pose, gripper_open: bool, step: str, own: Prediction | None, observation: Observation, workspace: Workspace
) -> Prediction:
    """The operator's own target as a prediction; as in a demonstration, the keypoint is the target itself.

    ``own`` is the policy's prediction that it stands for, if there is one. A target outside the workspace keeps the
    whole workspace as its window: the verdict says what is wrong with it. Raises EmptyCloudError.
    """
    position = np.asarray(pose.position, float)
    inside = bool(np.all(np.isfinite(position)) and workspace.contains(position))
    views = own.views if own is not None else render_views(fuse(observation, workspace), workspace)
    return Prediction(
        step=step,
        objects=own.objects if own is not None else (),
        keypoint=Lifted(position, np.zeros(3)),
        keypoint_pixels=to_pixels(position if inside else workspace.center, workspace, views.size),
        window=workspace.zoomed(position) if inside else workspace,
        action=Action(pose, gripper_open, own.action.ignore_collisions if own is not None else True),
        views=views,
        raw=own.raw if own is not None else "",
        source=HUMAN_TARGET,
    )
