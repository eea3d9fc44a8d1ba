"""A Franka FR3 or Panda with its gripper, over libfranka: the adapter for franky-control 2.0.0.

What was learnt about franky and holds here: an exception of an asynchronous motion is raised by whichever call comes
next, once; ``Robot.stop`` makes that a ControlException "Move command preempted!", which is no error; the value that
``recover_from_errors`` returns says nothing, the mode does; a second client blocks in the constructor for ever; a lost
connection is a NetworkException first and a RuntimeError "Net Exception" from then on; ``poll_motion`` is true once
the motion has ended; and a target out of reach is accepted. The default end effector of the gripper is the project's
tool centre point.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from clap.geometry.frames import Pose
from clap.worlds.robot.arm.base_frame import BaseFrame
from clap.worlds.robot.arm.errors import (
    ArmError,
    ArmLostError,
    ArmReflexError,
    ArmSetupError,
    ArmUnreachableError,
)
from clap.worlds.robot.arm.gripper_watch import GripperWatch
from clap.worlds.robot.arm.protocol import Arm, ArmMode, ArmOptions, ArmState, Array

_LOST = ("Net Exception", "UDP receive", "TCP send", "TCP receive", "TCP connection", "Connection closed")


def preempted(error: Exception) -> bool:
    """True for what a stop of our own raises: no error."""
    return "preempted" in str(error)


def meaning(error: Exception) -> ArmError:
    """The named state that an exception stands for."""
    text = first_line(error)
    if type(error).__name__ == "NetworkException" or any(words in text for words in _LOST):
        return ArmLostError(f"The connection to the arm broke ({text}).")
    if "reflex" in text.lower():
        return ArmReflexError(f"The arm stopped itself: {text}.")
    return ArmError(f"The arm's controller refused or ended the motion: {text}.")


def first_line(error: Exception) -> str:
    """The text that says what happened, without what repeats it."""
    return str(error).splitlines()[0].removeprefix("libfranka: ").rstrip(".!") if str(error) else type(error).__name__


try:
    import franky
except ImportError:  # only a robot needs it
    franky = None

TOP_SPEED, TOP_ACCELERATION, TOP_TURN = 1.7, 13.0, 2.5
"""franky's limits at a factor of 1: m/s, m/s^2 and rad/s of the tool."""

EVEN = 0.9
"""Axes that share one duration do not share one profile: the tool was up to 8 % faster than if they did."""

JERK_SHARE = 0.02
"""Of 6500 m/s^3: starts without a jolt, and full acceleration within 10 ms."""

STOP_SHARE = 0.8
"""Share of the highest acceleration with which a soft stop slows down: 0.25 m/s are gone after 24 ms."""

JOG_SHARE = 0.08
"""Share of the highest acceleration between two jogs: a page's jogs are smooth already."""

HELD_WIDTH = 0.003
"""Metres between the fingers from which a closed gripper holds something."""

GRIPPER_SPEED = 0.05


def make(options: ArmOptions) -> Arm:
    """Connect to the arm and its gripper. Raises ArmSetupError or ArmUnreachableError; blocks while another client does
    hold the arm."""
    if franky is None:
        raise ArmSetupError(
            "The package franky-control is not installed.", "Install it with `pip install -r requirements-robot.txt`."
        )
    config = franky.RealtimeConfig.Enforce if options.realtime else franky.RealtimeConfig.Ignore
    try:
        robot = franky.Robot(options.address, realtime_config=config)
        gripper = franky.Gripper(options.address)
    except franky.RealtimeException as error:
        raise ArmSetupError(
            f"This computer's kernel is not a real-time one ({error}).",
            "Install a PREEMPT_RT kernel, as libfranka's documentation says; only a simulated arm does without.",
        ) from error
    except franky.IncompatibleVersionException as error:
        raise ArmSetupError(
            f"The arm's software does not fit libfranka's ({error}).", "Update the arm's system."
        ) from error
    except (franky.Exception, RuntimeError) as error:
        raise ArmUnreachableError(f"No Franka arm answers at {options.address} ({first_line(error)}).") from error
    return FrankaArm(options, robot, gripper)


