"""The z-buffer: the nearest point wins in every view, splats fill but never hide, and views survive storage."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clap.errors import EmptyCloudError
from clap.geometry.frames import VIEWS, Workspace, project, to_pixels
from clap.geometry.observation import PointCloud
from clap.geometry.views import NEAREST_DEPTH, SPLAT_MARGIN, CanonicalViews, render_views, views_from_arrays

WORKSPACE = Workspace()
RED, BLUE = (255, 0, 0), (0, 0, 255)

few = settings(max_examples=40)
"""Each example holds up to 400 points already."""


def cloud_of(*points_and_colors: tuple[tuple[float, float, float], tuple[int, int, int]]) -> PointCloud:
    points, colors = zip(*points_and_colors, strict=True)
    return PointCloud(np.array(points, np.float32), np.array(colors, np.uint8))


@st.composite
def clouds(draw, workspace: Workspace = WORKSPACE, reach: float = 1.2) -> PointCloud:
    """Random clouds, dense enough for points to share pixels, some of them outside the cube."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    count = draw(st.integers(1, 400))
    local = rng.uniform(-reach, reach, (count, 3)) * draw(st.floats(0.02, 1))
    local[0] = 0
    return PointCloud(workspace.to_world(local).astype(np.float32), rng.integers(0, 256, (count, 3), dtype=np.uint8))


def depth_of(points: np.ndarray, view: int, workspace: Workspace) -> np.ndarray:
    """Depth (N,) of points in a view by its definition: distance from the face at the eye, never quite 0."""
    axes = VIEWS[view]
    face = workspace.center[axes.depth_axis] - axes.depth_sign * workspace.half_extent
    return np.maximum(np.abs(points[:, axes.depth_axis] - face), NEAREST_DEPTH)


def true_depths(cloud: PointCloud, workspace: Workspace, size: int) -> np.ndarray:
    """(3, S, S) smallest depth of the points in each pixel by the plainest means; inf where there is none."""
    points = cloud.points[np.all(np.abs(workspace.to_local(cloud.points)) <= 1, axis=-1)]
    out = np.full((3, size, size), np.inf)
    for k, pixels in enumerate(np.moveaxis(to_pixels(points, workspace, size), 1, 0)):
        np.minimum.at(out[k], (pixels[:, 1], pixels[:, 0]), depth_of(points, k, workspace))
    return out


def test_one_point_is_drawn_where_its_hand_computed_pixels_are():
    # Local (0.5, -0.25, -0.5); the front view looks from +x at 0.7 m, left from +y at 0.5 m, top from +z at 1.6 m.
    point = (0.451, -0.124, 0.851)
    views = render_views(cloud_of((point, RED)), WORKSPACE, splat=0)
    assert [tuple(np.argwhere(mask)[0]) for mask in views.mask] == [(167, 84), (167, 55), (139, 168)]
    assert views.mask.sum() == 3
    np.testing.assert_allclose(views.depth[views.mask], [0.249, 0.624, 0.749], atol=1e-6)
    np.testing.assert_allclose(views.xyz[views.mask], [point] * 3, atol=1e-6)
    assert views.rgb[views.mask].tolist() == [list(RED)] * 3
    assert not views.rgb[~views.mask].any() and not views.depth[~views.mask].any()


@pytest.mark.parametrize("view", range(3), ids=[v.name for v in VIEWS])
@pytest.mark.parametrize("reverse", [False, True])
def test_the_nearer_of_two_points_wins(view, reverse):
    axes = VIEWS[view]
    near, far = np.full((2, 3), WORKSPACE.center + 0.5 / 224)
    near[axes.depth_axis] = WORKSPACE.center[axes.depth_axis] - axes.depth_sign * 0.1
    pair = [(tuple(near), RED), (tuple(far), BLUE)]
    views = render_views(cloud_of(*(reversed(pair) if reverse else pair)), WORKSPACE, splat=0)
    u, v = to_pixels(near, WORKSPACE)[view]
    assert tuple(views.rgb[view, v, u]) == RED
    assert np.isclose(views.depth[view, v, u], 0.4, atol=1e-6)


