"""One RealSense camera: a thread of its own keeps its newest image, says what is wrong, and connects again."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass

import numpy as np

from clap.worlds.robot.cameras.frame_watch import FrameWatch
from clap.worlds.robot.cameras.realsense_device import Devices, Stream, named_failure
from clap.worlds.robot.cameras.realsense_images import Imaging, RgbdImage
from clap.worlds.robot.config import CameraConfig
from clap.worlds.robot.errors import (
    CameraError,
    CameraNotPluggedInError,
    FramesFrozenError,
    PlaybackOverError,
)

BACK_OFF = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds before each attempt to open the camera again; the last one goes on."""

POLL_S = 0.1
"""How long the thread waits for a frame before it looks at whether it should end."""

HANGING_S = 5.0
"""A device may take some seconds to open; what takes longer than that, and than ``frozen_after``, hangs."""

CLOSE_S = 2.0
"""How long ``close`` waits for the thread at most: a driver that hangs keeps its thread, but nobody else."""


@dataclass(frozen=True)
class CameraStatus:
    """How a camera does. ``age`` seconds since its newest image was taken, None before the first; ``rate`` images a
    second of late; ``received`` and ``dropped`` frames and ``reconnections`` since the start; ``device_clock`` False
    if ages count from the arrival of a frame; ``failure`` None while it is well."""

    name: str
    serial: str
    age: float | None
    rate: float
    received: int
    dropped: int
    reconnections: int
    device_clock: bool
    failure: CameraError | None


class RealSenseCamera:
    """Captures from its making until ``close``. All methods may be called from any thread."""

    def __init__(self, config: CameraConfig, devices: Devices):
        self.config = config
        self._devices = devices
        self._changed = threading.Condition()
        self._image: RgbdImage | None = None
        self._failure: CameraError | None = None
        self._watch = FrameWatch(config.name, config.frozen_after, time.monotonic())
        self._openings = self._kept = 0
        self._last_frame_at = self._kept_at = time.monotonic()
        self._over = threading.Event()
        self._times: deque[float] = deque(maxlen=30)
        self._thread = threading.Thread(target=self._run, name=f"camera {config.name}", daemon=True)
        self._thread.start()

    def newest(self, within: float = 0.0) -> RgbdImage:
        """The newest image. Waits for the first one, ``within`` seconds at most; never for a later one.

        Raises the CameraError that the camera is in: an image from before the failure is not given.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._image is not None or self._failure is not None, within)
            self._raise_failure()
            if self._image is None:
                raise CameraError(f"Camera {self.config.name} has not given its first image yet.")
            return self._image

    def newer_than(self, captured: float, within: float) -> RgbdImage:
        """The first image taken after the time ``captured`` (time.time), waiting ``within`` seconds at most.

        For a look at a scene that has just come to rest. Raises CameraError if none came.
        """
        with self._changed:
            self._changed.wait_for(
                lambda: self._failure is not None or (self._image is not None and self._image.captured > captured),
                within,
            )
            self._raise_failure()
            if self._image is None or self._image.captured <= captured:
                raise CameraError(f"Camera {self.config.name} has given no new image for {within:.1f} s.")
            return self._image

    def status(self) -> CameraStatus:
        """How the camera does now."""
        with self._changed:
            image, times = self._image, list(self._times)
            age = None if image is None else max(0.0, time.time() - image.captured)
            span = times[-1] - times[0] if len(times) > 1 else 0.0
            return CameraStatus(
                self.config.name,
                self.config.serial,
                age,
                (len(times) - 1) / span if span > 0 else 0.0,
                self._watch.received,
                self._watch.dropped,
                max(0, self._openings - 1),
                image is not None and image.device_clock,
                self._failure_now(),
            )

    def end(self) -> None:
        """Tell the thread to stop capturing and to release the device; returns at once."""
        self._over.set()

    def close(self) -> None:
        """Stop capturing and release the device; waits 2 s at most."""
        self.end()
        self._thread.join(CLOSE_S)

    def _raise_failure(self) -> None:
        failure = self._failure_now()
        if failure is not None:
            # Without this, the one exception would grow by the frames of every caller that it is raised to.
            raise failure.with_traceback(None)

    def _failure_now(self) -> CameraError | None:
        """The failure that the thread told, or that the thread tells nothing any more: a driver may hang for good."""
        silent = time.monotonic() - self._last_frame_at
        if self._failure is None and silent > self.config.frozen_after + HANGING_S:
            return FramesFrozenError(f"The driver of camera {self.config.name} has not answered for {silent:.1f} s.")
        return self._failure

    def _run(self) -> None:
        attempt = 0
        while not self._over.is_set():
            kept = self._kept
            try:
                self._capture()
                continue
            except CameraError as error:
                failure = error
            # Whatever it is: a thread that dies of it would leave the last image standing as if it was fresh.
            except Exception as error:
                failure = named_failure(self.config, error)
            attempt = 0 if self._kept > kept else attempt + 1
            if isinstance(failure, PlaybackOverError):
                if not self.config.repeat:
                    self._fail(failure)
                    return
                # A busy machine may miss every frame of a short recording: that is no end.
                silent = time.monotonic() - self._kept_at
                if silent <= self.config.frozen_after:
                    attempt = 0
                    continue
                failure = FramesFrozenError(
                    f"The recording {self.config.file} of camera {self.config.name} has given no new image for "
                    f"{silent:.1f} s.",
                    "It is played again by itself; if it stays so, record anew.",
                )
            self._fail(failure)
            self._over.wait(BACK_OFF[min(attempt, len(BACK_OFF) - 1)])

    def _capture(self) -> None:
        """Open the camera and keep its newest image until told to end, or until a CameraError."""
        stream = self._devices.open(self.config)
        try:
            self._openings += 1
            self._watch.reopened(time.monotonic())
            self._read(stream)
        finally:
            stream.close()

    def _read(self, stream: Stream) -> None:
        """Raises the CameraError for which the stream must be opened anew."""
        imaging = Imaging(self.config.filters)
        while not self._over.is_set():
            frames = stream.wait(POLL_S)
            now = self._last_frame_at = time.monotonic()
            if frames is None:
                self._without_frames(stream, now)
                continue
            depth = frames.get_depth_frame()
            failure = self._watch.look(depth.get_frame_number(), np.asanyarray(depth.get_data()), now)
            if failure is not None:
                self._fail(failure)
                if self._watch.stuck:
                    raise failure
            elif self._watch.alive:
                self._keep(imaging.image(frames, time.time(), not stream.is_playback))

    def _without_frames(self, stream: Stream, now: float) -> None:
        if stream.ended:
            raise PlaybackOverError(f"The recording {self.config.file} of camera {self.config.name} is over.")
        failure = self._watch.silence(now)
        if failure is None:
            return
        if not stream.is_playback and not self._devices.present(self.config):
            raise CameraNotPluggedInError(f"Camera {self.config.name} ({self.config.serial}) was unplugged.")
        raise failure

    def _keep(self, image: RgbdImage) -> None:
        with self._changed:
            self._image, self._failure = image, None
            self._kept += 1
            self._kept_at = time.monotonic()
            self._times.append(self._kept_at)
            self._changed.notify_all()

    def _fail(self, failure: CameraError) -> None:
        # What an exception remembers of where it came from would keep librealsense's frames and sensors alive.
        failure.__traceback__ = failure.__cause__ = failure.__context__ = None
        with self._changed:
            self._failure = failure
            self._times.clear()
            self._changed.notify_all()
