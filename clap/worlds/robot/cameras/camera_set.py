"""All cameras of a robot: their newest images as frames of the world, with the poses that the calibration gives."""

from __future__ import annotations

import time
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from clap.geometry.frames import Pose
from clap.geometry.observation import CameraFrame
from clap.worlds.robot.cameras.realsense import CameraStatus, RealSenseCamera
from clap.worlds.robot.cameras.realsense_device import Devices
from clap.worlds.robot.cameras.realsense_images import RgbdImage
from clap.worlds.robot.cameras.software_camera import SoftwareCamera
from clap.worlds.robot.config import CameraConfig, Mount
from clap.worlds.robot.errors import CalibrationError, CameraError

Array = NDArray[np.floating]

FIRST_IMAGE_S = 5.0
"""How long ``wait_for_all`` gives the cameras to open and give their first images."""

LONGEST_LOOK_S = 1.0
"""The longest that ``frames`` may keep the world's thread waiting, for all cameras together."""


class Cameras:
    """One to four cameras, captured by threads of their own from now until ``close``.

    ``poses``: by serial number the calibrated (4, 4) poses of the cameras, in the world for a fixed one, in the frame
    of the tool centre point for one on the gripper. ``software``: the devices of the source ``software``.
    """

    def __init__(
        self,
        configs: tuple[CameraConfig, ...],
        poses: Mapping[str, Array],
        software: Mapping[str, SoftwareCamera] | None = None,
    ):
        self._poses = {serial: np.asarray(pose, float) for serial, pose in poses.items()}
        devices = Devices(software)
        self._cameras = tuple(RealSenseCamera(config, devices) for config in configs)

    def camera(self, name: str) -> RealSenseCamera | None:
        """The camera of this name, or None."""
        return next((camera for camera in self._cameras if camera.config.name == name), None)

    def pose(self, serial: str) -> Array | None:
        """(4, 4) where this camera counts as being; None if it has no calibration."""
        return self._poses.get(serial)

    def place(self, serial: str, pose: Array) -> None:
        """From the next frame on this camera counts as being there: it was calibrated anew."""
        self._poses = {**self._poses, serial: np.asarray(pose, float)}

    def wait_for_all(self, seconds: float = FIRST_IMAGE_S) -> None:
        """Wait until every camera has given an image. Raises the CameraError of the first that has not."""
        deadline = time.monotonic() + seconds
        for camera in self._cameras:
            while True:
                left = deadline - time.monotonic()
                try:
                    camera.newest(max(0.0, left))
                    break
                except CameraError:
                    if left <= 0:
                        raise
                    time.sleep(min(0.05, left))

    def frames(self, tool: Pose, after: float | None = None) -> tuple[CameraFrame, ...]:
        """The newest frame of every camera, in the order of the configuration; ``tool``: the tool's pose now.

        Returns at once; with ``after`` (seconds, time.time) it waits for images taken later than that, 1 s at most
        for all cameras together. Frames of a camera on the gripper have the pose that the tool has now: look while it
        rests, and give the time from which it did as ``after``. Raises the CameraError of the first camera that has
        no such image, and CalibrationError for one that has no calibration.
        """
        deadline = time.monotonic() + LONGEST_LOOK_S
        images = []
        for camera in self._cameras:
            if after is None:
                images.append(camera.newest())
            else:
                images.append(camera.newer_than(after, max(0.0, deadline - time.monotonic())))
        return tuple(
            self._frame(camera.config, image, tool) for camera, image in zip(self._cameras, images, strict=True)
        )

    def status(self) -> tuple[CameraStatus, ...]:
        """How each camera does, in the order of the configuration."""
        return tuple(camera.status() for camera in self._cameras)

    def close(self) -> None:
        """Stop all cameras and release their devices."""
        for camera in self._cameras:
            camera.end()
        for camera in self._cameras:
            camera.close()

    def _frame(self, config: CameraConfig, image: RgbdImage, tool: Pose) -> CameraFrame:
        pose = self.pose(config.serial)
        if pose is None:
            raise CalibrationError(f"Camera {config.name} ({config.serial}) has no calibration.")
        cam2world = pose if config.mount is Mount.FIXED else tool.matrix @ pose
        return CameraFrame(config.name, image.rgb, image.depth, image.intrinsics, cam2world, image.captured)
