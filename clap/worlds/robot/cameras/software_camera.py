"""A RealSense camera without hardware: librealsense's software device, fed with frames of a simulation.

Frames go through librealsense's own syncer, filters and alignment, as those of a D435i do; only USB is missing.
"""

from __future__ import annotations

import threading
import time
from typing import Any

import numpy as np
import pyrealsense2 as rs
from numpy.typing import NDArray

DEPTH_UNIT = 0.001
"""Metres of one step of the depth image, as a D435i has it by default."""


class SoftwareCamera:
    """A software device with a depth and a colour sensor that share one lens: both images have ``intrinsics``.

    ``intrinsics`` (3, 3) pixels in the project's convention (pixel k has its centre at k + 0.5); ``size`` is
    (width, height). Feed it noisy depth, as ``clap.worlds.tabletop.sensor_noise`` makes: an image that stays the
    same to the last bit is what a frozen camera gives, and is reported as such.
    """

    def __init__(
        self, serial: str, intrinsics: NDArray[np.floating], size: tuple[int, int] = (640, 360), fps: int = 30
    ):
        self.serial, self.size = serial, size
        self._intrinsics, self._fps = np.asarray(intrinsics, float), fps
        self._lock = threading.Lock()
        self._number = 0
        self._device: Any = None
        self.plug_in()

    @property
    def device(self) -> Any | None:
        """The ``rs.software_device``; None while it is unplugged."""
        return self._device

    def plug_in(self) -> None:
        """Make the device, as if it was plugged in anew: its frames count from 0."""
        with self._lock:
            device = rs.software_device()
            device.register_info(rs.camera_info.name, "RealSense software device")
            device.register_info(rs.camera_info.serial_number, self.serial)
            depth, color = device.add_sensor("Stereo Module"), device.add_sensor("RGB Camera")
            # Depth in metres and the disparity of the filters are computed from these two.
            depth.add_read_only_option(rs.option.depth_units, DEPTH_UNIT)
            depth.add_read_only_option(rs.option.stereo_baseline, 50.0)
            profiles = [
                sensor.add_video_stream(self._stream(k, kind, form, bytes_each), True)
                for k, (sensor, kind, form, bytes_each) in enumerate(
                    ((depth, rs.stream.depth, rs.format.z16, 2), (color, rs.stream.color, rs.format.rgb8, 3))
                )
            ]
            same = rs.extrinsics()
            same.rotation, same.translation = list(np.eye(3).flatten()), [0.0, 0.0, 0.0]
            profiles[0].register_extrinsics_to(profiles[1], same)
            device.create_matcher(rs.matchers.default)
            self._number = 0
            self._sensors, self._profiles = (depth, color), profiles
            self._device = device

    def unplug(self) -> None:
        """Take the device away: no frame comes any more, and nobody finds it."""
        with self._lock:
            self._device = None

    def feed(
        self, rgb: NDArray[np.uint8], depth: NDArray[np.float32], timestamp: float | None = None, repeats: bool = False
    ) -> None:
        """Give a frame: ``rgb`` (H, W, 3), ``depth`` (H, W) metres, 0 = invalid; ``timestamp`` seconds of the host.

        ``repeats`` gives the number of the frame before again, as a stuck camera does. Frames for an unplugged camera
        are lost.
        """
        steps = np.clip(np.round(np.nan_to_num(depth) / DEPTH_UNIT), 0, 65535).astype(np.uint16)
        width, height = self.size
        if rgb.shape != (height, width, 3) or depth.shape != (height, width):
            raise ValueError(f"frames of {width} x {height} are expected, got {rgb.shape} and {depth.shape}")
        at = 1000 * (time.time() if timestamp is None else timestamp)
        with self._lock:
            if self._device is None:
                return
            self._number += not repeats
            images: tuple[NDArray[Any], ...] = (steps, np.ascontiguousarray(rgb, np.uint8))
            for sensor, profile, image in zip(self._sensors, self._profiles, images, strict=True):
                frame = rs.software_video_frame()
                frame.bpp = image.dtype.itemsize * (image.shape[2] if image.ndim == 3 else 1)
                frame.stride = frame.bpp * width
                frame.timestamp, frame.domain = at, rs.timestamp_domain.system_time
                frame.frame_number = self._number
                frame.profile = profile.as_video_stream_profile()
                frame.depth_units = DEPTH_UNIT
                frame.pixels = image
                sensor.on_video_frame(frame)

    def _stream(self, uid: int, kind: Any, form: Any, bytes_each: int) -> Any:
        stream = rs.video_stream()
        stream.type, stream.index, stream.uid = kind, 0, uid
        stream.width, stream.height = self.size
        stream.fps, stream.bpp, stream.fmt = self._fps, bytes_each, form
        intrinsics = rs.intrinsics()
        intrinsics.width, intrinsics.height = self.size
        intrinsics.fx, intrinsics.fy = self._intrinsics[0, 0], self._intrinsics[1, 1]
        # librealsense counts from the centre of the first pixel, the project from its corner.
        intrinsics.ppx, intrinsics.ppy = self._intrinsics[0, 2] - 0.5, self._intrinsics[1, 2] - 0.5
        intrinsics.model, intrinsics.coeffs = rs.distortion.inverse_brown_conrady, [0.0] * 5
        stream.intrinsics = intrinsics
        return stream
