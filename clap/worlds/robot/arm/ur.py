"""An arm of Universal Robots' e-series with a Robotiq gripper, by ur_rtde 1.6. **Untested on hardware.**

Built against ur_rtde's documented interface: asynchronous moveL and moveJ, speedL for jogs, stopL and stopJ, and the
dashboard server to release a protective stop. The controller's own watchdog stops the arm if this process falls silent;
how hard a touch may be is set in the controller's safety configuration, so that ``gentle`` changes nothing here. The
gripper is to be mounted so that its fingers open along the y axis of the tool.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from clap.geometry.frames import Pose
from clap.worlds.robot.arm.base_frame import BaseFrame
from clap.worlds.robot.arm.errors import ArmError, ArmLostError, ArmReflexError, ArmSetupError, ArmUnreachableError
from clap.worlds.robot.arm.protocol import Arm, ArmMode, ArmOptions, ArmState, Array
from clap.worlds.robot.arm.robotiq import RobotiqGripper
from clap.worlds.teleoperation import rotation_vector, turned

try:
    import dashboard_client
    import rtde_control
    import rtde_receive
except ImportError:  # only an arm of this make needs it
    rtde_control = None

WATCHDOG_HZ = 5.0
TOP_JOINT_SPEED = np.pi
STOP_LINEAR, STOP_JOINTS = 5.0, 6.0
"""How hard a stop brakes: m/s^2 of the tool, rad/s^2 of the fastest joint."""

JOG_ACCELERATION = 1.0

RUNNING = 7
"""The robot mode in which the arm obeys."""

PROTECTIVE, USER_STOPS = 2, (4, 5, 6, 7)
"""Bits of the safety status: the protective stop; and the safeguard and emergency stops, which a person releases."""

STATUS_BITS = (
    "normal_mode",
    "reduced_mode",
    "protective_stopped",
    "recovery_mode",
    "safeguard_stopped",
    "system_emergency_stopped",
    "robot_emergency_stopped",
    "emergency_stopped",
    "violation",
    "fault",
    "stopped_due_to_safety",
)


def make(options: ArmOptions) -> Arm:
    """Connect to the arm and its gripper. Raises ArmSetupError or ArmUnreachableError."""
    if rtde_control is None:
        raise ArmSetupError("The package ur_rtde is not installed.", "Install it: pip install 'ur_rtde>=1.6,<1.7'")
    gripper = RobotiqGripper(options.address)
    try:
        receive = rtde_receive.RTDEReceiveInterface(options.address)
        control = rtde_control.RTDEControlInterface(options.address)
        control.setTcp([0.0, 0.0, options.tool_length, 0.0, 0.0, 0.0])
        control.setWatchdog(WATCHDOG_HZ)
        dashboard = dashboard_client.DashboardClient(options.address)
        dashboard.connect()
    except RuntimeError as error:
        raise ArmUnreachableError(
            f"No UR arm answers at {options.address} ({error}).", "Switch it on, and set it to remote control."
        ) from error
    return UrArm(options, control, receive, dashboard, gripper)


class UrArm:
    """See ``clap.worlds.robot.arm.protocol.Arm``."""

    def __init__(self, options: ArmOptions, control: Any, receive: Any, dashboard: Any, gripper: RobotiqGripper):
        self._options, self._base = options, BaseFrame(options.base_position, options.base_yaw)
        self._control, self._receive, self._dashboard, self._gripper = control, receive, dashboard, gripper
        self._kind = ""
        self._jog_until = 0.0

    def state(self) -> ArmState:
        if not (self._receive.isConnected() and self._control.isConnected()):
            raise ArmLostError("The connection to the arm broke.")
        self._control.kickWatchdog()
        self._end_old_jog()
        width, holding, _ = self._gripper.state()
        return ArmState(
            time=time.monotonic(),
            joints=np.array(self._receive.getActualQ()),
            velocities=np.array(self._receive.getActualQd()),
            tool=self._base.to_world(pose_of(self._receive.getActualTCPPose())),
            commanded=self._base.to_world(pose_of(self._receive.getTargetTCPPose())),
            width=width,
            widest=self._gripper.widest,
            holding=holding,
            mode=mode_of(self._receive.getRobotMode(), self._receive.getSafetyStatusBits(), bool(self._kind)),
            errors=errors_of(self._receive.getSafetyStatusBits()),
        )

    def move_line(self, tool: Pose, speed: float, gentle: bool) -> None:
        target = numbers_of(self._base.to_base(tool))
        self._sent(self._control.moveL(target, speed, self._options.acceleration, True), "line")

    def move_joints(self, joints: Array, share: float, gentle: bool) -> None:
        speed, acceleration = share * TOP_JOINT_SPEED, 2 * self._options.acceleration
        self._sent(self._control.moveJ([float(q) for q in joints], speed, acceleration, True), "joints")

    def jog(self, linear: Array, angular: Array, seconds: float) -> None:
        speeds = [*self._base.turn_to_base(linear), *self._base.turn_to_base(angular)]
        self._jog_until = time.monotonic() + seconds
        self._sent(self._control.speedL([float(speed) for speed in speeds], JOG_ACCELERATION, 0.0), "jog")

    def in_motion(self) -> bool:
        if self._receive.isProtectiveStopped():
            self._kind = ""
            raise ArmReflexError("The arm made a protective stop.")
        self._end_old_jog()
        if self._kind == "jog" or (
            self._kind and self._control.getAsyncOperationProgressEx().isAsyncOperationRunning()
        ):
            return True
        self._kind = ""
        return False

    def soft_stop(self) -> None:
        kind, self._jog_until = self._kind, 0.0
        if kind == "jog":
            self._control.speedStop(STOP_LINEAR)
            self._kind = ""
        elif kind == "line":
            self._control.stopL(STOP_LINEAR, True)
        elif kind == "joints":
            self._control.stopJ(STOP_JOINTS, True)
        if self._gripper.state()[2]:
            self._gripper.stop()

    def brake(self) -> None:
        self._control.triggerProtectiveStop()

    def recover(self) -> None:
        try:
            self._dashboard.closeSafetyPopup()
            self._dashboard.unlockProtectiveStop()
            if not self._control.isProgramRunning():
                self._control.reuploadScript()
        except RuntimeError as error:
            raise ArmReflexError(f"The protective stop could not be released ({error}).") from error

    def home_gripper(self) -> None:
        self._gripper.home()

    def move_gripper(self, width: float) -> None:
        self._gripper.move(width)

    def grasp(self, force: float) -> None:
        self._gripper.grasp(force)

    def gripper_in_motion(self) -> bool:
        return self._gripper.state()[2]

    def close(self) -> None:
        self.soft_stop()
        self._control.stopScript()
        self._control.disconnect()
        self._receive.disconnect()
        self._gripper.close()

    def _sent(self, accepted: bool, kind: str) -> None:
        if not accepted:
            raise ArmError("The arm's controller refused the motion.")
        self._kind = kind

    def _end_old_jog(self) -> None:
        """A jog that no other one followed is over: speedL itself goes on for ever."""
        if self._kind == "jog" and time.monotonic() > self._jog_until:
            self._control.speedStop(STOP_LINEAR)
            self._kind = ""


def pose_of(numbers: list[float]) -> Pose:
    """A UR pose, x y z in metres and a rotation vector in radians, as a pose of the base's frame."""
    return Pose.from_rotation(np.array(numbers[:3]), turned(np.array(numbers[3:])))


def numbers_of(pose: Pose) -> list[float]:
    """The inverse of ``pose_of``."""
    return [*map(float, pose.position), *map(float, rotation_vector(pose.rotation))]


def mode_of(robot_mode: int, status: int, under_way: bool) -> ArmMode:
    """The mode that UR's robot mode and safety status bits come to."""
    if status >> PROTECTIVE & 1:
        return ArmMode.REFLEX
    if any(status >> bit & 1 for bit in USER_STOPS):
        return ArmMode.USER_STOPPED
    if robot_mode != RUNNING:
        return ArmMode.OTHER
    return ArmMode.MOVING if under_way else ArmMode.IDLE


def errors_of(status: int) -> tuple[str, ...]:
    """The names of the safety status bits that are no normal state."""
    return tuple(name for bit, name in enumerate(STATUS_BITS) if bit >= PROTECTIVE and status >> bit & 1)
