"""Calibrations on disk: one dated file each, never overwritten; the newest of a camera counts."""

from __future__ import annotations

import contextlib
import os
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import yaml
from numpy.typing import NDArray

from clap.geometry.frames import Pose
from clap.worlds.robot.calibration.hand_eye import HandEye, PoseResidual
from clap.worlds.robot.calibration.samples import triple
from clap.worlds.robot.config import CalibrationConfig, CameraConfig, Mount, RobotConfig, Triple
from clap.worlds.robot.errors import CalibrationError
from clap.worlds.robot.yaml_reader import read_yaml

Quadruple = tuple[float, float, float, float]


@dataclass(frozen=True)
class Calibration:
    """Where a camera is: ``position`` metres and ``quaternion`` xyzw of the camera (x right, y down, z forward), in the
    world if the ``mount`` is fixed, in the tool centre point's frame if it is on the gripper. ``made``: UTC, ISO
    8601."""

    serial: str
    mount: Mount
    made: str
    position: Triple
    quaternion: Quadruple
    uncertainty_mm: float
    uncertainty_degrees: float
    rms_pixels: float
    residuals: tuple[PoseResidual, ...] = ()

    def __post_init__(self) -> None:
        if abs(float(np.linalg.norm(self.quaternion)) - 1) > 1e-3:
            raise ValueError(f"quaternion is a unit quaternion xyzw, not {self.quaternion}")
        try:
            told = datetime.fromisoformat(self.made)
        except ValueError as error:
            raise ValueError(f"made is a date and time such as 2026-01-31T12:00:00+00:00, not {self.made!r}") from error
        if told.tzinfo is None:
            raise ValueError(f"made needs a time zone, such as +00:00, and has none: {self.made!r}")

    @staticmethod
    def of(fit: HandEye, serial: str, made: datetime) -> Calibration:
        """From a fit of ``hand_eye``; ``made`` with a time zone."""
        pose = Pose.from_matrix(fit.camera)
        x, y, z, w = map(float, pose.quaternion)
        return Calibration(
            serial,
            fit.mount,
            made.astimezone(timezone.utc).isoformat(timespec="seconds"),
            triple(pose.position),
            (x, y, z, w),
            fit.uncertainty_mm,
            fit.uncertainty_degrees,
            fit.rms_pixels,
            fit.residuals,
        )

    @property
    def when(self) -> datetime:
        return datetime.fromisoformat(self.made)

    @property
    def matrix(self) -> NDArray[np.floating]:
        """(4, 4) pose of the camera."""
        return Pose(np.array(self.position), np.array(self.quaternion)).matrix

    def age_days(self, now: datetime) -> float:
        return (now - self.when).total_seconds() / 86_400

    def age_warning(self, config: CalibrationConfig, now: datetime) -> str | None:
        """A sentence if it is older than the configuration allows, or from the future."""
        days = self.age_days(now)
        if days < -1:
            return f"The calibration of camera {self.serial} is dated {-days:.0f} days ahead: set this machine's clock."
        if days > config.max_age_days:
            return (
                f"The calibration of camera {self.serial} is {days:.0f} days old (up to {config.max_age_days:g} are "
                "meant): check the overlay, and calibrate anew if the robot's outline is off."
            )
        return None


def save(calibration: Calibration, folder: Path) -> Path:
    """Write a new file and return its path. What is there is never overwritten: two in one second get a number."""
    folder.mkdir(parents=True, exist_ok=True)
    content = asdict(calibration)
    content.update(mount=calibration.mount.value, residuals=[asdict(one) for one in calibration.residuals])
    content.update(position=list(calibration.position), quaternion=list(calibration.quaternion))
    text = yaml.safe_dump(content, sort_keys=False)
    stem = f"{calibration.serial}_{calibration.when.astimezone(timezone.utc):%Y%m%d-%H%M%S}"
    for number in range(1, 1000):
        path = folder / f"{stem}{'' if number == 1 else f'-{number}'}.yaml"
        try:
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
        except FileExistsError:
            continue
        return path
    raise CalibrationError(f"{folder} has a thousand files {stem}.", "Clean the folder up.")


def newest(folder: Path, camera: CameraConfig) -> Calibration:
    """The newest calibration of a camera.

    Raises CalibrationError if there is none or it is for the other mount, RobotConfigError if the file is malformed.
    """
    found = [read_yaml(path, Calibration) for path in sorted(folder.glob(f"{camera.serial}_*.yaml"))]
    found = [calibration for calibration in found if calibration.serial == camera.serial]
    if not found:
        raise CalibrationError(f"There is no calibration of camera {camera.name} ({camera.serial}) in {folder}.")
    last = max(found, key=lambda calibration: calibration.when)
    if last.mount is not camera.mount:
        raise CalibrationError(
            f"Camera {camera.name} has mount: {camera.mount.value}, but its calibration of {last.made} is for mount: "
            f"{last.mount.value}.",
            "Correct the key mount, or calibrate it where it is now.",
        )
    return last


def known_poses(config: RobotConfig) -> dict[str, NDArray[np.floating]]:
    """As ``camera_poses``, without the cameras that have no calibration that can be used."""
    poses = {}
    for camera in config.cameras:
        with contextlib.suppress(CalibrationError):
            poses[camera.serial] = newest(config.calibration.folder, camera).matrix
    return poses


def age_warnings(config: RobotConfig, now: datetime) -> str:
    """A sentence for each camera whose calibration is older than the configuration allows."""
    said = []
    for camera in config.cameras:
        with contextlib.suppress(CalibrationError):
            said.append(newest(config.calibration.folder, camera).age_warning(config.calibration, now))
    return " ".join(sentence for sentence in said if sentence)


def camera_poses(config: RobotConfig) -> dict[str, NDArray[np.floating]]:
    """(4, 4) pose of each camera by serial number, as ``Cameras`` takes them. Raises as ``newest``."""
    folder = config.calibration.folder
    return {camera.serial: newest(folder, camera).matrix for camera in config.cameras}
