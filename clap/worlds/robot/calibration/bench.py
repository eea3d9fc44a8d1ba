"""The cameras of a robot, calibrated while its world is in use: live looks, samples, the fit, and the saved file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone

import numpy as np

from clap.geometry.frames import Pose
from clap.worlds.robot.arm.protocol import ArmState
from clap.worlds.robot.calibration.calibrate import CalibrationReport, calibrate_from
from clap.worlds.robot.calibration.charuco import Board
from clap.worlds.robot.calibration.live_view import LiveView, view_board
from clap.worlds.robot.calibration.quality import check_samples
from clap.worlds.robot.calibration.sampling import Sampler
from clap.worlds.robot.calibration.storage import newest, save
from clap.worlds.robot.cameras.camera_set import Cameras
from clap.worlds.robot.cameras.realsense import RealSenseCamera
from clap.worlds.robot.config import CameraConfig, RobotConfig
from clap.worlds.robot.errors import CalibrationError


@dataclass(frozen=True)
class Change:
    """How far a calibration has a camera from where it counted as being until now."""

    millimetres: float
    degrees: float


@dataclass
class _Work:
    """What was done with one camera since it was begun."""

    camera: RealSenseCamera
    sampler: Sampler
    report: CalibrationReport | None = None
    change: Change | None = None
    saved: str = ""


class CalibrationBench:
    """Calibrates one camera after the other. ``state`` gives the arm's newest state; nothing here moves it.

    For one thread, whichever it is. Methods take the camera's name and raise CalibrationError for an unknown one,
    CameraError and ArmError where there is no picture or no arm.
    """

    def __init__(
        self,
        config: RobotConfig,
        cameras: Cameras,
        state: Callable[[], ArmState],
        reachable: Callable[[Pose], bool] = lambda pose: True,
    ):
        self.config = config
        self._cameras, self._state, self._reachable = cameras, state, reachable
        self._board = Board(config.calibration.board)
        self._works: dict[str, _Work] = {}

    def live_view(self, name: str) -> LiveView:
        """What the camera sees now, with the board's corners, the bounds and the robot's model drawn over it.

        The model stands where the new calibration has it, if there is one, else where the one in use has it.
        """
        work = self._work(name)
        report, serial = work.report, work.camera.config.serial
        pose = self._cameras.pose(serial) if report is None else report.calibration.matrix
        return view_board(work.camera, self._board, self._state(), pose, self.config, work.sampler.suggestion)

    def take(self, name: str) -> str:
        """Take a sample, and tell what is in it. Raises CalibrationError if the arm moves or the board is not seen."""
        work = self._work(name)
        if work.saved:  # what comes now belongs to another calibration
            self.clear(name)
            work = self._work(name)
        image, corners = work.sampler.take()
        self._changed(work)
        return f"Sample {label(image)}: {corners} of {len(self._board.corners)} corners."

    def remove(self, name: str, sample: str) -> None:
        """Take a sample out again."""
        work = self._work(name)
        work.sampler.remove(sample)
        self._changed(work)

    def clear(self, name: str) -> None:
        """Begin anew; what was taken stays on the disk."""
        self._camera(name)
        self._works.pop(name, None)

    def solve(self, name: str) -> CalibrationReport:
        """Calibrate from the samples. Raises CalibrationError with what is wrong with them."""
        work = self._work(name)
        index, samples = work.sampler.index, work.sampler.samples
        if index is None:
            raise CalibrationError("There are no samples yet.", "Take some first.")
        self._changed(work)
        work.report = calibrate_from(samples, index, self._board.config)
        before = self._cameras.pose(index.serial)
        if before is not None:
            metres, radians = Pose.from_matrix(work.report.calibration.matrix).distance(Pose.from_matrix(before))
            work.change = Change(1000 * metres, float(np.degrees(radians)))
        return work.report

    def save(self, name: str) -> str:
        """Write the new calibration into a dated file, and see by it from now on; the file's path.

        Older files stay. Raises CalibrationError if there is nothing to save, or the file cannot be written.
        """
        work = self._work(name)
        if work.report is None or work.saved:
            raise CalibrationError("There is no new calibration that could be saved.", "Press Calibrate first.")
        calibration, folder = work.report.calibration, self.config.calibration.folder
        try:
            work.saved = str(save(calibration, folder))
        except OSError as error:
            raise CalibrationError(f"The calibration cannot be written: {error}.", f"See to {folder}.") from error
        self._cameras.place(calibration.serial, calibration.matrix)
        return work.saved

    # How it stands

    def camera(self, name: str) -> CameraConfig:
        """The camera's configuration."""
        return self._camera(name).config

    def samples(self, name: str) -> dict[str, int]:
        """How many corners each sample shows."""
        return {sample.name: len(sample.pixels) for sample in self._work(name).sampler.samples}

    def quality(self, name: str) -> CalibrationError | None:
        """What the samples still lack for a calibration; None if they are good enough to try."""
        sampler = self._work(name).sampler
        if sampler.index is None:
            return CalibrationError("There are no samples yet.", "12 to 15 from different poses are good.")
        try:
            check_samples(sampler.samples, sampler.index.intrinsics, self._board.config)
        except CalibrationError as error:
            return error
        return None

    def result(self, name: str) -> tuple[CalibrationReport, Change | None, str] | None:
        """The new calibration, how it differs from the one in use before, and its file once it is saved."""
        work = self._work(name)
        return None if work.report is None else (work.report, work.change, work.saved)

    def in_use(self, name: str) -> tuple[str, bool]:
        """A sentence about the calibration that the camera is seen by now, and whether it is a warning."""
        camera, now = self.camera(name), datetime.now(timezone.utc)
        try:
            found = newest(self.config.calibration.folder, camera)
        except CalibrationError as error:
            if self._cameras.pose(camera.serial) is not None:
                return "No calibration of it was saved yet; the simulation tells where it stands.", False
            return f"{error.sentence} Until it has one, nothing moves by this console.", True
        warning = found.age_warning(self.config.calibration, now)
        made = found.when.astimezone().strftime("%Y-%m-%d %H:%M")
        certain = f"{found.uncertainty_mm:.1f} mm and {found.uncertainty_degrees:.2f}°"
        return warning or f"Calibrated {made}, certain to {certain}.", warning is not None

    def _changed(self, work: _Work) -> None:
        work.report, work.change, work.saved = None, None, ""

    def _camera(self, name: str) -> RealSenseCamera:
        camera = self._cameras.camera(name)
        if camera is None:
            names = ", ".join(camera.name for camera in self.config.cameras)
            raise CalibrationError(f"There is no camera {name[:40]!r}.", f"There are: {names}.")
        return camera

    def _work(self, name: str) -> _Work:
        if name not in self._works:
            camera, calibration = self._camera(name), self.config.calibration
            begun = datetime.now(timezone.utc).strftime("%Y%m%d-%H%M%S-%f")
            folder = calibration.folder / "samples" / f"{camera.config.serial}_{begun}"
            workspace = self.config.bounds.workspace
            sampler = Sampler(camera, calibration.board, self._state, folder, workspace, self._reachable)
            self._works[name] = _Work(camera, sampler)
        return self._works[name]


def label(image: str) -> str:
    """What a sample is called on the page."""
    return str(int(image.partition(".")[0]) + 1)
