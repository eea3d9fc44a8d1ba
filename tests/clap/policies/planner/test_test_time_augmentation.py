"""Looks in shifted views: what a look sees, and how several settle the numbers of an answer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from clap.errors import CheckpointError
from clap.geometry.frames import Workspace, lift, to_pixels
from clap.geometry.observation import PointCloud
from clap.geometry.view_shift import shift_in_views, shift_views
from clap.geometry.views import CanonicalViews, render_views
from clap.policies.base import INITIAL_STEP
from clap.policies.planner.local import CoarseTaskPlanner
from clap.policies.planner.prefix_cache import PrefixCache
from clap.policies.planner.question import Question
from clap.policies.planner.test_time_augmentation import SHIFTS, TestTimeAugmentation, aggregate
from clap.policies.prediction import Plan, PlanStatus
from clap.worlds.tabletop import phrasing
from training.planner.model_init import new_mini_planner

WORKSPACE = Workspace()
EDGE = 2 * WORKSPACE.half_extent
PLAN = Plan(PlanStatus.STEPS, phrasing.pick_and_place_steps("red block", "red cup"))


@pytest.fixture(scope="module")
def planner() -> CoarseTaskPlanner:
    torch.set_num_threads(1)
    planner = new_mini_planner(seed=0, width=64, layers=2)
    planner.model.eval()
    return planner


@pytest.fixture(scope="module")
def cloud() -> PointCloud:
    rng = np.random.default_rng(0)
    low, high = np.asarray(WORKSPACE.low) + 0.2, np.asarray(WORKSPACE.high) - 0.2
    points = rng.uniform(low, high, (4000, 3)).astype(np.float32)
    return PointCloud(points, rng.integers(1, 255, (4000, 3), dtype=np.uint8))


@pytest.fixture(scope="module")
def views(cloud: PointCloud) -> CanonicalViews:
    return render_views(cloud, WORKSPACE)


def with_looks(planner: CoarseTaskPlanner, looks: int) -> CoarseTaskPlanner:
    return CoarseTaskPlanner(planner.model, planner.tokenizer, replace(planner.settings, looks=looks))


@pytest.mark.parametrize("shift", [(9, -9, 0), (-14, 5, 3), (0, 0, 0)])
def test_shifted_views_are_those_of_the_moved_cloud(cloud, views, shift) -> None:
    shift = np.array(shift)
    moved = PointCloud((cloud.points + shift * EDGE / views.size).astype(np.float32), cloud.colors)
    drawn = render_views(moved, WORKSPACE)
    rgb, depth = shift_views(views.rgb, views.depth, shift, EDGE)
    same = (rgb == drawn.rgb).all(-1)
    assert same.mean() > 0.995, "but for points that rounding moved to the next pixel"
    assert np.abs(depth - drawn.depth)[same & (depth > 0) & (drawn.depth > 0)].max() < 1e-3


def test_a_shift_moves_points_in_the_views_by_as_much(cloud) -> None:
    shift = np.array([7, -4, 2])
    before = to_pixels(cloud.points[:50].astype(float), WORKSPACE)
    after = to_pixels(cloud.points[:50] + shift * EDGE / 224, WORKSPACE)
    assert np.abs(after - before - shift_in_views(shift)).max() <= 1  # rounding


def test_several_looks_say_how_far_they_lie_apart(planner, views) -> None:
    one = with_looks(planner, 1).reason(views, PLAN, INITIAL_STEP)
    nine = with_looks(planner, 9).reason(views, PLAN, INITIAL_STEP)
    assert one.spread.max() == 0
    assert nine.step in PLAN.steps and nine.spread.shape == (3, 2)
    assert nine.spread.max() > 0, "an untrained planner is not sure of anything"


def test_words_are_those_that_all_looks_together_find_likeliest(planner, views, monkeypatch) -> None:
    asked = with_looks(planner, 3)
    monkeypatch.setattr(
        TestTimeAugmentation, "shown", lambda self, views: (np.tile(views.rgb, (3, 1, 1, 1)), _thrice(views.depth))
    )
    red, blue = (planner.tokenizer.convert_tokens_to_ids("▁" + word) for word in ("red", "blue"))
    read = PrefixCache.read

    def leaning(self, ids, **images):
        logits = read(self, ids, **images)
        logits[0, red], logits[1:, red] = 60.0, 40.0
        logits[0, blue], logits[1:, blue] = 50.0, 50.0
        return logits

    monkeypatch.setattr(PrefixCache, "read", leaning)
    assert asked.answer(Question("name all objects", "seen : (?:red|blue) ?", views)) == "seen : blue"


def _thrice(depth):
    return np.tile(depth, (3, 1, 1))


def test_a_single_look_beside_itself_settles_on_what_was_written(planner, views, monkeypatch) -> None:
    written = with_looks(planner, 1).reason(views, PLAN, INITIAL_STEP)
    monkeypatch.setattr("clap.policies.planner.test_time_augmentation.SHIFTS", np.zeros((2, 2), int))
    settled = with_looks(planner, 2).reason(views, PLAN, INITIAL_STEP)
    assert settled.raw == written.raw
    assert settled.spread.max() == 0


def test_looks_that_do_not_see_a_place_have_no_say() -> None:
    logits = torch.full((2, 224), -20.0)
    logits[0, 2] = 0.0  # the unmoved look: 2
    logits[1, 60] = 0.0  # a look moved by -9 cannot show what lies at 2; it sees something at 69
    number, spread = aggregate(logits, torch.tensor([0, -9]))
    assert number == 2
    assert spread > 0


def test_the_settled_number_is_the_one_most_looks_find() -> None:
    moves = torch.tensor([0, 9, -9])
    logits = torch.full((3, 224), -10.0)
    for row, found in enumerate((150, 100, 100)):  # the unmoved look is wrong
        logits[row, found + moves[row]] = 0.0
    number, spread = aggregate(logits, moves)
    assert number == 100
    assert 0 < spread < 50, "most looks agree, one does not"


def test_scatter_counts_as_disagreement_of_the_axes_it_belongs_to() -> None:
    pixels = to_pixels(np.array([0.2, 0.1, 0.9]), WORKSPACE) + 0.5
    spread = np.zeros((3, 2))
    spread[2, 1] = 12  # v of the view from above: y
    lifted = lift(pixels, WORKSPACE, spread=spread)
    assert np.allclose(lifted.position, lift(pixels, WORKSPACE).position)
    assert lifted.disagreement[1] == 12
    assert lifted.agreement_px == 12


@pytest.mark.parametrize("looks", [0, len(SHIFTS) + 1])
def test_a_number_of_looks_that_is_not_known_is_refused(planner, looks) -> None:
    with pytest.raises(CheckpointError, match="looks"):
        with_looks(planner, looks)
