"""RealSense cameras through librealsense itself: its software device and its recordings, and every way they fail."""

from __future__ import annotations

import threading
import time
import traceback
from dataclasses import replace

import numpy as np
import pyrealsense2 as rs
import pytest

from clap.geometry.frames import Pose, Workspace
from clap.geometry.observation import Observation, fuse
from clap.worlds.robot.cameras import realsense
from clap.worlds.robot.cameras.camera_set import Cameras
from clap.worlds.robot.cameras.frame_watch import FrameWatch
from clap.worlds.robot.cameras.realsense import RealSenseCamera
from clap.worlds.robot.cameras.realsense_device import Devices, named_failure
from clap.worlds.robot.cameras.software_camera import SoftwareCamera
from clap.worlds.robot.config import CameraConfig, FilterConfig, Mount, Source
from clap.worlds.robot.errors import (
    CameraBusyError,
    CameraError,
    CameraModeError,
    CameraNotPluggedInError,
    DepthEmptyError,
    FramesFrozenError,
    PlaybackOverError,
)
from tests.support.robot_cameras import fed_camera, noisy_frames, record, tabletop_frame, wait_until

CONFIG = CameraConfig("front", "sim1", Source.SOFTWARE, frozen_after=0.4)
TOOL = Pose(np.array([0.2, 0.0, 1.0]), np.array([1.0, 0.0, 0.0, 0.0]))


@pytest.fixture
def fed():
    with fed_camera() as camera:
        yield camera


@pytest.fixture
def opened(fed):
    """Opens the fed camera with a configuration; all are closed after the test."""
    cameras = []

    def make(config: CameraConfig = CONFIG) -> RealSenseCamera:
        cameras.append(RealSenseCamera(config, Devices({"sim1": fed.camera})))
        return cameras[-1]

    yield make
    for camera in cameras:
        camera.close()


def failure_of(camera: RealSenseCamera) -> type | None:
    failure = camera.status().failure
    return None if failure is None else type(failure)


def test_images_arrive_as_they_were_rendered_through_librealsense(opened):
    image = opened().newest(5.0)
    truth = tabletop_frame()
    assert np.allclose(image.intrinsics, truth.intrinsics, atol=1e-3)
    seen = [frame for frame in noisy_frames() if np.array_equal(frame.rgb, image.rgb)]
    assert seen, "the colours are not those of any frame that was fed"
    both = (image.depth > 0) & (seen[0].depth > 0)
    assert both.mean() > 0.95 * (seen[0].depth > 0).mean()
    # Half a millimetre is the rounding to the depth unit; alignment moves some pixels by one, which shows at edges.
    error = np.abs(image.depth - seen[0].depth)[both]
    assert np.median(error) < 6e-4 and (error > 0.005).mean() < 0.02
    assert image.device_clock and 0 <= time.time() - image.captured < 1


def test_newest_never_waits_once_there_is_an_image_and_status_counts(opened):
    camera = opened()
    first = camera.newest(5.0)
    wait_until(lambda: camera.status().received >= 8)
    began = time.perf_counter()
    later = camera.newest(5.0)
    assert time.perf_counter() - began < 0.1
    assert later.number > first.number
    status = camera.status()
    assert status.failure is None and status.reconnections == 0 and status.rate > 1
    assert status.age is not None and status.age < 1
    newer = camera.newer_than(time.time(), 2.0)
    assert newer.captured > later.captured


@pytest.mark.parametrize(
    "filters",
    [
        FilterConfig(decimation=2),
        FilterConfig(spatial=True),
        FilterConfig(temporal=True, hole_filling=True),
        FilterConfig(decimation=2, spatial=True, temporal=True, hole_filling=True),
    ],
)
def test_filters_keep_the_size_and_the_depth_aligned_to_colour(opened, filters):
    image = opened(replace(CONFIG, filters=filters)).newest(5.0)
    truth = tabletop_frame().depth
    assert image.depth.shape == truth.shape and image.rgb.shape == (*truth.shape, 3)
    both = (image.depth > 0) & (truth > 0)
    assert np.median(np.abs(image.depth - truth)[both]) < 0.01
    if filters.hole_filling:
        unfilled = noisy_frames()[0].depth
        assert (image.depth == 0).mean() < (unfilled == 0).mean()


