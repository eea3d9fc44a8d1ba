"""What the tests of the robot's arm are made of: the served arm, its world, and a camera that sees nothing."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from clap.geometry.frames import Pose
from clap.geometry.observation import CameraFrame
from clap.stop_button import StopButton
from clap.worlds.motion_limits import MotionLimits
from clap.worlds.robot.arm.client import ArmClient
from clap.worlds.robot.arm.kinematics import FrankaKinematics, Router
from clap.worlds.robot.arm.protocol import ArmOptions
from clap.worlds.robot.loopback.arm import LoopbackArm
from clap.worlds.robot.world import RobotWorld

DOWN = np.array([1.0, 0.0, 0.0, 0.0])
SPEED = 0.25
SHELF = ("shelf", (0.4, -0.5, 0.7), (0.7, 0.5, 0.9))


class NamedBox:
    """A keep-out box."""

    def __init__(self, name: str, low: tuple[float, float, float], high: tuple[float, float, float]):
        self.name, self.low, self.high = name, low, high


class DarkCamera:
    """One small black image, taken when it is asked for: the arm is what these tests are about."""

    def frames(self, tool: Pose, after: float | None = None) -> tuple[CameraFrame, ...]:
        black, nothing = np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8), np.float32)
        return (CameraFrame("dark", black, nothing, np.eye(3), np.eye(4), time.time()),)

    def close(self) -> None:
        """It holds nothing."""


def options(arm: LoopbackArm) -> ArmOptions:
    """How to reach the served arm."""
    return ArmOptions(arm.address, realtime=False)


def robot_world(arm: LoopbackArm, button: StopButton | None = None) -> RobotWorld:
    """A world on the served arm, connected."""
    told = options(arm)
    client = ArmClient("franka", told, button)
    client.wait()
    router = Router(FrankaKinematics(told), MotionLimits(), told)
    return RobotWorld(client, DarkCamera(), router, tool_speed=SPEED)


def pose(x: float, y: float, z: float) -> Pose:
    """A gripper that points down, world metres."""
    return Pose(np.array([x, y, z]), DOWN)


def after(seconds: float) -> Callable[[], bool]:
    """True from so many seconds on."""
    end = time.monotonic() + seconds
    return lambda: time.monotonic() >= end


def waits_for(condition: Callable[[], bool], seconds: float) -> bool:
    """True once the condition holds, within so many seconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return False
