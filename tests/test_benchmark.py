"""The benchmark compares like with like: the naive implementations give the same cloud and the same views."""

from __future__ import annotations

import importlib

import numpy as np
import pytest

from clap.observation import fuse
from clap.views import NEAREST_DEPTH, render_views
from clap.worlds.tabletop.world import TabletopWorld
from training import benchmark
from training.benchmarks import naive_observation
from training.benchmarks.measure import Row, SectionUnavailable, table, total


@pytest.fixture(scope="module")
def world():
    world = TabletopWorld()
    yield world
    world.close()


def test_the_naive_views_show_the_same_depths(world):
    observation = world.observe()
    cloud = fuse(observation, world.workspace)
    same = naive_observation.fuse(observation.frames, world.workspace)
    # The float64 of one and the float32 of the other may part at the bounds of the workspace, and nowhere else.
    assert abs(len(cloud) - len(same)) <= 0.001 * len(cloud)
    np.testing.assert_allclose(cloud.points.mean(0), same.points.mean(0), atol=1e-4)
    views = render_views(cloud, world.workspace, splat=0)
    _, depth, xyz = naive_observation.render(cloud, world.workspace, views.size)
    np.testing.assert_array_equal(depth > 0, views.mask)
    np.testing.assert_allclose(np.maximum(depth, NEAREST_DEPTH)[views.mask], views.depth[views.mask], atol=1e-6)
    # Where several points of a pixel are equally near, the two may choose different ones within it.
    np.testing.assert_allclose(xyz, views.xyz, atol=1 / 224 + 1e-6)


def test_the_observation_section_prints_its_parts_and_their_sum(capsys):
    assert benchmark.main(["observation", "--repeats", "1"]) == 0
    printed = capsys.readouterr().out
    for words in ("capture", "fuse", "three views", "one observation", "45 ms", "seed 0", "1 thread"):
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
    assert "observation, decision" in capsys.readouterr().err or "--repeats" in arguments


def test_the_sum_takes_parts_without_a_naive_time_as_equal():
    both = total("sum", [Row("a", 10, 40), Row("b", 5)], limit_ms=20)
    assert (both.cpu_ms, both.naive_cpu_ms) == (15, 45)
    assert "3.0x" in table([both]) and "met" in table([both])
    assert "MISSED" in table([total("sum", [Row("a", 30)], limit_ms=20)])