def test_the_frames_fuse_to_the_scene_with_fixed_and_hand_camera():
    truth = tabletop_frame()
    hand = np.linalg.inv(TOOL.matrix) @ truth.cam2world
    configs = (CONFIG, replace(CONFIG, name="wrist", serial="sim2", mount=Mount.HAND))
    with fed_camera("sim1") as one, fed_camera("sim2") as two:
        cameras = Cameras(configs, {"sim1": truth.cam2world, "sim2": hand}, {"sim1": one.camera, "sim2": two.camera})
        try:
            cameras.wait_for_all()
            frames = cameras.frames(TOOL)
            after = time.time()
            assert all(frame.timestamp > after for frame in cameras.frames(TOOL, after))
            assert [status.name for status in cameras.status()] == ["front", "wrist"]
        finally:
            cameras.close()
    assert [frame.name for frame in frames] == ["front", "wrist"]
    for frame in frames:
        assert np.allclose(frame.cam2world, truth.cam2world)
    still = np.zeros(7)
    cloud = fuse(Observation(frames, TOOL, 1.0, still, still, 0.0), Workspace())
    table = np.abs(cloud.points[:, 2] - 0.752) < 0.01
    assert len(cloud) > 100_000 and table.mean() > 0.3


def test_a_look_keeps_the_world_waiting_for_a_second_at_most():
    truth = tabletop_frame()
    with fed_camera("sim1") as one, fed_camera("sim2") as two:
        configs = tuple(CameraConfig(serial, serial, Source.SOFTWARE, frozen_after=30) for serial in ("sim1", "sim2"))
        poses = {"sim1": truth.cam2world, "sim2": truth.cam2world}
        cameras = Cameras(configs, poses, {"sim1": one.camera, "sim2": two.camera})
        try:
            cameras.wait_for_all()
            one.silent.set()
            two.silent.set()
            time.sleep(0.2)
            began = time.perf_counter()
            with pytest.raises(CameraError, match="sim1 has given no new image"):
                cameras.frames(TOOL, time.time())
            assert 0.9 < time.perf_counter() - began < 1.5
            began = time.perf_counter()
            cameras.frames(TOOL)
            assert time.perf_counter() - began < 0.1
        finally:
            cameras.close()


class HangingDevices(Devices):
    """Opens a device only when it may, as a driver that hangs for a while."""

    def __init__(self, software):
        super().__init__(software)
        self.may = threading.Event()

    def open(self, camera):
        self.may.wait(20)
        return super().open(camera)


def test_a_driver_that_hangs_is_told_and_keeps_nobody_waiting(fed, monkeypatch):
    monkeypatch.setattr(realsense, "HANGING_S", 0.3)
    devices = HangingDevices({"sim1": fed.camera})
    camera = RealSenseCamera(CONFIG, devices)
    try:
        with pytest.raises(CameraError, match="not given its first image yet"):
            camera.newest(0.1)
        wait_until(lambda: failure_of(camera) is FramesFrozenError)
        with pytest.raises(FramesFrozenError, match=r"driver of camera front has not answered"):
            camera.newest()
        devices.may.set()
        wait_until(lambda: failure_of(camera) is None)
    finally:
        devices.may.set()
        camera.close()


def test_failures_keep_no_frame_of_the_library_alive(fed, opened):
    camera = opened()
    camera.newest(5.0)
    fed.silent.set()
    wait_until(lambda: failure_of(camera) is FramesFrozenError)
    lengths = []
    for _ in range(3):
        with pytest.raises(FramesFrozenError) as caught:
            camera.newest()
        assert caught.value.__cause__ is None and caught.value.__context__ is None
        lengths.append(len(traceback.extract_tb(caught.value.__traceback__)))
    assert lengths[0] == lengths[1] == lengths[2]


def test_an_absent_camera_names_those_that_are_there_and_comes_when_it_is_plugged_in(fed, opened):
    fed.camera.unplug()
    camera = opened()
    with pytest.raises(CameraNotPluggedInError, match="sim1 is not connected; connected: none"):
        camera.newest(5.0)
    fed.camera.plug_in()
    wait_until(lambda: failure_of(camera) is None, why="it was not opened after it was plugged in")
    assert camera.newest().depth.any()