class FrankaArm:
    """See ``clap.worlds.robot.arm.protocol.Arm``."""

    def __init__(self, options: ArmOptions, robot: Any, gripper: Any):
        self._options, self._robot, self._gripper = options, robot, gripper
        self._base = BaseFrame(options.base_position, options.base_yaw)
        self._modes = {
            franky.RobotMode.Idle: ArmMode.IDLE,
            franky.RobotMode.Move: ArmMode.MOVING,
            franky.RobotMode.Reflex: ArmMode.REFLEX,
            franky.RobotMode.UserStopped: ArmMode.USER_STOPPED,
            franky.RobotMode.Guiding: ArmMode.GUIDING,
        }
        self._errors = [name for name in dir(franky.Errors) if not name.startswith("_")]
        self._gentle: bool | None = None
        self._gripping: Any = None
        self._gripper_watch = GripperWatch(lambda: gripper.state, (franky.Exception, RuntimeError))

    def state(self) -> ArmState:
        try:
            state, gripper = self._robot.state, self._gripper_watch.state()
        except (franky.Exception, RuntimeError) as error:
            raise meaning(error) from error
        errors = [name for name in self._errors if getattr(state.current_errors, name) is True]
        return ArmState(
            time=time.monotonic(),
            joints=np.array(state.q),
            velocities=np.array(state.dq),
            tool=self._world(state.O_T_EE),
            commanded=self._world(state.O_T_EE_d),
            width=gripper.width,
            widest=gripper.max_width,
            holding=bool(gripper.is_grasped) and gripper.width > HELD_WIDTH,
            mode=self._modes.get(state.robot_mode, ArmMode.OTHER),
            errors=tuple(errors),
        )

    def move_line(self, tool: Pose, speed: float, gentle: bool) -> None:
        try:
            here = self._base.to_base(self._world(self._robot.state.O_T_EE_d))
        except (franky.Exception, RuntimeError) as error:
            raise meaning(error) from error
        target = self._base.to_base(tool)
        metres, radians = here.distance(target)
        seconds = max(metres / speed, radians / self._options.angular_speed, 0.1)
        # All axes take equally long, and the factor limits each by itself: the one that goes furthest decides.
        furthest = float(np.abs(np.asarray(target.position) - here.position).max())
        share = max(EVEN * furthest / TOP_SPEED, radians / TOP_TURN) / seconds
        affine = franky.Affine(list(target.position), list(target.quaternion))
        self._start(franky.CartesianMotion(affine, relative_dynamics_factor=self._factor(share)), gentle)

    def move_joints(self, joints: Array, share: float, gentle: bool) -> None:
        self._start(franky.JointMotion(list(map(float, joints)), relative_dynamics_factor=self._factor(share)), gentle)

    def jog(self, linear: Array, angular: Array, seconds: float) -> None:
        twist = franky.Twist(self._base.turn_to_base(linear), self._base.turn_to_base(angular))
        # The stop is part of what the controller's own thread runs: it needs neither the next call nor this process.
        still = franky.CartesianVelocityWaypoint(franky.Twist([0, 0, 0]))
        held = franky.Duration(round(1000 * seconds))
        going = franky.CartesianVelocityWaypoint(twist, hold_target_duration=held)
        factor = franky.RelativeDynamicsFactor(0.3, JOG_SHARE, 2 * JERK_SHARE)
        # What counts as a collision can only be said between motions.
        gentle = None if self._robot.is_in_control else False
        self._start(franky.CartesianVelocityWaypointMotion([going, still], relative_dynamics_factor=factor), gentle)

    def in_motion(self) -> bool:
        try:
            return not self._robot.join_motion(0.0)
        except (franky.Exception, RuntimeError) as error:
            if not preempted(error):
                raise meaning(error) from error
            return False

    def soft_stop(self) -> None:
        kinds = franky.ControlSignalType
        stops = {
            kinds.CartesianPose: franky.CartesianStopMotion,
            kinds.CartesianVelocities: franky.CartesianVelocityStopMotion,
            kinds.JointPositions: franky.JointStopMotion,
            kinds.JointVelocities: franky.JointVelocityStopMotion,
        }
        try:
            if self._gripping is not None:
                self._gripper.stop_async()
            stop = stops.get(self._robot.current_control_signal_type)
            if stop is not None:
                factor = franky.RelativeDynamicsFactor(1.0, STOP_SHARE, STOP_SHARE)
                self._robot.move(stop(factor), asynchronous=True)
        except (franky.Exception, RuntimeError):
            self.brake()  # what it was that is wrong, in_motion and state will tell

    def brake(self) -> None:
        try:
            if self._robot.is_in_control:
                self._robot.stop()
        except (franky.Exception, RuntimeError):
            return  # no connection: the controller brakes by itself when it hears nothing

    def recover(self) -> None:
        try:
            self.in_motion()
        except ArmLostError:
            raise
        except ArmError:
            pass  # what ended the last motion is what is being recovered from
        try:
            self._robot.recover_from_errors()
        except (franky.Exception, RuntimeError) as error:
            raise meaning(error) from error
        self._gentle = None

    def home_gripper(self) -> None:
        self._gripping = self._gripper.homing_async()

    def move_gripper(self, width: float) -> None:
        self._gripping = self._gripper.move_async(width, GRIPPER_SPEED)

    def grasp(self, force: float) -> None:
        # To a width of zero, whatever is between: a grasp of the thing's own width does not press on it.
        self._gripping = self._gripper.grasp_async(0.0, GRIPPER_SPEED, force, epsilon_inner=0.08, epsilon_outer=0.08)

    def gripper_in_motion(self) -> bool:
        if self._gripping is None:
            return False
        if not self._gripping.wait(0.0):
            return True
        future, self._gripping = self._gripping, None
        try:
            future.get()  # false where nothing was grasped: the width tells that better
        except (franky.Exception, RuntimeError) as error:
            raise meaning(error) from error
        return False

    def close(self) -> None:
        self.brake()
        self._gripper_watch.close()
        del self._robot, self._gripper

    def _start(self, motion: Any, gentle: bool | None) -> None:
        for last in (False, True):
            try:
                if gentle is not None and gentle != self._gentle:
                    self._robot.set_collision_behavior(*self._thresholds(gentle))
                    self._gentle = gentle
                self._robot.move(motion, asynchronous=True)
                return
            except (franky.Exception, RuntimeError) as error:
                # What a stop ended is told of once, by whichever call comes next.
                if last or not preempted(error):
                    raise meaning(error) from error

    def _thresholds(self, gentle: bool) -> tuple[float, float]:
        options = self._options
        if gentle:
            return options.touch_torque, options.touch_force
        return options.press_torque, options.press_force

    def _factor(self, share: float) -> Any:
        acceleration = min(1.0, self._options.acceleration / TOP_ACCELERATION)
        return franky.RelativeDynamicsFactor(float(np.clip(share, 0.001, 1.0)), acceleration, JERK_SHARE)

    def _world(self, affine: Any) -> Pose:
        return self._base.to_world(Pose(np.array(affine.translation), np.array(affine.quaternion)))
