"""The motion of a step: whether the arm arrived, and whether the gripper felt what the step is for."""

from __future__ import annotations

from dataclasses import replace

from clap.geometry.frames import Pose
from clap.rollout.errors import MotionFailedError, StepMissedError
from clap.rollout.self_correction import check_motion
from clap.worlds.base import Action, MotionContext, MotionOutcome, MotionReport
from clap.worlds.capabilities import Movable

SHORT_POSITION, SHORT_ROTATION = 0.03, 0.35
"""A motion that fell short by no more than this (metres, radians) counts as done: contact with what is grasped or
pushed leaves such errors."""


def arrived(report: MotionReport) -> bool:
    """True if the motion counts as carried out: it ended where it should, or fell short by only a little."""
    short = report.position_error <= SHORT_POSITION and report.rotation_error <= SHORT_ROTATION
    return report.ok or (report.outcome is MotionOutcome.FELL_SHORT and short)


def execute_step(world: Movable, action: Action, feel: bool, context: MotionContext) -> MotionReport:
    """Execute a step's action. A motion that the operator stopped is returned as it is.

    Raises MotionFailedError if the arm did not arrive, and StepMissedError if ``feel`` is on and the gripper felt that
    the step failed.
    """
    before = world.state()[1]
    openings: list[float] = []

    def tick(pose: Pose, opening: float) -> None:
        openings.append(opening)
        context.on_tick(pose, opening)

    report = world.execute(action, replace(context, on_tick=tick))
    if report.outcome is MotionOutcome.STOPPED:
        return report
    if not arrived(report):
        raise MotionFailedError(report)
    detected_fault = check_motion(action, before, min([*openings, report.gripper_open]), report) if feel else None
    if detected_fault is not None:
        raise StepMissedError(detected_fault, report)
    return report
