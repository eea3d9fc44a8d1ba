"""Keyframe actions on a real arm: a route, the motion, the gripper, and a report of what was really reached."""

from __future__ import annotations

import time
from collections.abc import Callable

from clap.errors import ClapError
from clap.worlds.base import Action, MotionContext, MotionOutcome, MotionReport
from clap.worlds.motion_limits import Objection
from clap.worlds.robot.arm.client import ArmClient
from clap.worlds.robot.arm.errors import ArmError, ArmHaltedError, ArmLostError, ArmNotReadyError, ArmReflexError
from clap.worlds.robot.arm.kinematics import Route, Router
from clap.worlds.robot.arm.motion import Motion
from clap.worlds.robot.arm.protocol import ArmState, Array
from clap.worlds.teleoperation import CONTROL_PERIOD

POSITION_TOLERANCE, ROTATION_TOLERANCE = 0.005, 0.05
SETTLE_S = 1.0
GRIPPER_S = 15.0
OPEN_ENOUGH = 0.95
"""Opening from which a gripper need not be opened."""

PATIENCE = 3.0
"""A motion may take so many times as long as expected, and five seconds more."""


class Stopped(Exception):
    """The operator stopped the motion; the arm holds."""


class Executor:
    """Moves one arm, motion after motion, and none that nobody sees. ``commanded_opening``: 0 to 1, what the gripper
    was last told.

    ``check_sight``: raises the ClapError that a camera is in, before and during every motion; the arm then halts.
    """

    def __init__(
        self,
        arm: ArmClient,
        router: Router,
        tool_speed: float,
        grasp_force: float,
        check_sight: Callable[[ArmState], None],
    ):
        self.arm, self._router, self._check_sight = arm, router, check_sight
        self._tool_speed, self._grasp_force = tool_speed, grasp_force
        self.commanded_opening = 1.0

    def ready(self) -> ArmState:
        """The state of an arm that may move. Raises the ClapError against it."""
        state = self.arm.check_ready()
        self._check_sight(state)
        return state

    def execute(self, action: Action, context: MotionContext) -> MotionReport:
        """See ``Movable.execute``."""
        started = time.monotonic()
        if context.should_stop():
            return self.report(MotionOutcome.STOPPED, action, started, "Stopped by the operator.")
        state = self.ready()
        route = self._router.to_pose(action.pose, state.joints, self.speed(context.speed))
        return self._execute(action, route, started, context)

    def home(self, home: Array, context: MotionContext) -> MotionReport:
        """See ``Movable.home``."""
        started = time.monotonic()
        action = Action(self._router.kinematics.forward(home), gripper_open=True)
        if context.should_stop():
            return self.report(MotionOutcome.STOPPED, action, started, "Stopped by the operator.")
        state = self.ready()
        here = Action(state.tool, gripper_open=True)
        try:
            self._set_gripper(True, context)
        except Stopped:
            return self.report(MotionOutcome.STOPPED, here, started, "Stopped by the operator.")
        except ArmError as error:
            return self._ended(here, started, error)
        route = self._router.to_pose(action.pose, state.joints, self.speed(context.speed))
        if isinstance(route, Objection):
            route = self._router.to_joints(home, state.joints, self.speed(context.speed))
        return self._execute(action, route, started, context)

    def _execute(
        self,
        action: Action,
        route: Route | Objection,
        started: float,
        context: MotionContext,
    ) -> MotionReport:
        if isinstance(route, Objection):
            return self.report(MotionOutcome.UNREACHABLE, action, started, str(route))
        gentle, time_out = not action.ignore_collisions, PATIENCE * route.seconds + 5.0
        try:
            if route.share is None:
                motion = self.arm.line(action.pose, self.speed(context.speed), gentle, time_out)
            else:
                motion = self.arm.joints(route.goal, route.share, gentle, time_out)
            self.follow(motion, context)
            self._settle(context)
            self._set_gripper(action.gripper_open, context)
        except Stopped:
            return self.report(MotionOutcome.STOPPED, action, started, "Stopped by the operator.")
        except ArmError as error:
            return self._ended(action, started, error)
        report = self.report(MotionOutcome.REACHED, action, started, "")
        if report.position_error > POSITION_TOLERANCE or report.rotation_error > ROTATION_TOLERANCE:
            reason = f"The arm ended {1000 * report.position_error:.0f} mm from the target: look what holds it back."
            return self.report(MotionOutcome.FELL_SHORT, action, started, reason)
        return report

    def follow(self, motion: Motion, context: MotionContext) -> None:
        """Watch a motion until it has ended. Raises Stopped, or the ArmError that ended it."""
        while not motion.over.wait(CONTROL_PERIOD):
            self.tick(context)
        halted = motion.stopped or isinstance(motion.failure, ArmHaltedError)
        if halted and context.should_stop():
            self.halt()
            raise Stopped
        if motion.failure is not None:
            raise motion.failure
        if motion.stopped:
            self.arm.check_ready()
            raise ArmHaltedError("The motion was halted.")

    def tick(self, context: MotionContext) -> ArmState:
        """One control tick of a motion: beat, look, tell. Raises Stopped once the arm has halted, and ClapError."""
        if context.should_stop():
            self.halt()
            raise Stopped
        self.arm.beat()
        state = self.arm.state()
        try:
            self._check_sight(state)
        except ClapError:
            self.halt()
            raise
        context.on_tick(state.tool, state.opening)
        return state

    def halt(self) -> None:
        """Stop, and wait until the arm stands, or the connection to it is gone: then it has stopped by itself."""
        if not self.arm.halted:  # else the button was faster
            self.arm.stop()
        deadline = time.monotonic() + SETTLE_S
        while time.monotonic() < deadline:
            time.sleep(0.005)
            try:
                if self.arm.halted and self.arm.at_rest and self.arm.state().is_still:
                    return
            except ArmLostError:
                return

    def report(self, outcome: MotionOutcome, action: Action, started: float, reason: str) -> MotionReport:
        """What a motion came to that began at ``started`` (time.monotonic). Raises ArmError if the arm is lost."""
        state = self.arm.state()
        metres, radians = state.tool.distance(action.pose)
        return MotionReport(outcome, state.tool, state.opening, metres, radians, time.monotonic() - started, reason)

    def _ended(self, action: Action, started: float, error: ArmError) -> MotionReport:
        """A motion that the arm did not carry out. What leaves it unable to move on is raised, with its name."""
        if isinstance(error, (ArmHaltedError, ArmLostError, ArmNotReadyError, ArmReflexError)):
            raise error
        self.arm.check_ready()
        return self.report(MotionOutcome.FELL_SHORT, action, started, str(error))

    def speed(self, factor: float) -> float:
        """Metres a second at the operator's pace: on a robot never more than its own."""
        return self._tool_speed * (min(factor, 1.0) if factor > 0 else 1.0)

    def _settle(self, context: MotionContext) -> None:
        deadline = time.monotonic() + SETTLE_S
        while time.monotonic() < deadline:
            if self.tick(context).is_still:
                return
            time.sleep(CONTROL_PERIOD)

    def _set_gripper(self, open_: bool, context: MotionContext) -> None:
        motion = self.set_gripper(open_)
        if motion is None:
            return
        try:
            self.follow(motion, context)
        except (Stopped, ClapError):
            self.commanded_opening = 1.0  # what a closing came to is not known: the next one closes again
            raise

    def set_gripper(self, open_: bool) -> Motion | None:
        """Start to open or close the gripper; None if there is nothing to do."""
        state = self.arm.state()
        if open_ and state.opening < OPEN_ENOUGH:
            motion = self.arm.open(state.widest, GRIPPER_S)
        elif not open_ and self.commanded_opening > 0:
            motion = self.arm.grasp(self._grasp_force, GRIPPER_S)
        else:
            return None
        self.commanded_opening = 1.0 if open_ else 0.0
        return motion
