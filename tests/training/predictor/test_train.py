"""Training of the fine stage: growing data, labels, budgets, resuming, and that it learns."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import torch

from clap.errors import CheckpointError
from clap.policies.predictor.predictor import FineActionPredictor
from tests.support.killed_training import kill_at
from tests.support.predictor_shards import write_shard
from training.data.shards import TrainingDataError
from training.data.step_kinds import step_kind
from training.predictor.augmentation import augment
from training.predictor.samples import ZoomData, table_height
from training.predictor.settings import INPUTS, PredictorSettings
from training.predictor.train import PredictorTraining
from training.trainer.optimizers import learning_rate_factor

SIZE = 28


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("data")
    write_shard(path, 0, 60, SIZE)
    return path


def quick(folder, out, **changes) -> PredictorSettings:
    return PredictorSettings(folder, out, **{"minutes": 1 / 60, "batch": 4, "evaluate_samples": 8, **changes})


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
    spent = json.loads((tmp_path / "log.jsonl").read_text().splitlines()[-1])["seconds"]
    resumed = PredictorTraining(quick(folder, tmp_path, minutes=(spent + 1) / 60, resume=True))
    assert resumed.progress.step > 0 and resumed.progress.seconds >= 1
    weights = FineActionPredictor.load(tmp_path / "predictor").network.state_dict()
    assert all(torch.equal(value, weights[name]) for name, value in resumed.network.state_dict().items())
    first = resumed.progress.step
    resumed.run()
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["event"] for line in lines if "event" in line] == ["start", "end", "start", "end"]
    assert lines[-1]["step"] > first and lines[-1]["seconds"] >= spent + 0.9


def test_an_unreadable_checkpoint_is_a_named_error(folder, tmp_path):
    (tmp_path / "checkpoint.pt").write_bytes(b"junk")
    with pytest.raises(CheckpointError, match="cannot be read"):
        PredictorTraining(quick(folder, tmp_path, resume=True))


def test_the_losses_fall_on_a_few_samples(folder, tmp_path):
    training = PredictorTraining(quick(folder, tmp_path, warmup_steps=5, minutes=10))
    rng = np.random.default_rng(0)
    parts = [training.learn(augment(training.data.read(np.arange(4)), rng)) for _ in range(14)]
    total = [sum(part.values()) for part in parts]
    assert np.mean(total[-4:]) < 0.85 * np.mean(total[:4])
    assert np.mean([part["collision"] for part in parts[-4:]]) < 0.5 * parts[0]["collision"]


@pytest.mark.parametrize(
    ("step", "share", "expected"), [(0, 0.0, 0.1), (50, 0.3, 1), (50, 0.85, 0.51), (50, 1.0, 0.01)]
)
def test_the_learning_rate_warms_up_stays_and_decays(step, share, expected):
    assert learning_rate_factor(step, share, warmup_steps=10, decay_share=0.3, floor=0.01) == pytest.approx(expected)


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


def test_a_budget_of_samples_is_kept_exactly_over_resumes(folder, tmp_path):
    run = quick(folder, tmp_path, samples=10, minutes=0.0)
    PredictorTraining(run).run()
    resumed = PredictorTraining(dataclasses.replace(run, samples=14, resume=True))
    assert resumed.progress.samples == 10 and resumed.progress.cpu_seconds > 0
    assert resumed.share == pytest.approx(10 / 14)
    resumed.run()
    last = json.loads((tmp_path / "log.jsonl").read_text().splitlines()[-1])
    assert last["samples"] == 14 and last["step"] == 4


def test_a_killed_run_goes_on_from_its_last_checkpoint(folder, tmp_path):
    run = quick(folder, tmp_path, samples=120, minutes=0.0, checkpoint_seconds=0.0)
    kill_at(lambda: PredictorTraining(run).run(), tmp_path / "checkpoint.pt")
    resumed = PredictorTraining(dataclasses.replace(run, resume=True))
    assert 0 < resumed.progress.samples < 120
    weights = torch.load(tmp_path / "checkpoint.pt", weights_only=True)["network"]
    assert all(torch.equal(value, weights[name]) for name, value in resumed.network.state_dict().items())
    resumed.run()
    assert resumed.progress.samples == 120


def test_a_validation_folder_is_held_out_whole_and_training_data_used_whole(folder, tmp_path):
    write_shard(tmp_path / "validation", 0, 7, SIZE, seed=1)
    training = PredictorTraining(quick(folder, tmp_path / "run", samples=4, validation=tmp_path / "validation"))
    assert training.data.count() == 60 and training.validation.count() == 0
    assert training.run()["count"] == 7


def test_a_demonstration_in_both_folders_is_a_named_error(tmp_path):
    write_shard(tmp_path / "train", 0, 3, SIZE, demo=5)
    write_shard(tmp_path / "validation", 0, 3, SIZE, seed=1, demo=5)
    write_shard(tmp_path / "other", 0, 3, SIZE, seed=1, demo=6)
    with pytest.raises(TrainingDataError, match="share 1 demonstrations: stack number 5"):
        PredictorTraining(quick(tmp_path / "train", tmp_path, validation=tmp_path / "validation"))
    assert PredictorTraining(quick(tmp_path / "train", tmp_path, validation=tmp_path / "other")).data.count() == 3


@pytest.mark.parametrize("inputs", INPUTS)
@pytest.mark.parametrize("encoder", ["clap", "plain"])
def test_encoders_and_inputs_are_options_that_the_exported_predictor_remembers(folder, tmp_path, encoder, inputs):
    PredictorTraining(quick(folder, tmp_path, samples=4, encoder=encoder, inputs=inputs, evaluate_samples=1)).save()
    config = FineActionPredictor.load(tmp_path / "predictor").config.encoders
    assert config.kind == encoder
    assert (config.use_rgb, config.use_depth, config.use_position) == (True, "depth" in inputs, "position" in inputs)


@pytest.mark.parametrize(
    ("contact", "step", "ignore"),
    [(True, "moves above", True), (False, "grasps", False), (None, "grasps", True), (None, "pulls", True),
     (None, "places", True), (None, "lifts", False), (None, "moves back", False)],
)  # fmt: skip
def test_the_collision_label_is_the_record_s_contact_or_follows_from_the_step(tmp_path, contact, step, ignore):
    write_shard(tmp_path, 0, 2, SIZE, step=f"the robot {step} the red block", contact=contact)
    assert all(target.ignore_collisions is ignore for target in ZoomData(tmp_path).read(np.arange(1)).targets)


@pytest.mark.parametrize(
    ("objects", "expected"),
    [([], 0.752), ([("red cup", 0.7925)], 0.76), ([("shape sorter", 0.822), ("red block", 0.95)], 0.747)],
)
def test_the_table_is_found_from_things_that_stand_on_it(objects, expected):
    record = {"objects": [{"name": name, "position": [0.2, 0.1, z]} for name, z in objects]}
    assert table_height(record) == pytest.approx(expected)


def test_the_height_is_the_window_s_above_a_table_at_its_standard_place(tmp_path):
    raised = [{"name": "red cup", "position": [0.0, 0.0, 0.752 + 0.0325 + 0.008]}]
    write_shard(tmp_path / "flat", 0, 2, SIZE)
    write_shard(tmp_path / "raised", 0, 2, SIZE, objects=raised)
    flat, up = (ZoomData(tmp_path / name).read(np.arange(1)).height[0] for name in ("flat", "raised"))
    assert (flat - up) * 0.25 == pytest.approx(0.008)
