"""Fusing cameras: unprojection against hand-computed points, invalid depth dropped, nothing left is an error."""

from __future__ import annotations

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clap.errors import EmptyCloudError
from clap.geometry.compiled import compiled
from clap.geometry.frames import Pose, Workspace, quaternion_to_matrix
from clap.geometry.observation import CameraFrame, Observation, PointCloud, fuse

WORKSPACE = Workspace()
LOOKING_DOWN = np.array([[1.0, 0, 0, 0.2], [0, -1, 0, 0.0], [0, 0, -1, 1.6], [0, 0, 0, 1]])
"""A camera at (0.2, 0, 1.6) m: image right is world +x, image down is world -y, forward is world -z."""


def frame_of(depth, cam2world=LOOKING_DOWN, focal: float = 4.0, rgb=None, name: str = "camera") -> CameraFrame:
    """A camera whose principal point is the image centre."""
    depth = np.asarray(depth, np.float32)
    height, width = depth.shape
    intrinsics = np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]])
    if rgb is None:
        rgb = np.arange(depth.size * 3, dtype=np.uint8).reshape(height, width, 3)
    return CameraFrame(name, rgb, depth, intrinsics, np.asarray(cam2world, float), 0.0)


def observation_of(*frames: CameraFrame) -> Observation:
    still = Pose(np.array([0.2, 0.0, 1.1]), np.array([0.0, 0, 0, 1]))
    return Observation(frames, still, 1.0, np.zeros(7), np.zeros(7), 0.0)


def test_pixels_unproject_to_points_computed_by_hand():
    depth = np.zeros((4, 4), np.float32)
    depth[0, 3], depth[2, 1] = 0.8, 0.4
    frame = frame_of(depth)
    cloud = fuse(observation_of(frame), WORKSPACE)
    # (0, 3): the ray is ((3.5 - 2) / 4, (0.5 - 2) / 4, 1), times 0.8 m; (2, 1): (-0.125, 0.125, 1) times 0.4 m.
    np.testing.assert_allclose(cloud.points, [(0.5, 0.3, 0.8), (0.15, -0.05, 1.2)], atol=1e-6)
    np.testing.assert_array_equal(cloud.colors, [frame.rgb[0, 3], frame.rgb[2, 1]])
    assert cloud.points.dtype == np.float32 and cloud.colors.dtype == np.uint8


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1))
def test_fused_points_project_back_to_the_centres_of_their_pixels(seed):
    rng = np.random.default_rng(seed)
    quaternion = rng.normal(size=4)
    cam2world = np.eye(4)
    cam2world[:3, :3], cam2world[:3, 3] = quaternion_to_matrix(quaternion), rng.uniform(-1, 1, 3)
    depth = rng.uniform(0.1, 2, (6, 9))
    frame = frame_of(depth, cam2world, focal=float(rng.uniform(5, 20)))
    everywhere = Workspace((-9.0, -9.0, -9.0), (9.0, 9.0, 9.0))
    points = fuse(observation_of(frame), everywhere).points
    in_camera = (points - cam2world[:3, 3]) @ cam2world[:3, :3]
    image = in_camera @ frame.intrinsics.T
    rows, columns = np.mgrid[0:6, 0:9] + 0.5
    np.testing.assert_allclose(image[:, 2], depth.ravel(), atol=1e-5)
    np.testing.assert_allclose(image[:, 0] / image[:, 2], columns.ravel(), atol=1e-3)
    np.testing.assert_allclose(image[:, 1] / image[:, 2], rows.ravel(), atol=1e-3)


