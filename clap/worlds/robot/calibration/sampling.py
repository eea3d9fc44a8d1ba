"""Taking the samples of a calibration: a picture with the board in it, and where the arm stands, pose after pose."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from clap.geometry.frames import Pose, Workspace
from clap.worlds.robot.arm.protocol import ArmState
from clap.worlds.robot.calibration.charuco import Board
from clap.worlds.robot.calibration.hand_eye_fit import Sample, board_poses
from clap.worlds.robot.calibration.poses import suggest_poses
from clap.worlds.robot.calibration.quality import FEWEST_CORNERS
from clap.worlds.robot.calibration.samples import SampleIndex, add_sample, without_sample
from clap.worlds.robot.cameras.realsense import RealSenseCamera
from clap.worlds.robot.config import BoardConfig, Mount
from clap.worlds.robot.errors import CalibrationError
from clap.worlds.teleoperation import rotation_vector

NEW_IMAGE_S = 5.0
"""A served scene on a busy machine takes its time to be drawn."""


class Sampler:
    """Samples of one camera, into a new ``folder``. ``state`` gives the arm's newest state; nothing here moves it.

    ``index``: what is in the folder, None before the first; ``samples``: the board in each of them. The poses that are
    suggested lie inside the ``workspace`` and are ``reachable``.
    """

    def __init__(
        self,
        camera: RealSenseCamera,
        board: BoardConfig,
        state: Callable[[], ArmState],
        folder: Path,
        workspace: Workspace,
        reachable: Callable[[Pose], bool] = lambda pose: True,
    ):
        if folder.exists() and any(folder.iterdir()):
            raise CalibrationError(f"{folder} is not empty.", "Name a new folder: samples of two days do not mix.")
        self._camera, self._board, self._state, self._folder = camera, Board(board), state, folder
        self._workspace, self._reachable = workspace, reachable
        self._suggested: tuple[Pose, ...] = ()
        self.index: SampleIndex | None = None
        self.samples: list[Sample] = []

    @property
    def suggestion(self) -> Pose | None:
        """The pose of the tool to take the next sample at; None before the first, and after the last."""
        turn = len(self.samples) - 1
        return self._suggested[turn] if 0 <= turn < len(self._suggested) else None

    def take(self) -> tuple[str, int]:
        """Take a sample; its file's name, and how many corners of the board it shows.

        Raises CalibrationError if the arm moves or the board is out of view, CameraError and ArmError.
        """
        if not self._state().is_still:
            raise CalibrationError("The arm moves.", "Let go of it, and wait until it stands still.")
        image = self._camera.newer_than(time.time(), NEW_IMAGE_S)
        state = self._state()
        if not state.is_still:
            raise CalibrationError("The arm moved while the picture was taken.", "Take it again.")
        view = self._board.find(image.rgb)
        if view is None or len(view.ids) < FEWEST_CORNERS:
            raise CalibrationError("The board is out of view.", "Bring all of it into the picture, then take it again.")
        config, matrix = self._camera.config, image.intrinsics
        index = self.index
        if index is None:
            focal = float(matrix[0, 0]), float(matrix[1, 1])
            center = float(matrix[0, 2]), float(matrix[1, 2])
            index = SampleIndex(config.serial, config.mount, focal, center)
        joints = state.joints if len(state.joints) == 7 else None
        self.index = add_sample(self._folder, index, image.rgb, state.tool, joints)
        name = self.index.samples[-1].image
        sample = Sample(name, state.tool, self._board.corners[view.ids], view.pixels)
        if not self.samples:
            away = float(np.linalg.norm(board_poses(sample, matrix)[0][:3, 3]))
            pivot = away if config.mount is Mount.HAND else 0.0
            self._suggested = suggest_poses(state.tool, pivot, self._workspace, self._reachable)
        self.samples.append(sample)
        return name, len(view.ids)

    def remove(self, name: str) -> None:
        """Take the sample of this name out again. Raises CalibrationError if there is none."""
        if self.index is None or name not in {sample.name for sample in self.samples}:
            raise CalibrationError(f"There is no sample {name}.", "Look at the list: it may be removed already.")
        self.index = without_sample(self._folder, self.index, name)
        self.samples = [sample for sample in self.samples if sample.name != name]


def in_words(start: Pose, target: Pose) -> str:
    """How to get from one pose of the tool to another along the gripper's own axes, for a person who guides it."""
    ahead = 100 * start.rotation.T @ (np.asarray(target.position) - start.position)
    turn = np.degrees(rotation_vector(start.rotation.T @ target.rotation))
    moves = ", ".join(f"{value:+.0f} cm along {axis}" for axis, value in zip("xyz", ahead, strict=True))
    turns = ", ".join(f"{value:+.0f}° about {axis}" for axis, value in zip("xyz", turn, strict=True))
    return f"{moves}; {turns}"