def test_of_two_points_equally_near_the_first_wins():
    here = (0.2, 0.0, 1.1)
    views = render_views(cloud_of((here, BLUE), (here, RED)), WORKSPACE)
    assert np.all(views.rgb[views.mask] == BLUE)


@few
@given(clouds(), st.sampled_from([16, 64, 224]))
def test_without_splats_each_pixel_shows_its_nearest_point_and_no_other_pixel_is_drawn(cloud, size):
    views = render_views(cloud, WORKSPACE, size, splat=0)
    expected = true_depths(cloud, WORKSPACE, size)
    np.testing.assert_array_equal(views.mask, np.isfinite(expected))
    np.testing.assert_allclose(views.depth[views.mask], expected[views.mask], atol=1e-5)


@few
@given(clouds(), st.sampled_from([16, 64]), st.integers(1, 3))
def test_a_splat_never_hides_a_point_unless_it_is_clearly_nearer(cloud, size, splat):
    views = render_views(cloud, WORKSPACE, size, splat)
    own = true_depths(cloud, WORKSPACE, size)
    hit = np.isfinite(own)
    hidden = np.abs(views.depth - own)[hit] > 1e-5
    assert np.all(views.depth[hit][hidden] < own[hit][hidden] - SPLAT_MARGIN + 1e-5)


@few
@given(clouds(), st.sampled_from([16, 64]), st.integers(1, 3))
def test_an_empty_pixel_takes_the_nearest_splat_that_reaches_it(cloud, size, splat):
    views = render_views(cloud, WORKSPACE, size, splat)
    own = true_depths(cloud, WORKSPACE, size)
    padded = np.pad(own, ((0, 0), (splat, splat), (splat, splat)), constant_values=np.inf)
    square = np.lib.stride_tricks.sliding_window_view(padded, (2 * splat + 1,) * 2, axis=(1, 2))
    reachable = square.min(axis=(-2, -1))
    np.testing.assert_array_equal(views.mask, np.isfinite(reachable))
    empty = ~np.isfinite(own) & views.mask
    np.testing.assert_allclose(views.depth[empty], reachable[empty], atol=1e-5)


def test_a_splat_yields_to_a_point_slightly_behind_and_covers_one_far_behind():
    pixel = 1 / 224
    near = (0.2 + pixel / 2, pixel / 2, 1.1 + pixel / 2)
    slightly_behind = (near[0] + pixel, near[1], near[2] - SPLAT_MARGIN / 2)
    far_behind = (near[0] - pixel, near[1], near[2] - SPLAT_MARGIN * 2)
    views = render_views(cloud_of((near, RED), (slightly_behind, BLUE), (far_behind, BLUE)), WORKSPACE, splat=1)
    u, v = to_pixels(np.array(near), WORKSPACE)[2]
    assert tuple(views.rgb[2, v, u + 1]) == BLUE
    assert tuple(views.rgb[2, v, u - 1]) == RED


@few
@given(clouds(), st.sampled_from([16, 112]), st.integers(0, 2))
def test_every_drawn_point_projects_into_its_own_pixel(cloud, size, splat):
    views = render_views(cloud, WORKSPACE, size, splat)
    for k in range(3):
        rows, columns = np.nonzero(views.mask[k])
        drawn = project(views.xyz[k][views.mask[k]], WORKSPACE, size)[:, k]
        centers = np.stack([columns, rows], -1) + 0.5
        assert np.abs(drawn - centers).max() <= 0.5 + 1e-3


def test_points_on_the_faces_of_the_cube_are_drawn_with_a_positive_depth():
    corners = np.array([WORKSPACE.low, WORKSPACE.high], np.float64)
    points = np.array([[x, y, z] for x in corners[:, 0] for y in corners[:, 1] for z in corners[:, 2]])
    grown = Workspace(tuple(corners[0] - 1e-6), tuple(corners[1] + 1e-6))
    views = render_views(PointCloud(points.astype(np.float32), np.full((8, 3), 9, np.uint8)), grown, splat=0)
    assert views.mask.sum(axis=(1, 2)).tolist() == [4, 4, 4]
    assert np.all(views.depth.astype(np.float16)[views.mask] > 0)


