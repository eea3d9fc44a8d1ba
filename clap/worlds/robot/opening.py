"""From a robot's configuration to its world: the arm, its kinematics, and the limits."""

from __future__ import annotations

import math

from clap.motion_limits import MotionLimits
from clap.worlds.robot.adapters import KINEMATICS
from clap.worlds.robot.arm import ArmOptions
from clap.worlds.robot.arm_client import ArmClient
from clap.worlds.robot.config import RobotConfig
from clap.worlds.robot.reach import Router
from clap.worlds.robot.world import Cameras, RobotWorld


def arm_options(config: RobotConfig) -> ArmOptions:
    """What the arm's process is started with."""
    arm = config.arm
    return ArmOptions(
        address=arm.address,
        base_position=arm.base_position,
        base_yaw=math.radians(arm.base_yaw),
        grasp_force=arm.grasp_force,
        realtime=arm.realtime,
        model=arm.model,
        tool_length=arm.tool_length,
    )


def motion_limits(config: RobotConfig) -> MotionLimits:
    """What no motion of this robot may do."""
    bounds, limits = config.bounds, config.limits
    return MotionLimits(bounds.workspace, bounds.keep_out, limits.lowest_height, limits.longest_step)


def open_robot(config: RobotConfig, cameras: Cameras, prompts: tuple[str, ...] = ()) -> RobotWorld:
    """Connect to the arm of a configuration. Raises the ArmError that says why that fails; nothing moves by it.

    The world owns the cameras from then on; they are closed if the arm cannot be connected.
    """
    options = arm_options(config)
    try:
        router = Router(KINEMATICS[config.arm.kind.value](options), motion_limits(config), options)
        arm = ArmClient(config.arm.kind.value, options)
    except Exception:
        cameras.close()
        raise
    try:
        arm.wait()
    except Exception:
        arm.close()
        cameras.close()
        raise
    return RobotWorld(arm, cameras, router, config.limits.tool_speed, config.arm.grasp_force, prompts)
