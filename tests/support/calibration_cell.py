"""A rig whose truth is known, in front of a software camera, and the bench that calibrates it."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from clap.geometry.frames import Pose
from clap.geometry.observation import CameraFrame
from clap.robots.fr3 import HOME_JOINTS
from clap.worlds.robot.arm.protocol import ArmMode, ArmState
from clap.worlds.robot.calibration.bench import CalibrationBench
from clap.worlds.robot.calibration.charuco import Board
from clap.worlds.robot.calibration.storage import known_poses
from clap.worlds.robot.cameras.camera_set import Cameras
from clap.worlds.robot.config import ArmConfig, BoardConfig, CalibrationConfig, CameraConfig, Mount, RobotConfig, Source
from tests.support.robot_boards import INTRINSICS, Rig, make_rig, render
from tests.support.robot_cameras import FedCamera

CAMERA = CameraConfig("front", "sim1", Source.SOFTWARE)
BOARD = Board(BoardConfig())


class StandingArm:
    """Tells where an arm stands, or that it moves."""

    def __init__(self, tool: Pose):
        self.tool, self.speed = tool, 0.0

    def state(self) -> ArmState:
        still = np.full(7, self.speed)
        return ArmState(time.monotonic(), HOME_JOINTS, still, self.tool, self.tool, 0.08, 0.08, False, ArmMode.IDLE)


def frames(rgb: np.ndarray) -> tuple[CameraFrame, ...]:
    """The picture as a camera gives it, with depth that is never the same."""
    rng = np.random.default_rng(0)
    depths = [rng.uniform(0.5, 0.6, rgb.shape[:2]).astype(np.float32) for _ in range(4)]
    return tuple(CameraFrame("board", rgb, depth, INTRINSICS, np.eye(4), 0.0) for depth in depths)


class Cell:
    """A rig whose truth is known, in front of a software camera, and the bench that calibrates it."""

    def __init__(self, folder: Path):
        self.rig: Rig = make_rig(Mount.FIXED, 4, count=9)
        self.pictures = [
            np.stack([render(BOARD, self.rig.cam_t_board(t), k)] * 3, -1) for k, t in enumerate(self.tools)
        ]
        self.nothing = np.full_like(self.pictures[0], 90)
        self.fed, self.arm = FedCamera("sim1", frames(self.nothing)), StandingArm(self.tools[0])
        self.config = RobotConfig(ArmConfig("x"), (CAMERA,), CalibrationConfig(folder))
        self.cameras = Cameras((CAMERA,), known_poses(self.config), {"sim1": self.fed.camera})
        self.bench = CalibrationBench(self.config, self.cameras, self.arm.state)
        self.cameras.wait_for_all()

    @property
    def tools(self) -> tuple[Pose, ...]:
        return self.rig.tools

    def show(self, picture: np.ndarray) -> None:
        self.fed.frames = frames(picture)
        time.sleep(0.15)  # what was fed before is through

    def stand(self, k: int) -> None:
        self.arm.tool = self.tools[k]
        self.show(self.pictures[k])

    def close(self) -> None:
        self.cameras.close()
        self.fed.close()
