"""The benchmark compares like with like: the other implementations give the same cloud and the same views."""

from __future__ import annotations

import importlib

import numpy as np
import pytest

from clap.geometry.observation import fuse
from clap.geometry.views import render_views
from clap.geometry.zbuffer import nearest_keys
from clap.worlds.tabletop.world import TabletopWorld
from training.benchmarks import baseline_numpy as baseline_numpy
from training.benchmarks import baseline_open3d as baseline_open3d
from training.benchmarks import baseline_torch as baseline_torch
from training.benchmarks.measure import Row, SectionUnavailable, table, total
from training.commands import benchmark

BASELINES = ("numpy", "torch", "Open3D")


@pytest.fixture(scope="module")
def world():
    world = TabletopWorld()
    yield world
    world.close()


@pytest.fixture(scope="module")
def observation(world):
    world.reset("block_in_same_cup", seed=0)
    return world.observe()


@pytest.fixture(scope="module")
def cloud(observation, world):
    return fuse(observation, world.workspace)


@pytest.mark.parametrize("baseline", [baseline_numpy, baseline_torch], ids=["numpy", "torch"])
def test_the_other_clouds_are_ours(baseline, cloud, observation, world):
    same = baseline.fuse(observation.frames, world.workspace)
    # The float64 of one and the float32 of the other may part at the bounds of the workspace, and nowhere else.
    assert abs(len(cloud) - len(same)) <= 0.001 * len(cloud)
    np.testing.assert_allclose(cloud.points.mean(0), same.points.mean(0), atol=1e-4)
    np.testing.assert_allclose(cloud.colors.mean(0), same.colors.mean(0), atol=0.1)


@pytest.mark.parametrize("baseline", [baseline_numpy, baseline_torch], ids=["numpy", "torch"])
def test_the_other_views_are_ours_to_the_bit(baseline, cloud, world):
    keys, _ = nearest_keys(cloud.points, world.workspace, 224)
    theirs = np.asarray(baseline.nearest_keys(cloud.points, world.workspace, 224)).reshape(keys.shape)
    np.testing.assert_array_equal(theirs.astype(np.uint64), keys)
    views, same = render_views(cloud, world.workspace), baseline.views(cloud, world.workspace, 224)
    for name in ("rgb", "depth", "xyz", "mask"):
        np.testing.assert_array_equal(getattr(same, name), getattr(views, name), err_msg=name)


def test_open3d_sees_the_same_scene_by_its_far_pinholes(cloud, observation, world):
    same = baseline_open3d.fuse(observation.frames, world.workspace)
    assert abs(len(cloud) - len(same.point.positions)) <= 0.001 * len(cloud)
    views = render_views(cloud, world.workspace, splat=0)
    rgb, depth = baseline_open3d.views(same, world.workspace, 224)
    both = views.mask & (depth > 0)
    # Its rays slant by up to a tenth of a pixel, so that a few points fall in the next one.
    assert both.sum() >= 0.95 * max(views.mask.sum(), (depth > 0).sum())
    assert np.mean(np.abs(depth - views.depth)[both] < 2e-3) > 0.95
    # Of the table's points in a pixel, nearly all equally near, the two choose different ones of the same wood.
    assert np.abs(rgb * 255 - views.rgb)[both].mean() < 10
    np.testing.assert_array_equal(baseline_open3d.depths(same, world.workspace, 224), depth)


def test_the_observation_section_prints_its_parts_and_their_sum(capsys):
    assert benchmark.main(["observation", "--repeats", "1"]) == 0
    printed = capsys.readouterr().out
    for words in ("capture", "fuse", "three views", "one observation", "30 ms", "seed 0", "1 thread", *BASELINES):
        assert words in printed


def test_the_projection_section_prints_both_clouds_beside_the_bound(capsys):
    assert benchmark.main(["projection", "--repeats", "1"]) == 0
    printed = capsys.readouterr().out
    for words in ("z-buffer, points of cameras", "views, points in no order", "6 ms", "copy", "GB/s", *BASELINES):
        assert words in printed


def test_a_section_that_cannot_run_says_why_and_the_command_fails(capsys, monkeypatch):
    def unavailable(settings):
        raise SectionUnavailable("the camera is out for lunch")

    monkeypatch.setattr(importlib.import_module("training.benchmarks.observation"), "rows", unavailable)
    assert benchmark.main(["observation"]) == 1
    assert "not measured: the camera is out for lunch" in capsys.readouterr().out


def test_a_missing_checkpoint_is_named_and_the_command_fails(capsys, tmp_path):
    assert benchmark.main(["decision", "--checkpoint", str(tmp_path / "nowhere")]) == 1
    assert f"not measured: There is no checkpoint at {tmp_path / 'nowhere'}" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["speed"], ["--repeats", "0"]])
def test_an_unknown_section_or_a_senseless_count_is_refused(arguments, capsys):
    with pytest.raises(SystemExit):
        benchmark.main(arguments)
    assert "observation, projection, decision" in capsys.readouterr().err or "--repeats" in arguments


def test_a_rival_that_a_part_lacks_counts_as_ours_in_the_sum():
    both = total("sum", [Row("a", 10, {"numpy": 40, "torch": 20}), Row("b", 5, {"torch": 6})], limit_ms=20)
    assert (both.cpu_ms, both.baselines) == (15, {"numpy": 45, "torch": 26})
    assert "3.00x" in table([both]) and "1.73x" in table([both]) and "met" in table([both])
    assert "MISSED" in table([total("sum", [Row("a", 30)], limit_ms=20)])


def test_a_rival_has_one_column_and_a_row_without_it_leaves_it_empty():
    head, first, second, note = table([Row("a", 1, {"numpy": 2}), Row("b", 1, {"torch": 3}, note="why")]).splitlines()
    assert head.split() == ["CPU", "ms", "numpy", "torch", "limit"]
    assert first.split() == ["a", "1.00", "2.00", "2.00x"] and second.split() == ["b", "1.00", "3.00", "3.00x"]
    assert second.index("3.00") > first.index("2.00") and note == "  b: why"
