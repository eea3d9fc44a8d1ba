"""The parts of the closed loop's measurement that need no browser."""

from __future__ import annotations

import json
from pathlib import Path

from clap.worlds.tabletop.world import TabletopWorld
from demos.sample import SAMPLE
from tests.support.tiny_checkpoint import save_tiny_checkpoint
from training.commands import retrain
from training.experiments.closed_loop.__main__ import _retrain_arguments, parser, takes_in
from training.experiments.closed_loop.failing import every_variation, rates
from training.experiments.closed_loop.operator import shown_steps
from training.experiments.closed_loop.report import loop_report


def test_the_operator_knows_each_step_of_a_scene_and_reaches_its_goal():
    world = TabletopWorld()
    steps = [to_come[0] for to_come, _ in shown_steps(world, "shape_in_sorter", 5_000, 1)]
    assert steps == [step for subtask in world.goal or () for step in subtask.steps]
    assert world.success()


def test_a_toy_policy_fails_a_variation_and_its_episodes_are_kept(tmp_path):
    assert every_variation(["shape_in_sorter"]) == [f"shape_in_sorter:{k}" for k in range(3)]
    assert every_variation([])[0] == "block_on_block:0" and len(every_variation([])) > 30
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


def test_the_report_says_whether_the_loop_closes(tmp_path):
    def counted(successes, episodes):
        return {"successes": successes, "episodes": episodes, "interval": [0.0, 1.0]}

    def pair(old, new, episodes):
        share = (new - old) / episodes
        return {"old": counted(old, episodes), "new": counted(new, episodes), "difference": [share, -1.0, 1.0]}

    settings = {"episodes": ["a", "b"], "method": "full", "minutes": 25.0, "checkpoint": "/x/clap", "first_seed": 3}
    for new, other, verdict in ((30, 98, "closes"), (10, 98, "does not close"), (30, 90, "does not close")):
        sums = {"new": pair(0, new, 40), "old": pair(100, other, 100)}
        rows = [{"kind": kind, "title": f"a {kind} task", **one} for kind, one in sums.items()]
        found = {"date": "2026-11-23", "settings": settings, "seconds": {"training": 90.0}, "rows": rows, "sums": sums}
        (tmp_path / "comparison.json").write_text(json.dumps(found))
        text = loop_report(tmp_path / "comparison.json", SAMPLE, "the command")
        assert f"The loop {verdict}: what was shown rises by {100 * new / 40:.0f} points" in text
        assert "| a new task | 0/40" in text and "| a old task | 100/100" in text
        assert "6 takes were recorded" in text and "training 1.5 min" in text and "/x/" not in text
