"""Augmentation of the zoomed views: exact in all three views, away from the target, and bounded."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clap.geometry.frames import VIEWS, Workspace, project
from clap.geometry.views import views_from_arrays
from tests.support.predictor_shards import TABLE_Z, paint, write_shard
from training.predictor.augmentation import CLUTTER_GAP, PIXEL_NOISE, SMOOTH_NOISE, TABLE_BAND, Change, augment
from training.predictor.samples import ZoomData

SIZE = 28
UNIT = Workspace((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
"""Coordinates are window edges from the low corner in it, as in ``Change``."""


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    path = tmp_path_factory.mktemp("data")
    write_shard(path, 0, 20, 112)
    return ZoomData(path).read(np.arange(8))


def changes(samples, count: int = 60):
    for seed in range(count):
        k = seed % len(samples.targets)
        position, edge = samples.position[k], samples.targets[k].edge
        yield k, Change.draw(position, float(samples.height[k]), edge, 112, 0.2, np.random.default_rng(seed))


@settings(max_examples=20, deadline=None)
@given(st.tuples(*[st.integers(-6, 6)] * 3), st.integers(0, 1000))
def test_a_shift_is_what_the_shifted_scene_would_render(shift, seed):
    rng = np.random.default_rng(seed)
    # One point per column and row of every view, so that nothing is hidden and depth alone decides what is cropped.
    grid = (np.stack([rng.permutation(SIZE) for _ in range(3)], 1) + 0.5) / SIZE
    colors = rng.integers(1, 256, grid.shape).astype(np.uint8)
    expected_rgb, expected_depth = paint(grid + np.array(shift) / SIZE, colors, UNIT, SIZE)
    got_rgb, got_depth = Change(cells=np.array(shift)).apply(*paint(grid, colors, UNIT, SIZE))
    assert np.array_equal(got_rgb, expected_rgb)
    assert np.allclose(got_depth, expected_depth, atol=1e-5)


def test_no_change_changes_nothing(samples):
    rgb, depth = Change().apply(samples.rgb[0], samples.depth[0])
    assert np.array_equal(rgb, np.where(samples.depth[0][..., None] > 0, np.maximum(samples.rgb[0], 1), 0))
    assert np.array_equal(depth, samples.depth[0])


def test_augmented_targets_stay_on_their_colored_point_and_in_the_world(samples):
    k, unit = 0, Workspace((-1.0, -1.0, -1.0), (1.0, 1.0, 1.0))
    for seed in range(10):
        changed = augment(samples, np.random.default_rng(seed), turned=0.0)
        assert (np.abs(changed.position) <= np.maximum(np.abs(samples.position), 0.88) + 1e-9).all()
        assert changed.height + changed.position[:, 2] / 2 == pytest.approx(samples.height + samples.position[:, 2] / 2)
    rgb, depth = np.zeros_like(samples.rgb[k]), np.zeros_like(samples.depth[k])
    for view, (u, v) in enumerate(project(samples.position[k], unit, 112).astype(int)):
        depth[view, v, u] = 0.5
    cells = np.array([7, -5, 3])
    _, moved = Change(cells=cells).apply(rgb, depth)
    for view, (u, v) in enumerate(project(samples.position[k] + cells * 2 / 112, unit, 112).astype(int)):
        assert moved[view, v, u] > 0 and np.count_nonzero(moved[view]) == 1


def test_augmentation_leaves_its_input_alone_and_follows_its_seed(samples):
    before = samples.rgb.copy(), samples.depth.copy()
    a, b, c = (augment(samples, np.random.default_rng(seed)) for seed in (3, 3, 4))
    assert np.array_equal(before[0], samples.rgb) and np.array_equal(before[1], samples.depth)
    assert np.array_equal(a.rgb, b.rgb) and np.array_equal(a.depth, b.depth) and np.array_equal(a.position, b.position)
    assert not np.array_equal(a.rgb, c.rgb)
    assert not a.rgb[a.depth == 0].any() and a.rgb[a.depth > 0].any(-1).all()
    assert a.depth.min() >= 0 and a.depth.max() <= 1


def test_the_table_takes_a_new_color_in_every_view_and_nothing_else_does(samples):
    target, height = samples.targets[0], samples.height[0]
    low = (height - 0.5) * target.edge
    cells = np.array([3, 0, -4])
    table = (TABLE_Z - low) / target.edge - 4 / 112
    green = np.array([[0, 250, 0], [0, 250, 0]])
    change = Change(cells=cells, table=table, band=TABLE_BAND / target.edge, table_colors=green)
    rgb, depth = change.apply(samples.rgb[0], samples.depth[0])
    plain, _ = Change(cells=cells).apply(samples.rgb[0], samples.depth[0])
    heights = views_from_arrays(rgb, depth, UNIT).xyz[..., 2]
    on_table = (depth > 0) & (np.abs(heights - table) < TABLE_BAND / target.edge)
    assert on_table.any((1, 2)).all()
    assert (rgb[on_table][:, 1] > 100).all() and (rgb[on_table][:, [0, 2]] <= 1).all()
    assert np.array_equal(rgb[~on_table], plain[~on_table])


@pytest.mark.parametrize("ball", [0, 1])
def test_clutter_is_one_body_in_all_three_views_and_hides_only_what_is_behind_it(ball):
    center, half = np.array([0.3, 0.6, 0.4]), np.array([0.1, 0.1, 0.1] if ball else [0.1, 0.06, 0.15])
    wall = np.zeros((3, SIZE * 4, SIZE * 4), np.float32)
    wall[:, :, ::2], wall[:, :, 1::4] = 0.95, 0.01
    rgb = np.full((*wall.shape, 3), 9, np.uint8)
    change = Change(clutter=np.array([*center, *half, ball]), clutter_color=np.array([200.0, 0, 0]))
    new_rgb, depth = change.apply(rgb, wall)
    drawn = new_rgb[..., 0] > 50
    offsets = (views_from_arrays(new_rgb, depth, UNIT).xyz[drawn] - center) / half
    reach = np.linalg.norm(offsets, axis=-1) if ball else np.abs(offsets).max(-1)
    assert np.allclose(reach, 1, atol=0.02)
    for k, view in enumerate(VIEWS):
        area = (np.pi if ball else 4) * half[view.u_axis] * half[view.v_axis] * (SIZE * 4) ** 2
        assert drawn[k].sum() == pytest.approx(0.75 * area, rel=0.15)
        assert not drawn[k][:, 1::4].any()


def test_drawn_clutter_keeps_away_from_the_target_and_stands_on_the_table_or_below_the_window(samples):
    seen = 0
    for k, change in changes(samples):
        if not change.clutter.any():
            continue
        seen += 1
        edge = samples.targets[k].edge
        target = (samples.position[k] + change.cells * 2 / 112 + 1) / 2
        gap = np.maximum(np.abs(change.clutter[:2] - target[:2]) - change.clutter[3:5], 0)
        assert (
            np.linalg.norm(gap) * edge >= CLUTTER_GAP - 1e-9
            or np.linalg.norm(change.clutter[:2] - target[:2]) * edge
            > CLUTTER_GAP + np.linalg.norm(change.clutter[3:5]) * edge
        )
        assert change.clutter[2] - change.clutter[5] == pytest.approx(max(change.table, 0.0))
    assert 5 < seen < 40


def test_depth_noise_is_bounded_and_touches_no_color(samples):
    edge = samples.targets[0].edge
    smooth, pixel = np.full((3, 5, 5), SMOOTH_NOISE / edge), PIXEL_NOISE / edge
    rgb, depth = Change(smooth=smooth, pixel_noise=pixel).apply(samples.rgb[0], samples.depth[0])
    seen = samples.depth[0] > 0
    error = (depth - samples.depth[0])[seen] * edge
    assert np.abs(error).max() <= SMOOTH_NOISE + PIXEL_NOISE + 1e-6
    assert error.mean() == pytest.approx(SMOOTH_NOISE, abs=5e-4) and error.std() > 0.4 * PIXEL_NOISE
    assert (depth[seen] > 0).all() and not depth[~seen].any()
    assert np.array_equal(rgb, Change().apply(samples.rgb[0], samples.depth[0])[0])


def test_pixels_are_lost_in_holes_and_by_chance(samples):
    depth = np.full_like(samples.depth[0], 0.5)
    holes = np.array([[10, 20, 30, 50], [0, 0, 0, 0], [0, 112, 0, 1]])
    _, holed = Change(holes=holes).apply(samples.rgb[0], depth)
    assert [(holed[k] == 0).sum() for k in range(3)] == [200, 0, 112]
    _, sparse = Change(drop=20, seed=99).apply(samples.rgb[0], depth)
    assert (sparse == 0).mean() == pytest.approx(20 / 256, rel=0.1)
