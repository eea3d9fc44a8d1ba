"""Training of the fine stage: exact augmentation, growing data, resuming, and that it learns."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from predictor_shards import paint, write_shard

from clap.failures import CheckpointError
from clap.geometry import Workspace, project
from clap.predictor import FineActionPredictor
from training.predictor_data import TrainingDataError, ZoomData, augment, shift_views, step_kind
from training.train_predictor import PredictorTraining, Settings, learning_rate_factor

SIZE = 28
cells = st.tuples(*[st.integers(-6, 6)] * 3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("data")
    write_shard(path, 0, 60, SIZE)
    return path


def quick(folder, out, **changes) -> Settings:
    return Settings(folder, out, **{"minutes": 1 / 30, "batch": 4, "evaluate_samples": 8, **changes})


@settings(max_examples=25)
@given(cells, st.integers(0, 1000))
def test_a_shift_is_what_the_shifted_scene_would_render(shift, seed):
    rng = np.random.default_rng(seed)
    window = Workspace((-1.0, -1.0, -1.0), (1.0, 1.0, 1.0))
    # One point per column and row of every view, so that nothing is hidden and depth alone decides what is cropped.
    grid = (np.stack([rng.permutation(SIZE) for _ in range(3)], 1) + 0.5) * 2 / SIZE - 1
    colors = rng.integers(1, 256, grid.shape).astype(np.uint8)
    moved = grid + np.array(shift) * 2 / SIZE
    rgb, depth = paint(grid, colors, window, SIZE)
    expected_rgb, expected_depth = paint(moved, colors, window, SIZE)
    got_rgb, got_depth = shift_views(rgb, depth / 2, np.array(shift))
    assert np.array_equal(got_rgb, expected_rgb)
    assert np.allclose(got_depth, expected_depth / 2, atol=1e-5)


def test_augmented_targets_stay_on_their_colored_point_and_inside(folder):
    data = ZoomData(folder)
    samples = data.read(np.arange(8))
    samples.rgb[:], samples.depth[:] = 0, 0
    unit = Workspace((-1.0, -1.0, -1.0), (1.0, 1.0, 1.0))
    for k, pixels in enumerate(project(samples.position, unit, SIZE).astype(int)):
        for view, (u, v) in enumerate(pixels):
            samples.depth[k, view, v, u], samples.rgb[k, view, v, u] = 0.5, 255
    for seed in range(5):
        changed = augment(samples, np.random.default_rng(seed))
        assert (np.abs(changed.position) <= np.maximum(np.abs(samples.position), 0.88) + 1e-9).all()
        for k, pixels in enumerate(project(changed.position, unit, SIZE).astype(int)):
            for view, (u, v) in enumerate(pixels):
                others = changed.depth[k, view].copy()
                others[v, u] = 0
                assert not others.any()


def test_augmentation_leaves_its_input_alone_and_follows_its_seed(folder):
    samples = ZoomData(folder).read(np.arange(4))
    before = samples.rgb.copy(), samples.depth.copy()
    a, b = (augment(samples, np.random.default_rng(3)) for _ in range(2))
    assert np.array_equal(before[0], samples.rgb) and np.array_equal(before[1], samples.depth)
    assert np.array_equal(a.rgb, b.rgb) and np.array_equal(a.position, b.position)
    assert a.rgb.min() >= 0 and a.rgb.max() <= 255 and not a.rgb[a.depth == 0].any()


def test_new_shards_are_taken_in_and_the_held_out_part_is_never_trained_on(tmp_path):
    write_shard(tmp_path, 0, 40, SIZE)
    data = ZoomData(tmp_path)
    train, held_out = data.count(), data.count(held_out=True)
    assert train == 36 and held_out == 4
    write_shard(tmp_path, 1, 20, SIZE)
    (tmp_path / "shard-00002.partial").mkdir()
    data.refresh()
    assert (data.shards, data.count(), data.count(held_out=True)) == (2, 54, 6)


def test_a_folder_without_shards_is_a_named_error(tmp_path):
    with pytest.raises(TrainingDataError, match="no complete shard"):
        ZoomData(tmp_path)


def test_training_logs_exports_and_resumes_where_it_stopped(folder, tmp_path):
    report = PredictorTraining(quick(folder, tmp_path)).run()
    assert report["count"] == 6 and set(report["kinds"]) <= {"moves above", "grasps", "lifts"}
    assert FineActionPredictor.load(tmp_path / "predictor").image_size == SIZE
    resumed = PredictorTraining(quick(folder, tmp_path, minutes=1 / 15, resume=True))
    assert resumed.progress.step > 0 and resumed.progress.seconds >= 2
    weights = FineActionPredictor.load(tmp_path / "predictor").network.state_dict()
    assert all(torch.equal(value, weights[name]) for name, value in resumed.network.state_dict().items())
    first = resumed.progress.step
    resumed.run()
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["event"] for line in lines if "event" in line] == ["start", "end", "start", "end"]
    assert lines[-1]["step"] > first and 4 <= lines[-1]["seconds"] < 15


def test_an_unreadable_checkpoint_is_a_named_error(folder, tmp_path):
    (tmp_path / "checkpoint.pt").write_bytes(b"junk")
    with pytest.raises(CheckpointError, match="cannot be read"):
        PredictorTraining(quick(folder, tmp_path, resume=True))


def test_the_loss_falls_on_a_few_samples(folder, tmp_path):
    training = PredictorTraining(quick(folder, tmp_path, warmup_steps=5, minutes=10))
    rng = np.random.default_rng(0)
    losses = [sum(training.train_step(np.arange(4), rng).values()) for _ in range(25)]
    assert np.mean(losses[-5:]) < 0.8 * np.mean(losses[:5])


def test_the_learning_rate_warms_up_stays_and_decays():
    run = Settings(None, None, warmup_steps=10)  # type: ignore[arg-type]
    assert learning_rate_factor(0, 0.0, run) == pytest.approx(0.1)
    assert learning_rate_factor(50, 0.3, run) == 1
    assert learning_rate_factor(50, 0.85, run) == pytest.approx(0.51, abs=0.01)
    assert learning_rate_factor(50, 1.0, run) < 0.02


@pytest.mark.parametrize(
    ("step", "kind"),
    [
        ("the robot moves above the red block", "moves above"),
        ("the robot moves in front of the drawer handle", "moves in"),
        ("the robot grasps the cylinder", "grasps"),
        ("the robot moves back from the drawer", "moves back"),
    ],
)
def test_steps_are_grouped_by_skill(step, kind):
    assert step_kind(step) == kind
