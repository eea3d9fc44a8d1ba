"""From a robot's configuration to its world: the arm, its kinematics, and the limits."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from clap.geometry.frames import Pose
from clap.stop_button import StopButton
from clap.worlds.base import World
from clap.worlds.motion_limits import MotionLimits
from clap.worlds.robot.arm.adapters import KINEMATICS
from clap.worlds.robot.arm.client import ArmClient
from clap.worlds.robot.arm.kinematics import Router
from clap.worlds.robot.arm.protocol import ArmOptions
from clap.worlds.robot.config import ArmKind, RobotConfig
from clap.worlds.robot.errors import CameraError
from clap.worlds.robot.physical_world import Cameras, Judge
from clap.worlds.robot.view_only_world import ViewOnlyWorld
from clap.worlds.robot.world import RobotWorld

if TYPE_CHECKING:
    from clap.worlds.robot.calibration.bench import CalibrationBench


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
    return MotionLimits(
        bounds.workspace,
        bounds.keep_out,
        limits.lowest_height,
        limits.longest_step,
        oldest_frame=limits.oldest_frame,
    )


def open_world(config: RobotConfig, button: StopButton | None = None) -> RobotWorld | ViewOnlyWorld:
    """The world of a configuration: its cameras, and its arm if it has one. Nothing moves by that.

    ``button``: Stop as another process presses it. Raises the ClapError that says why it cannot be opened.
    """
    from clap.worlds.robot.calibration.storage import camera_poses, known_poses
    from clap.worlds.robot.cameras.camera_set import Cameras as RealSenseCameras

    if config.loopback is not None:
        from clap.worlds.robot.loopback.scene import LoopbackScene

        scene = LoopbackScene(config, config.loopback)
        try:
            cameras = scene.cameras()
            cameras.wait_for_all()
            return open_robot(scene.config, cameras, (scene.instruction,), button, scene, scene.close)
        except Exception:
            scene.close()
            raise
    # Where there is an arm, a camera without a calibration can get one here; until then nothing moves.
    poses = camera_poses(config) if config.arm.kind is ArmKind.NONE else known_poses(config)
    cameras = RealSenseCameras(config.cameras, poses)
    with contextlib.suppress(CameraError):  # the page will say so; it is tried again by itself
        cameras.wait_for_all()
    if config.arm.kind is ArmKind.NONE:
        return ViewOnlyWorld(cameras, config.bounds.workspace)
    return open_robot(config, cameras, button=button)


def open_robot(
    config: RobotConfig,
    cameras: Cameras,
    prompts: tuple[str, ...] = (),
    button: StopButton | None = None,
    judge: Judge | None = None,
    on_close: Callable[[], None] = lambda: None,
) -> RobotWorld:
    """Connect to the arm of a configuration; see ``RobotWorld``. Raises the ArmError that says why that fails.

    The world owns the cameras from then on; they are closed if the arm cannot be connected.
    """
    options = arm_options(config)
    try:
        router = Router(KINEMATICS[config.arm.kind.value](options), motion_limits(config), options)
        arm = ArmClient(config.arm.kind.value, options, button)
    except Exception:
        cameras.close()
        raise
    try:
        arm.wait()
    except Exception:
        arm.close()
        cameras.close()
        raise
    speed, force = config.limits.tool_speed, config.arm.grasp_force
    return RobotWorld(arm, cameras, router, speed, force, prompts, judge, on_close)


def open_bench(config: RobotConfig, world: World) -> CalibrationBench | None:
    """What calibrates the cameras of a world that ``open_world`` opened; None for one without an arm."""
    from clap.worlds.robot.calibration.bench import CalibrationBench
    from clap.worlds.robot.cameras.camera_set import Cameras as RealSenseCameras

    if not isinstance(world, RobotWorld) or not isinstance(world.cameras, RealSenseCameras):
        return None
    # Kinematics of its own: the world's belong to the world's thread.
    kinematics, arm = KINEMATICS[config.arm.kind.value](arm_options(config)), world.arm

    def reachable(tool: Pose) -> bool:
        return kinematics.solve_from_anywhere(tool, arm.state().joints) is not None

    return CalibrationBench(config, world.cameras, arm.state, reachable)
