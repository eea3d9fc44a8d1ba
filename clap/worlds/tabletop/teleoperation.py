"""Driving the simulated arm by gripper, in real time: one inverse kinematics and 20 ms of physics a control tick."""

from __future__ import annotations

import time

import numpy as np

from clap.geometry.frames import Workspace
from clap.worlds.base import Action, MotionContext, MotionOutcome, MotionReport
from clap.worlds.tabletop.motion import Arm
from clap.worlds.teleoperation import CONTROL_PERIOD, STILL, Driver, TeleoperationCommand

MAX_LEAD = 0.03
"""Metres that the commanded pose may be ahead of the tool: where the arm presses against something it waits."""

MAX_JOINT_STEP = 0.05
"""Radians a control tick: a pose that asks for more lies beyond a singularity."""

MOST_BEHIND = 0.1
"""Seconds of delay that are made up for; a longer one is let go, so that the arm never rushes."""

MOST_RESTING = 30
"""Control ticks that the arm may take to come to rest once it is told to."""

NO_REACH = "The arm cannot reach further that way: it held still."
PRESSING = "The arm pressed against something: it held still."


def drive(arm: Arm, workspace: Workspace, command: TeleoperationCommand, context: MotionContext) -> MotionReport:
    """Follow the operator's jogs; see ``Drivable.drive``."""
    started, reason, lead, gripper = arm.time, "", 0.0, None
    driver = Driver(arm.commanded_pose(), workspace)
    due, resting = time.monotonic(), 0
    while True:
        if context.should_stop():
            arm.hold()
            return _report(arm, MotionOutcome.STOPPED, started, "Stopped by the operator.")
        jog = command()
        resting = resting + 1 if jog is None and driver.at_rest else 0
        if resting > MOST_RESTING or (resting and arm.is_still):
            return _report(arm, MotionOutcome.REACHED, started, reason)
        wanted = driver.advance(jog or STILL)
        before, lead = lead, float(np.linalg.norm(np.asarray(wanted.position) - arm.pose().position))
        joints = None if driver.at_rest else arm.kinematics.solve(wanted, arm.commanded, iterations=15)
        if lead > MAX_LEAD and lead > before:
            driver.hold()
            reason = PRESSING
        elif joints is not None and np.abs(joints - arm.commanded).max() <= MAX_JOINT_STEP:
            arm.command(joints)
        elif not driver.at_rest:
            driver.hold()
            reason = NO_REACH
        gripper = (jog and jog.gripper) or gripper
        if gripper is not None:
            arm.move_gripper(gripper == "open")
        arm.tick()
        context.on_tick(arm.pose(), arm.gripper_open())
        due = max(due + CONTROL_PERIOD, time.monotonic() - MOST_BEHIND)
        time.sleep(max(0.0, due - time.monotonic()))


def _report(arm: Arm, outcome: MotionOutcome, started: float, reason: str) -> MotionReport:
    """Driving has no target: the errors are zero."""
    return arm.report(outcome, Action(arm.pose(), gripper_open=arm.gripper_open() > 0.5), started, reason)
