"""Samples of a calibration, taken through librealsense from a board on a still arm, calibrate its camera."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
from robot_boards import INTRINSICS, error_of, make_rig, render
from robot_cameras import FedCamera

from clap.geometry import Pose, Workspace
from clap.observation import CameraFrame
from clap.worlds.robot.arm import ArmMode, ArmState
from clap.worlds.robot.calibrate import calibrate
from clap.worlds.robot.calibration_samples import read_samples
from clap.worlds.robot.charuco import Board
from clap.worlds.robot.config import BoardConfig, CameraConfig, Mount, Source
from clap.worlds.robot.failures import CalibrationError
from clap.worlds.robot.realsense import RealSenseCamera
from clap.worlds.robot.realsense_device import Devices
from clap.worlds.robot.sampling import Sampler, in_words
from clap.worlds.tabletop.robot import HOME_JOINTS

DOWN = np.array([1.0, 0.0, 0.0, 0.0])


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


def test_samples_through_librealsense_calibrate_the_camera(tmp_path):
    rig, board = make_rig(Mount.FIXED, 4, count=9), Board(BoardConfig())
    pictures = [np.stack([render(board, rig.cam_t_board(tool), k)] * 3, -1) for k, tool in enumerate(rig.tools)]
    fed, arm = FedCamera("sim1", frames(np.full_like(pictures[0], 90))), StandingArm(rig.tools[0])
    config = CameraConfig("board", "sim1", Source.SOFTWARE)
    camera = RealSenseCamera(config, Devices({"sim1": fed.camera}))
    try:
        sampler = Sampler(camera, board.config, arm.state, tmp_path / "samples", Workspace())
        camera.newest(5.0)
        with pytest.raises(CalibrationError, match="out of view"):
            sampler.take()
        arm.speed = 0.2
        with pytest.raises(CalibrationError, match="The arm moves"):
            sampler.take()
        arm.speed = 0.0
        for tool, picture in zip(rig.tools, pictures, strict=True):
            arm.tool, fed.frames = tool, frames(picture)
            time.sleep(0.15)  # what was fed before is through
            name, corners = sampler.take()
            assert corners >= 6
        assert name == "008.png"
    finally:
        camera.close()
        fed.close()
    index = read_samples(tmp_path / "samples")
    found = calibrate(tmp_path / "samples", index, board.config).calibration
    millimetres, degrees = error_of(found.matrix, rig.camera)
    assert millimetres < 2 and degrees < 0.2
    assert all(Workspace().contains(pose.position) for pose in sampler.suggested)
    with pytest.raises(CalibrationError, match="is not empty"):
        Sampler(camera, board.config, arm.state, tmp_path / "samples", Workspace())


def test_the_way_to_the_next_pose_is_said_along_the_hands_own_axes():
    start = Pose(np.array([0.2, 0.0, 1.0]), DOWN)
    assert in_words(start, replace(start, position=np.array([0.25, 0.0, 1.0]))).startswith("+5 cm along x, +0 cm")
