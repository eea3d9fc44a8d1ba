"""What the operator makes of a prediction: another keypoint, another target, or the policy's own again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from clap.geometry.frames import Array, Lifted, Pose, Workspace, to_pixels
from clap.geometry.observation import Observation, fuse
from clap.geometry.views import render_views
from clap.policies.base import Policy
from clap.policies.prediction import Prediction
from clap.rollout.decided import Decided, judged
from clap.worlds.base import Action, World

HUMAN_KEYPOINT, HUMAN_TARGET = "human keypoint", "human"
CORRECTED = (HUMAN_KEYPOINT, HUMAN_TARGET)
"""Sources of predictions that the operator had a hand in."""


def refine(world: World, policy: Policy, decided: Decided, keypoint: Array, pace: float) -> Decided:
    """The fine stage again, around the operator's keypoint (3,) world metres. Raises what the policy raises."""
    own = decided.own or decided.prediction
    refined = policy.refine(decided.observation, own.step, keypoint)
    return _instead(world, decided, looked_again(refined, own), pace)


def aim(world: World, decided: Decided | None, step: str, pose: Pose, gripper_open: bool, pace: float) -> Decided:
    """The operator's own target for a ``step``, in place of what was ``decided``, or of no prediction at all."""
    if decided is None:
        observation = world.observe()
        prediction = aimed(pose, gripper_open, step, None, observation, world.workspace)
        return Decided(observation, prediction, judged(world, prediction, observation, pace))
    own = decided.own or decided.prediction
    prediction = aimed(pose, gripper_open, step, own, decided.observation, world.workspace)
    return _instead(world, decided, prediction, pace)


def revert(world: World, decided: Decided, pace: float) -> Decided:
    """Back to the policy's own prediction."""
    return replace(decided, prediction=decided.own or decided.prediction, own=None).judged(world, pace)


def _instead(world: World, decided: Decided, prediction: Prediction, pace: float) -> Decided:
    own = decided.own or (None if decided.prediction.source in CORRECTED else decided.prediction)
    return replace(decided, prediction=prediction, own=own).judged(world, pace)


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
