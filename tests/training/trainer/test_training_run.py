"""The run that all trainings share: its budget, what is due when, its log, and that a kill costs nothing but time."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from clap.errors import CheckpointError
from tests.support.killed_training import kill_at
from training.trainer.checkpoint_file import read_checkpoint, write_checkpoint
from training.trainer.json_log import JsonLog, read_json_log
from training.trainer.training_run import Budget, EvenlySpaced, Every, Progress, TrainingCancelledError, TrainingRun


class Counting:
    """A trainer whose weight is the number of its steps."""

    def __init__(self, folder: Path, pause: float = 0.0):
        self.path, self.pause = folder / "state.pt", pause
        self.log = JsonLog(folder / "log.jsonl")
        saved = read_checkpoint(self.path)
        self.progress = Progress(**saved["progress"]) if saved else Progress()
        self.weight = saved["weight"] if saved else torch.zeros(())
        self.saved_at: list[int] = []

    def train_step(self) -> Mapping[str, float]:
        time.sleep(self.pause)
        self.weight = self.weight + 1
        self.progress.step += 1
        return {"loss": float(self.progress.step)}

    def check(self) -> Mapping[str, Any]:
        return {"event": "evaluation"}

    def save(self) -> None:
        self.saved_at.append(self.progress.step)
        write_checkpoint(self.path, {"progress": vars(self.progress), "weight": self.weight})

    def position(self) -> Mapping[str, Any]:
        return {"step": self.progress.step}

    def pace(self) -> Mapping[str, Any]:
        return {}

    def run(self, steps: int = 10, log: Every | None = None, **more: Any) -> TrainingRun:
        every = {"log_every": log or Every(4, "step"), "checkpoint_every": Every(3, "step"), **more}
        return TrainingRun(self, Budget(steps, "step"), self.log, **every)


def test_losses_are_told_as_means_and_states_kept_at_their_steps_and_at_the_end(tmp_path):
    trainer = Counting(tmp_path)
    run = trainer.run()
    run.run()
    assert run.share == 1
    assert read_json_log(tmp_path / "log.jsonl") == [{"step": 4, "loss": 2.5}, {"step": 8, "loss": 6.5}]
    assert trainer.saved_at == [3, 6, 9, 10]
    trainer.run(log=Every(4, "step", at_end=True), steps=13).run()
    assert [line["step"] for line in read_json_log(tmp_path / "log.jsonl")] == [4, 8, 12, 13]


@pytest.mark.parametrize(
    ("schedule", "steps"),
    [(EvenlySpaced(0), []), (EvenlySpaced(1), [6]), (EvenlySpaced(3), [3, 6, 9]),
     (EvenlySpaced(3, after=0.5), [6, 7, 9]), (EvenlySpaced(2, from_start=True), [0, 6]),
     (Every(5, "step"), [0, 5, 10])],
)  # fmt: skip
def test_evaluations_cut_the_budget_into_equal_parts(tmp_path, schedule, steps):
    trainer = Counting(tmp_path)
    trainer.run(12, evaluate_every=schedule).run()
    assert [line["step"] for line in read_json_log(tmp_path / "log.jsonl") if "event" in line] == steps
    assert trainer.progress.evaluations == len(steps)


def test_a_budget_of_time_is_spent_over_all_resumes(tmp_path):
    first = Counting(tmp_path, pause=0.02)
    TrainingRun(first, Budget(0.1, "seconds"), None, Every(1, "step"), Every(1, "step")).run()
    again = Counting(tmp_path, pause=0.02)
    assert again.progress.seconds >= 0.1
    run = TrainingRun(again, Budget(0.2, "seconds"), None, Every(1, "step"), Every(1000, "step"))
    assert 0.5 <= run.share < 2
    run.run()
    assert again.progress.step > first.progress.step and run.minutes_left == 0


def test_a_run_that_is_told_to_end_keeps_its_state(tmp_path):
    trainer = Counting(tmp_path)
    with pytest.raises(TrainingCancelledError):
        trainer.run(should_stop=lambda: trainer.progress.step == 5).run()
    assert Counting(tmp_path).progress.step == 5


def test_a_killed_run_goes_on_and_its_state_is_never_half_written(tmp_path):
    kill_at(lambda: Counting(tmp_path, pause=0.005).run(10_000).run(), tmp_path / "state.pt")
    again = Counting(tmp_path)
    step = again.progress.step
    assert 0 < step < 10_000 and float(again.weight) == step
    again.run(step + 2).run()
    assert float(again.weight) == step + 2


def test_a_line_that_a_kill_has_cut_spoils_no_other(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_bytes(b'{"step": 1}\n{"step')
    JsonLog(path).append({"step": 2})
    assert read_json_log(path) == [{"step": 1}, {"step": 2}]
    assert read_json_log(tmp_path / "none.jsonl") == []


@pytest.mark.parametrize("content", [b"junk", json.dumps([1]).encode()])
def test_a_state_that_cannot_be_read_is_a_named_error(tmp_path, content):
    (tmp_path / "state.pt").write_bytes(content)
    with pytest.raises(CheckpointError, match="cannot be read"):
        read_checkpoint(tmp_path / "state.pt")
    assert read_checkpoint(tmp_path / "none.pt") is None