@pytest.mark.parametrize("invalid", [0.0, -0.3, np.nan, np.inf, -np.inf])
def test_pixels_without_a_valid_depth_are_dropped(invalid):
    amid = LOOKING_DOWN.copy()
    amid[2, 3] = 1.1  # so that what lies behind the camera is inside the workspace too
    depth = np.full((4, 4), 0.3, np.float32)
    depth[1, 2] = invalid
    frame = frame_of(depth, amid)
    cloud = fuse(observation_of(frame), WORKSPACE)
    kept = np.ones((4, 4), bool)
    kept[1, 2] = False
    np.testing.assert_array_equal(cloud.colors, frame.rgb[kept])
    assert np.isfinite(cloud.points).all()


def test_cameras_are_joined_in_their_order_and_cropped_to_the_workspace():
    beside = LOOKING_DOWN.copy()
    beside[0, 3] = 0.6
    first, second = frame_of(np.full((4, 4), 0.8)), frame_of(np.full((4, 4), 0.8), beside)
    together = fuse(observation_of(first, second), WORKSPACE)
    apart = [fuse(observation_of(frame), WORKSPACE) for frame in (first, second)]
    np.testing.assert_array_equal(together.points, np.concatenate([cloud.points for cloud in apart]))
    # The second camera's two right columns see x = 0.7 and 0.9 m; the bound itself, 0.7 m, may round either way.
    assert len(apart[0]) == 16 and len(apart[1]) in (8, 12)
    assert WORKSPACE.contains(together.points).all()


def test_any_layout_and_precision_of_a_frame_gives_the_same_cloud():
    depth = np.linspace(0.4, 0.9, 16).reshape(4, 4)
    plain = frame_of(depth)
    odd = CameraFrame(
        "odd",
        np.asfortranarray(plain.rgb),
        np.asfortranarray(plain.depth.astype(np.float64)),
        plain.intrinsics.astype(np.float32),
        plain.cam2world[::1].T.copy().T,
        0.0,
    )
    np.testing.assert_array_equal(
        fuse(observation_of(plain), WORKSPACE).points, fuse(observation_of(odd), WORKSPACE).points
    )


@pytest.mark.parametrize("depth", [0.0, np.nan, 3.0], ids=["no depth", "nan", "below the workspace"])
def test_nothing_inside_the_workspace_is_a_named_error(depth):
    with pytest.raises(EmptyCloudError, match=r"None of the 16 camera pixels .* inside the workspace") as error:
        fuse(observation_of(frame_of(np.full((4, 4), depth))), WORKSPACE)
    assert "cameras" in error.value.next_move


def test_an_observation_without_cameras_is_a_named_error():
    with pytest.raises(EmptyCloudError, match="no camera frame"):
        fuse(observation_of(), WORKSPACE)


def test_depth_and_colour_of_different_sizes_are_refused_by_name():
    frame = frame_of(np.full((4, 4), 0.8), rgb=np.zeros((4, 5, 3), np.uint8), name="wrist")
    with pytest.raises(ValueError, match="camera wrist"):
        fuse(observation_of(frame), WORKSPACE)


def test_cropping_keeps_the_points_inside_with_their_colours():
    points = np.array([[0.2, 0, 1.1], [0.2, 0, 2.0], [np.nan, 0, 1.1], [0.7, 0.5, 1.6]])
    cloud = PointCloud(points.astype(np.float32), np.arange(12, dtype=np.uint8).reshape(4, 3))
    window = WORKSPACE.zoomed(np.array([0.2, 0.0, 1.1]))
    np.testing.assert_array_equal(cloud.crop(window).colors, [[0, 1, 2]])
    with pytest.raises(EmptyCloudError, match="None of the 4 camera points"):
        cloud.crop(WORKSPACE.zoomed(np.array([-0.2, 0.0, 1.1])))


def test_a_loop_that_cannot_be_cached_on_disk_still_compiles():
    namespace: dict = {}
    exec("def double(x):\n    return 2 * x", namespace)  # a function without a source file has no cache folder
    with pytest.raises(RuntimeError, match="cannot cache"):
        numba.njit(cache=True)(namespace["double"])
    assert compiled(namespace["double"])(21) == 42