@few
@given(clouds())
def test_the_zoomed_window_is_cropped_on_all_three_axes(cloud):
    window = WORKSPACE.zoomed(WORKSPACE.center)
    views = render_views(cloud, window, 112)
    assert np.all(np.abs(window.to_local(views.xyz[views.mask])) <= 1 + 1e-5)
    expected = true_depths(cloud, window, 112)
    assert np.all(views.mask[np.isfinite(expected)])


def test_what_stands_before_the_zoomed_window_does_not_occlude_it():
    window = WORKSPACE.zoomed(np.array([0.2, 0.0, 0.8]))
    views = render_views(cloud_of(((0.2, 0.0, 0.8), RED), ((0.2, 0.0, 1.5), BLUE)), window, 112)
    assert np.all(views.rgb[views.mask] == RED)
    np.testing.assert_allclose(views.depth[views.mask], 0.125, atol=1e-6)


@few
@given(clouds())
def test_the_same_cloud_gives_the_same_bytes(cloud):
    first, second = render_views(cloud, WORKSPACE), render_views(cloud, WORKSPACE)
    for name in ("rgb", "depth", "xyz", "mask"):
        assert getattr(first, name).tobytes() == getattr(second, name).tobytes()


@pytest.mark.parametrize(
    "points",
    [np.empty((0, 3)), np.full((5, 3), np.nan), np.full((5, 3), np.inf), np.array([[0.2, 0.0, 5.0], [-3.0, 0.0, 1.0]])],
    ids=["empty", "nan", "infinite", "outside"],
)
def test_a_cloud_with_no_point_in_the_window_is_a_named_error(points):
    cloud = PointCloud(points.astype(np.float32), np.zeros((len(points), 3), np.uint8))
    with pytest.raises(EmptyCloudError, match=rf"None of the {len(points)} points .* lies inside the window") as error:
        render_views(cloud, WORKSPACE)
    assert error.value.name == "empty cloud" and error.value.next_move


def test_a_zoom_that_holds_nothing_is_a_named_error():
    with pytest.raises(EmptyCloudError):
        render_views(cloud_of(((0.2, 0.0, 0.8), RED)), WORKSPACE.zoomed(np.array([0.2, 0.0, 1.5])), 112)


@few
@given(clouds(), st.booleans(), st.integers(0, 2))
def test_views_rebuilt_from_stored_arrays_match_the_rendered_ones(cloud, zoom, splat):
    workspace, size = (WORKSPACE.zoomed(WORKSPACE.center), 112) if zoom else (WORKSPACE, 224)
    views = render_views(cloud, workspace, size, splat)
    rebuilt = views_from_arrays(views.rgb, views.depth.astype(np.float16), workspace)
    pixel = 2 * workspace.half_extent / size
    np.testing.assert_array_equal(rebuilt.rgb, views.rgb)
    np.testing.assert_array_equal(rebuilt.mask, views.mask)
    np.testing.assert_allclose(rebuilt.depth, views.depth, atol=5e-4)
    assert np.abs(rebuilt.xyz - views.xyz).max() < pixel
    assert isinstance(rebuilt, CanonicalViews) and rebuilt.size == size and rebuilt.xyz.dtype == np.float32


def test_stored_arrays_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"\(3, S, S, 3\)"):
        views_from_arrays(np.zeros((3, 8, 8, 3), np.uint8), np.zeros((3, 8, 4)), WORKSPACE)


@pytest.mark.parametrize(("size", "splat"), [(0, 1), (224, -1)])
def test_impossible_sizes_are_refused(size, splat):
    with pytest.raises(ValueError, match="size >= 1 and splat >= 0"):
        render_views(cloud_of(((0.2, 0.0, 1.1), RED)), WORKSPACE, size, splat)