def test_no_device_on_usb_is_said_so():
    camera = RealSenseCamera(CameraConfig("front", "0123"), Devices())
    try:
        with pytest.raises(CameraNotPluggedInError, match="0123 is not connected") as caught:
            camera.newest(10.0)
        assert "USB 3" in caught.value.next_move
    finally:
        camera.close()


def test_unplugging_is_told_and_plugging_in_again_heals(fed, opened):
    camera = opened()
    camera.newest(5.0)
    fed.camera.unplug()
    wait_until(lambda: failure_of(camera) is CameraNotPluggedInError)
    with pytest.raises(CameraNotPluggedInError, match=r"unplugged|not connected"):
        camera.newest()
    fed.camera.plug_in()
    wait_until(lambda: failure_of(camera) is None)
    assert camera.status().reconnections == 1


def test_a_device_in_use_is_busy(opened):
    opened().newest(5.0)
    second = opened()
    with pytest.raises(CameraBusyError, match="front"):
        second.newest(5.0)


def test_a_mode_that_is_not_offered_lists_those_that_are(opened):
    with pytest.raises(CameraModeError, match=r"no depth and no color of 848 x 480 .*640 x 360 at 30 Hz"):
        opened(replace(CONFIG, width=848, height=480)).newest(5.0)


@pytest.mark.parametrize("how", ["silent", "stuck"])
def test_frozen_frames_are_told_and_heal(fed, opened, how):
    camera = opened()
    camera.newest(5.0)
    getattr(fed, how).set()
    wait_until(lambda: failure_of(camera) is FramesFrozenError)
    with pytest.raises(FramesFrozenError, match="no frame for" if how == "silent" else "same depth image"):
        camera.newest()
    # Opening the stream anew must not pass for a cure while it gives the same image.
    wait_until(lambda: camera.status().reconnections >= 1)
    assert failure_of(camera) is FramesFrozenError
    getattr(fed, how).clear()
    wait_until(lambda: failure_of(camera) is None)


def test_depth_that_is_all_zero_is_told_and_heals(fed, opened):
    camera = opened()
    camera.newest(5.0)
    fed.dark.set()
    wait_until(lambda: failure_of(camera) is DepthEmptyError)
    fed.dark.clear()
    wait_until(lambda: failure_of(camera) is None)
    assert camera.status().reconnections == 0


def test_a_recording_plays_through_the_same_path_to_its_end(tmp_path):
    path = tmp_path / "scene.db3"
    record(path)
    config = CameraConfig("front", "any", Source.PLAYBACK, file=path)
    camera = RealSenseCamera(config, Devices())
    try:
        image = camera.newest(5.0)
        assert np.allclose(image.intrinsics, tabletop_frame().intrinsics, atol=1e-3)
        assert np.median(np.abs(image.depth - tabletop_frame().depth)[image.depth > 0]) < 0.01
        # What was recorded long ago is as old as its arrival.
        assert not image.device_clock and abs(time.time() - image.captured) < 5
        wait_until(lambda: failure_of(camera) is PlaybackOverError)
        with pytest.raises(PlaybackOverError, match=r"scene\.db3 .* is over"):
            camera.newest()
    finally:
        camera.close()
    again = RealSenseCamera(replace(config, repeat=True), Devices())
    try:
        wait_until(lambda: again.status().reconnections >= 2, 20)
        assert failure_of(again) is None
    finally:
        again.close()


def test_a_recording_on_repeat_outlives_rounds_without_a_new_image(tmp_path):
    """As on a machine so busy that it misses every frame of a round."""
    path, full = tmp_path / "scene.db3", tmp_path / "full.db3"
    record(path, 1)
    record(full)
    config = CameraConfig("front", "any", Source.PLAYBACK, file=path, repeat=True, frozen_after=0.4)
    camera = RealSenseCamera(config, Devices())
    try:
        wait_until(lambda: failure_of(camera) is FramesFrozenError, 20)
        full.replace(path)
        wait_until(lambda: failure_of(camera) is None, 20)
    finally:
        camera.close()


