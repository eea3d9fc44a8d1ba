"""The motions that self-correction takes: away from where the arm is, without letting fall what it has lifted."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from clap.geometry.frames import Pose
from clap.geometry.observation import OPEN_FROM
from clap.rollout.errors import MotionFailedError
from clap.rollout.self_correction import Correction, RecoveryAction, holds_something
from clap.worlds.base import Action, MotionContext, MotionOutcome, MotionReport, World
from clap.worlds.capabilities import Movable

RETREAT, RISE = 0.08, 0.06
"""Metres back along the fingers: clear of what was let go, and for another view of what is there."""

ASIDE = 0.06
"""Metres sideways from the home posture: a policy that answers the same picture the same has to see another one."""

STILL = 0.01
"""Metres below which a motion has changed no view."""


def motions(world: Movable, correction: Correction, context: MotionContext, at_start: bool) -> Iterator[MotionReport]:
    """Carry out a correction's motions one by one; none is begun after a stop. Raises MotionFailedError.

    ``at_start``: the step is its sub-task's first, so that it can be seen from home. Poses out of the workspace or
    out of reach are left out.
    """
    return _execute(world, _moves(world, correction, at_start), context)


def go_home(world: Movable, context: MotionContext) -> Iterator[MotionReport]:
    """Back along the fingers, then home, with an open gripper. Raises MotionFailedError if the arm cannot go home."""
    return _execute(world, _homewards(world), context)


def _execute(world: Movable, actions: Iterator[Action | None], context: MotionContext) -> Iterator[MotionReport]:
    for action in actions:
        report = world.home(context) if action is None else world.execute(action, context)
        yield report
        if report.outcome is MotionOutcome.STOPPED:
            return
        if action is None and not report.ok:
            raise MotionFailedError(report)


def _moves(world: World, correction: Correction, at_start: bool) -> Iterator[Action | None]:
    """The actions in their order, each made when it is its turn; None stands for the way home."""
    pose, opening = world.state()
    if correction.recovery_action is RecoveryAction.RELEASE:
        yield Action(pose, gripper_open=True)
        return
    is_open = opening > OPEN_FROM
    if correction.recovery_action is RecoveryAction.REPREDICT and (holds_something(opening) or not at_start):
        yield from _allowed(world, back(pose, RISE), is_open)
        return
    if correction.recovery_action is RecoveryAction.REPREDICT:
        yield None
    else:
        yield from _homewards(world)
    home = world.state()[0]
    if correction.attempt or (
        correction.recovery_action is RecoveryAction.REPREDICT and home.distance(pose)[0] < STILL
    ):
        yield from _allowed(world, Pose(np.asarray(home.position) + [0, ASIDE, 0], home.quaternion), True)


def _homewards(world: World) -> Iterator[Action | None]:
    pose, opening = world.state()
    if opening <= OPEN_FROM:
        yield Action(pose, gripper_open=True)
    yield from _allowed(world, back(pose, RETREAT), True)
    yield None


def _allowed(world: World, pose: Pose, gripper_open: bool) -> Iterator[Action]:
    if bool(world.workspace.contains(pose.position)) and world.reachable(pose):
        yield Action(pose, gripper_open)


def back(pose: Pose, distance: float) -> Pose:
    """The pose moved back along the fingers by ``distance`` metres: up for a gripper that points down."""
    return Pose(np.asarray(pose.position) - distance * pose.rotation[:, 2], pose.quaternion)
