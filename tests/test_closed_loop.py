"""The parts of the closed loop's measurement that need no browser."""

from __future__ import annotations

import json
from pathlib import Path

from clap.worlds.tabletop.world import TabletopWorld
from demos.sample import SAMPLE
from tests.tiny_checkpoint import save_tiny_checkpoint
from training import retrain
from training.closed_loop.__main__ import _retrain_arguments, parser, takes_in
from training.closed_loop.failing import every_variation, rates
from training.closed_loop.operator import shown_steps


def test_the_operator_knows_each_step_of_a_scene_and_reaches_its_goal():
    world = TabletopWorld()
    steps = [step for step, _ in shown_steps(world, "shape_in_sorter", 5_000, 1)]
    assert steps == [step for subtask in world.goal or () for step in subtask.steps]
    assert world.success()


def test_a_toy_policy_fails_a_variation_and_its_episodes_are_kept(tmp_path):
    assert every_variation(["shape_in_sorter"]) == [f"shape_in_sorter:{k}" for k in range(3)]
    assert len(every_variation([])) > 30
    checkpoint = save_tiny_checkpoint(tmp_path / "tiny")
    results = tmp_path / "scan.jsonl"
    ((cell, counted),) = rates(checkpoint, ["open_drawer:1"], 1, 25_000, 1, results)
    assert (cell, counted["successes"], counted["episodes"]) == ("open_drawer:1", 0, 1)
    (record,) = map(json.loads, results.read_text().splitlines())
    assert record["task"] == "open_drawer" and record["seed"] >= 25_000


def test_what_is_retrained_is_what_was_recorded(tmp_path):
    options = parser().parse_args(["--out", str(tmp_path), "--minutes", "20"])
    made = retrain.parser().parse_args(_retrain_arguments(options, "shape_in_sorter:1", tmp_path / "run"))
    assert made.recordings == Path(tmp_path / "recordings")
    assert (made.tasks, made.minutes, made.first_seed) == ("shape_in_sorter:1", 20.0, 30_000)
    assert takes_in(SAMPLE) == 5
    assert takes_in(tmp_path / "nowhere") == 0