@pytest.mark.parametrize("content", [None, b"", b"this is no recording"])
def test_a_recording_that_cannot_be_played_is_told(tmp_path, content):
    path = tmp_path / "scene.db3"
    if content is not None:
        path.write_bytes(content)
    camera = RealSenseCamera(CameraConfig("front", "any", Source.PLAYBACK, file=path), Devices())
    try:
        with pytest.raises(CameraError, match="front"):
            camera.newest(5.0)
    finally:
        camera.close()


def test_the_drivers_words_are_named():
    busy = named_failure(
        CONFIG, RuntimeError("xioctl(VIDIOC_S_FMT) failed, errno=16 Last Error: Device or resource busy")
    )
    assert isinstance(busy, CameraBusyError) and "realsense-viewer" in busy.next_move
    assert named_failure(CONFIG, RuntimeError("errno=13 Permission denied")).name == "camera not allowed"
    assert named_failure(CONFIG, RuntimeError("No device connected")).name == "camera not plugged in"
    assert "hwmon" in str(named_failure(CONFIG, RuntimeError("hwmon command 0x10 failed")))


def test_the_watch_counts_lost_frames_and_a_number_that_stands_still():
    watch = FrameWatch("front", frozen_after=1.0, now=0.0)
    rng = np.random.default_rng(0)

    def look(number: int, now: float):
        return watch.look(number, rng.integers(1, 9, (4, 4)), now)

    assert look(5, 0.1) is None and look(6, 0.2) is None and look(9, 0.3) is None
    assert (watch.received, watch.dropped) == (3, 2)
    assert look(9, 1.0) is None and isinstance(look(9, 1.4), FramesFrozenError) and watch.stuck
    watch.reopened(2.0)
    assert look(0, 2.1) is None and watch.dropped == 2 and not watch.stuck


def test_a_distorted_lens_is_rectified():
    """A pinhole image is what comes out of a lens that librealsense calls distorted: straight lines are straight."""
    width, height = 160, 90
    camera = BentCamera("bent", np.array([[117.0, 0, 80], [0, 117.0, 45], [0, 0, 1]]), (width, height))
    lens = camera.lens()
    rows, columns = np.mgrid[0:height, 0:width]
    pixels = zip(columns.flat, rows.flat, strict=True)
    rays = [rs.rs2_deproject_pixel_to_point(lens, [float(u), float(v)], 1.0)[:2] for u, v in pixels]
    # A plane that is one metre away and whose colour tells the ray: red for x, green for y.
    rgb = np.zeros((height, width, 3), np.uint8)
    rgb[..., :2] = np.clip(np.round(128 + 100 * np.array(rays).reshape(height, width, 2)), 0, 255)
    config = replace(CONFIG, serial="bent", width=width, height=height)
    device = RealSenseCamera(config, Devices({"bent": camera}))
    try:
        rng = np.random.default_rng(0)
        for _ in range(200):
            camera.feed(rgb, (1 + 0.002 * rng.standard_normal((height, width))).astype(np.float32))
            time.sleep(0.02)
            if device.status().age is not None:
                break
        image = device.newest()
    finally:
        device.close()
    k = image.intrinsics
    expected = 128 + 100 * np.stack([(columns + 0.5 - k[0, 2]) / k[0, 0], (rows + 0.5 - k[1, 2]) / k[1, 1]], -1)
    inside = np.s_[8:-8, 12:-12]
    assert np.abs(rgb[inside][..., :2] - expected[inside]).max() > 3, "the lens bends too little to test"
    assert np.abs(image.rgb[inside][..., :2] - expected[inside]).max() < 1.6
    assert np.median(np.abs(image.depth[image.depth > 0] - 1)) < 0.01


class BentCamera(SoftwareCamera):
    """A software camera whose lens has barrel distortion."""

    def lens(self):
        return self._profiles[1].as_video_stream_profile().intrinsics

    def _stream(self, *arguments):
        stream = super()._stream(*arguments)
        bent = stream.intrinsics
        bent.model, bent.coeffs = rs.distortion.brown_conrady, [-0.12, 0.03, 0.001, -0.001, 0.0]
        stream.intrinsics = bent
        return stream
