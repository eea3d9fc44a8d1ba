"""Driving a real arm by hand: jogs become velocities 50 times a second, each good for a tenth of one."""

from __future__ import annotations

import time

import numpy as np

from clap.geometry.frames import Pose, Workspace
from clap.worlds.base import Action, MotionContext, MotionOutcome, MotionReport
from clap.worlds.robot.arm.errors import ArmError
from clap.worlds.robot.arm.executor import Executor, Stopped
from clap.worlds.robot.arm.kinematics import Router
from clap.worlds.robot.arm.motion import Motion
from clap.worlds.robot.arm.protocol import ArmState
from clap.worlds.teleoperation import CONTROL_PERIOD, STILL, Driver, Jog, TeleoperationCommand, rotation_vector

JOG_S = 0.1
"""Seconds for which the arm follows a velocity without the next one; then it stops by itself."""

PULL = 2.0
"""Metres a second of correction for each metre between where the tool is told to be and where it is to be."""

AHEAD_S = 0.3
"""So far ahead the way is looked at: what is to be stopped for can then still be stopped for."""

MOST_LEAD = 0.03
"""Metres that the tool may lag behind: where the arm presses against something it waits."""

MOST_RESTING = 2.0
"""Seconds that the arm may take to come to rest once it is told to."""

NO_REACH = "The arm cannot reach further that way: it held still."
PRESSING = "The arm pressed against something: it held still."


class Drive:
    """One period of driving."""

    def __init__(self, executor: Executor, router: Router, state: ArmState):
        self._executor, self._router = executor, router
        limits = router.limits
        low = (*limits.workspace.low[:2], max(limits.workspace.low[2], limits.lowest_height))
        self._box = Workspace(low, limits.workspace.high)
        self._driver = Driver(state.commanded, self._box)
        self._hand = ""
        self._closing: Motion | None = None
        self.reason = ""

    @property
    def at_rest(self) -> bool:
        """True while the tool is to stand still."""
        return self._driver.at_rest

    @property
    def gripper_at_rest(self) -> bool:
        """True while the gripper is not under way."""
        return self._closing is None or self._closing.over.is_set()

    def step(self, jog: Jog, state: ArmState) -> None:
        """Send one control tick's velocity. Raises ArmError."""
        before = self._driver.pose
        wanted = self._driver.advance(jog)
        linear = (np.asarray(wanted.position) - before.position) / CONTROL_PERIOD
        angular = rotation_vector(wanted.rotation @ before.rotation.T) / CONTROL_PERIOD
        if not self._driver.at_rest:
            objection = self._objection(state, wanted, linear)
            if objection:
                self.reason = objection
                self._driver.hold()
                linear = angular = np.zeros(3)
        if not self._driver.at_rest or np.linalg.norm(self._behind(state)) > 1e-3:
            turn = rotation_vector(self._driver.pose.rotation @ state.commanded.rotation.T)
            self._executor.arm.jog(linear + PULL * self._behind(state), angular + PULL * turn, JOG_S)
        self._gripper(jog)

    def _behind(self, state: ArmState) -> np.ndarray:
        """(3,) metres from where the tool is told to be to where it is to be."""
        return np.asarray(self._driver.pose.position) - state.commanded.position

    def _objection(self, state: ArmState, wanted: Pose, linear: np.ndarray) -> str:
        """Why the tool must not go on like this; empty if it may."""
        lag = float(np.linalg.norm(np.asarray(state.commanded.position) - state.tool.position))
        if lag > MOST_LEAD and float(linear @ (np.asarray(state.commanded.position) - state.tool.position)) > 0:
            return PRESSING
        ahead = np.asarray(wanted.position) + AHEAD_S * linear
        ahead = np.clip(ahead, self._box.low, self._box.high)  # at its edges the driver stops by itself
        here = np.asarray(state.commanded.position)
        against = self._router.limits.against_path(np.array([here, wanted.position, ahead]))
        if against is not None:
            return str(against)
        if self._router.kinematics.solve(Pose(ahead, wanted.quaternion), state.joints) is None:
            return NO_REACH
        return ""

    def _gripper(self, jog: Jog) -> None:
        if self._closing is not None and self._closing.failure is not None:
            raise self._closing.failure
        if jog.gripper is not None and jog.gripper != self._hand:
            if not self.gripper_at_rest:
                return
            self._hand = jog.gripper
            self._closing = self._executor.set_gripper(jog.gripper == "open")


def drive(executor: Executor, router: Router, command: TeleoperationCommand, context: MotionContext) -> MotionReport:
    """Follow the operator's jogs; see ``Drivable.drive``."""
    started = time.monotonic()
    state = executor.ready()
    driving = Drive(executor, router, state)
    due, resting_since = time.monotonic(), None
    try:
        while True:
            state = executor.tick(context)
            executor.arm.check_ready()
            jog = command()
            if jog is None and driving.at_rest and driving.gripper_at_rest:
                resting_since = resting_since or time.monotonic()
                rests = state.is_still and executor.arm.at_rest
                if rests or time.monotonic() - resting_since > MOST_RESTING:
                    return _report(executor, MotionOutcome.REACHED, started, driving.reason)
            driving.step(jog or STILL, state)
            due = max(due + CONTROL_PERIOD, time.monotonic() - 0.1)
            time.sleep(max(0.0, due - time.monotonic()))
    except Stopped:
        return _report(executor, MotionOutcome.STOPPED, started, "Stopped by the operator.")
    except ArmError as error:
        executor.arm.check_ready()
        return _report(executor, MotionOutcome.FELL_SHORT, started, str(error))


def _report(executor: Executor, outcome: MotionOutcome, started: float, reason: str) -> MotionReport:
    """Driving has no target: the errors are zero."""
    state = executor.arm.state()
    return executor.report(outcome, Action(state.tool, gripper_open=state.opening > 0.5), started, reason)
