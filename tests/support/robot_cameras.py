"""A software RealSense camera that is fed with noisy frames of the tabletop by a thread of its own, and recordings."""

from __future__ import annotations

import contextlib
import functools
import gc
import threading
import time
from pathlib import Path

import numpy as np
import pyrealsense2 as rs

from clap.geometry.observation import CameraFrame
from clap.worlds.robot.cameras.software_camera import SoftwareCamera
from clap.worlds.tabletop.sensor_noise import D435I, degraded
from clap.worlds.tabletop.world import TabletopWorld

RATE = 30.0


@functools.cache
def tabletop_frame() -> CameraFrame:
    """The clean view of the tabletop's single camera, 640 x 360, with an open drawer's cabinet in it."""
    world = TabletopWorld("four")
    try:
        world.reset("open_drawer", 3)
        return world.rig.capture(world.data, ("d435i",))[0]
    finally:
        world.close()


@functools.cache
def noisy_frames() -> tuple[CameraFrame, ...]:
    """The same scene, each time with new noise of the sensor."""
    rng = np.random.default_rng(0)
    return tuple(degraded(tabletop_frame(), D435I, np.eye(4), rng) for _ in range(6))


class FedCamera:
    """Feeds a software camera 30 times a second until told otherwise."""

    def __init__(self, serial: str = "sim1", frames: tuple[CameraFrame, ...] | None = None):
        self.frames = noisy_frames() if frames is None else frames
        height, width = self.frames[0].depth.shape
        self.camera = SoftwareCamera(serial, self.frames[0].intrinsics, (width, height))
        self.silent = threading.Event()
        self.stuck = threading.Event()
        self.dark = threading.Event()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._feed, daemon=True)
        self._thread.start()

    def _feed(self) -> None:
        k = 0
        while not self._over.wait(1 / RATE):
            k += not self.stuck.is_set()
            frame = self.frames[k % len(self.frames)]
            depth = np.zeros_like(frame.depth) if self.dark.is_set() else frame.depth
            if not self.silent.is_set():
                self.camera.feed(frame.rgb, depth)

    def close(self) -> None:
        self._over.set()
        self._thread.join()


@contextlib.contextmanager
def fed_camera(serial: str = "sim1"):
    fed = FedCamera(serial)
    try:
        yield fed
    finally:
        fed.close()


def record(path: Path, count: int = 12, serial: str = "sim1") -> None:
    """Record frames of a software camera as a ``.db3`` file, by librealsense's recorder."""
    frames = noisy_frames()
    camera = SoftwareCamera(serial, frames[0].intrinsics)
    recorder = rs.recorder(str(path), camera.device)
    sensors = recorder.query_sensors()
    for sensor in sensors:
        sensor.open(sensor.get_stream_profiles()[0])
        sensor.start(rs.syncer())
    for k in range(count):
        camera.feed(frames[k % len(frames)].rgb, frames[k % len(frames)].depth, time.time())
        time.sleep(1 / RATE)
    for sensor in sensors:
        sensor.stop()
        sensor.close()
    # The recorder finishes its file when it is destroyed, after its sensors.
    del sensor, sensors, recorder
    gc.collect()


def wait_until(claim, seconds: float = 10.0, why: str = "") -> None:
    """Wait until ``claim()`` is true; fails with ``why`` if it does not become so."""
    deadline = time.monotonic() + seconds
    while not claim():
        assert time.monotonic() < deadline, why or "it did not come true in time"
        time.sleep(0.02)
