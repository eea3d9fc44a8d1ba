"""From a camera's configuration to opened sensors: one path for devices, recordings and librealsense's software device.

All three are an ``rs.device`` with a depth and a colour sensor, which are opened and started into an ``rs.syncer``.
The more usual ``rs.pipeline`` would not do: a software device cannot be found by it, and of a recording's end it tells
nothing but a wait that runs into its time limit.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Mapping
from typing import Any

import pyrealsense2 as rs

from clap.worlds.robot.cameras.software_camera import SoftwareCamera
from clap.worlds.robot.config import CameraConfig, Source
from clap.worlds.robot.errors import (
    CameraBusyError,
    CameraError,
    CameraModeError,
    CameraNotAllowedError,
    CameraNotPluggedInError,
)

COLOR_FORMATS = (rs.format.rgb8, rs.format.bgr8)

_BUSY = ("errno=16", "busy", "is streaming", "already opened", "already in use")
_NOT_ALLOWED = ("errno=13", "permission denied", "access denied", "usb_status_access")
_GONE = ("errno=19", "no such device", "disconnected", "no device")


def named_failure(camera: CameraConfig, error: Exception) -> CameraError:
    """librealsense raises RuntimeError for everything: what the driver's text means, as a failure with a name."""
    text = str(error)
    kinds = ((_BUSY, CameraBusyError), (_NOT_ALLOWED, CameraNotAllowedError), (_GONE, CameraNotPluggedInError))
    for words, kind in kinds:
        if any(word in text.lower() for word in words):
            return kind(f"Camera {camera.name} ({camera.serial}) cannot be opened: {text}.")
    return CameraError(f"Camera {camera.name} ({camera.serial}) failed: {text}.")


class Devices:
    """Finds devices. One for all cameras of a robot: every ``rs.context`` runs a watcher of the USB bus of its own."""

    def __init__(self, software: Mapping[str, SoftwareCamera] | None = None):
        self._software = dict(software or {})
        self._context: Any = None
        self._lock = threading.Lock()

    def open(self, camera: CameraConfig) -> Stream:
        """Open and start the camera. Raises a CameraError; nothing stays open then."""
        try:
            return Stream(camera, self._find(camera))
        except RuntimeError as error:
            raise named_failure(camera, error) from error

    def present(self, camera: CameraConfig) -> bool:
        """True if the device is there now."""
        try:
            self._find(camera)
        except (CameraError, RuntimeError):
            return False
        return True

    def _find(self, camera: CameraConfig) -> Any:
        if camera.source is Source.PLAYBACK:
            if camera.file is None or not camera.file.is_file():
                raise CameraNotPluggedInError(
                    f"There is no recording {camera.file} for camera {camera.name}.", "Correct the key file."
                )
            # In a context of its own: where several threads load recordings into one, they also find each other's.
            return rs.context().load_device(str(camera.file))
        if camera.source is Source.SOFTWARE:
            simulated = self._software.get(camera.serial)
            device = simulated.device if simulated else None
            found: dict[str, Any] = {camera.serial: device} if device is not None else {}
        else:
            found = self._connected()
        if camera.serial not in found:
            there = ", ".join(found) if found else "none"
            raise CameraNotPluggedInError(
                f"Camera {camera.name} with serial number {camera.serial} is not connected; connected: {there}."
            )
        return found[camera.serial]

    def _connected(self) -> dict[str, Any]:
        with self._lock:
            if self._context is None:
                self._context = rs.context()
            return {
                device.get_info(rs.camera_info.serial_number): device
                for device in self._context.query_devices()
                if device.supports(rs.camera_info.serial_number) and not device.is_playback()
            }


class Stream:
    """An opened camera. All its methods are called from the one thread that reads it."""

    def __init__(self, camera: CameraConfig, device: Any):
        self._playback = device.as_playback() if device.is_playback() else None
        # One frameset deep, so that what is read is the newest.
        self._syncer = rs.syncer()
        self._open: list[Any] = []
        chosen = _choose(camera, device, self._playback is not None)
        try:
            for sensor, profiles in chosen:
                if sensor.supports(rs.option.global_time_enabled):
                    # Time stamps in the host's clock: without it they count from when the camera was switched on.
                    sensor.set_option(rs.option.global_time_enabled, 1)
                sensor.open(profiles)
                self._open.append(sensor)
            for sensor, _ in chosen:
                sensor.start(self._syncer)
        except Exception:
            self.close()
            raise

    @property
    def is_playback(self) -> bool:
        return self._playback is not None

    @property
    def ended(self) -> bool:
        """True if this is a recording, and it was played to its end."""
        return self._playback is not None and self._playback.current_status() == rs.playback_status.stopped

    def wait(self, seconds: float) -> Any | None:
        """The next frameset with depth and colour, or None if there was none in so many seconds.

        A syncer also gives framesets with one of the two, the first after the start and after every lost frame.
        """
        came, frames = self._syncer.try_wait_for_frames(int(1000 * seconds))
        if not came:
            return None
        frames = frames.as_frameset()
        return frames if frames.get_depth_frame() and frames.get_color_frame() else None

    def close(self) -> None:
        """Stop and close the sensors; whatever the driver says then, of a device that is gone for instance, is over."""
        for sensor in self._open:
            for end in (sensor.stop, sensor.close):
                with contextlib.suppress(RuntimeError):
                    end()
        self._open = []


def _choose(camera: CameraConfig, device: Any, as_recorded: bool) -> list[tuple[Any, list[Any]]]:
    """The sensors to open with the depth and the colour profile. Raises CameraModeError if there is none such.

    Sensors are asked for their profiles, not for what they are: ``is_depth_sensor`` is false for a software sensor.
    """
    chosen, missing = [], {"depth": (rs.stream.depth, (rs.format.z16,)), "color": (rs.stream.color, COLOR_FORMATS)}
    offered = []
    for sensor in device.query_sensors():
        profiles = []
        for profile in sensor.get_stream_profiles():
            if not profile.is_video_stream_profile():
                continue
            video = profile.as_video_stream_profile()
            for key, (stream, formats) in list(missing.items()):
                if video.stream_type() != stream or video.format() not in formats:
                    continue
                offered.append(f"{key} {video.width()} x {video.height()} at {video.fps()} Hz")
                mode = (video.width(), video.height(), video.fps())
                if as_recorded or mode == (camera.width, camera.height, camera.fps):
                    profiles.append(profile)
                    del missing[key]
        if profiles:
            chosen.append((sensor, profiles))
    if missing:
        raise CameraModeError(
            f"Camera {camera.name} ({camera.serial}) offers no {' and no '.join(missing)} of {camera.width} x "
            f"{camera.height} at {camera.fps} Hz. It offers: {', '.join(sorted(set(offered))) or 'no images'}."
        )
    return chosen
