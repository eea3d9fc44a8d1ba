"""The imperfect depth camera: noise as the stereo equation has it, holes at edges, a small calibration error."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from clap.errors import WorldError
from clap.geometry.observation import CameraFrame
from clap.worlds.tabletop.sensor_noise import D435I, calibration_error, degraded
from clap.worlds.tabletop.world import TabletopWorld

FOCAL = 469.0


def wall(depth: np.ndarray) -> CameraFrame:
    rgb = np.full((*depth.shape, 3), 128, np.uint8)
    intrinsics = np.array([[FOCAL, 0, 320], [0, FOCAL, 180], [0, 0, 1.0]])
    return CameraFrame("wall", rgb, depth.astype(np.float32), intrinsics, np.eye(4), 0.0)


@pytest.mark.parametrize("distance", [0.5, 1.0, 2.0])
def test_depth_noise_grows_with_the_square_of_the_distance(distance):
    frame = wall(np.full((360, 640), distance))
    seen = degraded(frame, D435I, np.eye(4), np.random.default_rng(0))
    error = seen.depth[seen.depth > 0] - distance
    expected = distance**2 * D435I.subpixel / (FOCAL * D435I.baseline)
    assert error.std() == pytest.approx(expected, rel=0.25)
    assert abs(error.mean()) < 0.2 * expected
    assert (seen.depth == 0).mean() == pytest.approx(D435I.holes, abs=0.01)


def test_holes_open_behind_an_edge_and_invalid_stays_invalid():
    depth = np.full((360, 640), 1.0)
    depth[:, 300:340] = 0.6
    depth[:10] = 0
    quiet = replace(D435I, subpixel=0.0, holes=0.0, color=0.0)
    seen = degraded(wall(depth), quiet, np.eye(4), np.random.default_rng(1)).depth
    assert (seen[:10] == 0).all()
    assert (seen[10:, 340:342] == 0).mean() > 0.5 and (seen[10:, 298:300] == 0).mean() > 0.5
    assert np.allclose(seen[10:, 300:340], 0.6)
    assert np.allclose(seen[10:, 400:], 1.0)


def test_a_worse_sensor_is_worse_and_none_is_perfect():
    frame = wall(np.full((360, 640), 1.0))
    spread = [degraded(frame, D435I.scaled(k), np.eye(4), np.random.default_rng(2)).depth.std() for k in (0, 1, 2)]
    assert spread[0] == 0 < spread[1] < spread[2]
    assert np.array_equal(calibration_error(D435I.scaled(0), np.random.default_rng(3)), np.eye(4))
    error = calibration_error(D435I, np.random.default_rng(3))
    assert np.allclose(error[:3, :3] @ error[:3, :3].T, np.eye(3), atol=1e-3)
    assert 0 < np.linalg.norm(error[:3, 3]) < 0.02


def test_the_single_camera_world_is_noisy_repeatable_and_sees_the_handle_over_the_cabinet():
    world = TabletopWorld("single")
    try:
        frames = []
        for _ in range(2):
            world.reset("open_drawer", 3)
            frames.append(world.observe().frames)
        handle = world.positions()["drawer handle"]
    finally:
        world.close()
    (frame,), (again,) = frames
    assert frame.depth.shape == (360, 640)
    assert np.array_equal(frame.depth, again.depth)
    x, y, z = np.linalg.inv(frame.cam2world)[:3] @ [*handle, 1.0]
    fx, fy, cx, cy = frame.intrinsics[0, 0], frame.intrinsics[1, 1], frame.intrinsics[0, 2], frame.intrinsics[1, 2]
    u, v = int(fx * x / z + cx), int(fy * y / z + cy)
    assert frame.depth[v - 4 : v + 5, u - 4 : u + 5].max() > 0
    assert np.abs(frame.depth[v - 4 : v + 5, u - 4 : u + 5] - z).min() < 0.02


def test_an_unknown_camera_set_up_is_named():
    with pytest.raises(WorldError, match="four, single"):
        TabletopWorld("five")
