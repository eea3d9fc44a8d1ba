"""The ablation table: its rows leave out what they say, share what they can, and are counted by goals reached."""

from __future__ import annotations

import json
from typing import get_type_hints

import pytest

from training.experiments.table2 import NOTES, ROWS, markdown, parser, training_commands
from training.planner.train import PlannerTrainingConfig


@pytest.fixture
def args(tmp_path):
    return parser().parse_args(["--run", str(tmp_path), "--planner-minutes", "3", "--predictor-samples", "160"])


def test_each_part_is_trained_once_for_the_same_budget(args):
    commands = training_commands(args)
    planners = [line for line in commands if "training.planner.train" in line]
    predictors = [line for line in commands if "training.predictor.train" in line]
    assert (len(planners), len(predictors)) == (5, 2)
    assert {line[line.index("--minutes") + 1] for line in planners} == {"3.0"}
    assert {line[line.index("--samples") + 1] for line in predictors} == {"160"}
    assert len({line[line.index("--out") + 1] for line in commands}) == 7


def test_what_is_finished_is_not_trained_again(args, tmp_path):
    (tmp_path / "planner").mkdir()
    (tmp_path / "planner" / "training_record.json").write_text("{}")
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain" / "evaluation.json").write_text("{}")
    assert len(training_commands(args)) == 5


def test_every_switch_is_one_of_the_planners(args):
    known = {name for name, kind in get_type_hints(PlannerTrainingConfig).items() if kind is bool}
    for row in ROWS.values():
        for option in row.planner:
            assert option.removeprefix("--no-").replace("-", "_") in known
    assert ROWS[6].planner == () and len(ROWS[1].planner) == 5


def test_the_table_counts_goals_by_trained_and_untrained_tasks(args, tmp_path):
    tasks = ["open_drawer"] * 3 + ["shape_in_cup"] * 2
    goals = [True, True, False, True, False]
    lines = [json.dumps({"task": task, "goal_holds": goal}) for task, goal in zip(tasks, goals, strict=True)]
    (tmp_path / "row-6.jsonl").write_text("\n".join(lines))
    text = markdown({6: tmp_path / "row-6.jsonl"}, args)
    assert "| 6 | CLAP (all) | 2/3 = 67 %" in text and "| 1/2 = 50 %" in text and "| 3/5 = 60 %" in text
    assert "`python -m training.table2 --data data/mini --rows 6 --planner-minutes 3 --predictor-samples 160" in text


def test_the_table_says_what_its_own_rows_need(args, tmp_path):
    lines = [json.dumps({"task": task, "goal_holds": True}) for task in ("open_drawer", "shape_in_cup")]
    (tmp_path / "row.jsonl").write_text("\n".join(lines))
    text = markdown({5: tmp_path / "row.jsonl", 6: tmp_path / "row.jsonl"}, args)
    assert NOTES[5] in text and NOTES[1] not in text and NOTES[4] not in text


def test_the_command_in_the_table_makes_this_table(args, tmp_path):
    lines = [json.dumps({"task": task, "goal_holds": True}) for task in ("open_drawer", "shape_in_cup")]
    (tmp_path / "row.jsonl").write_text("\n".join(lines))
    rows = dict.fromkeys(ROWS, tmp_path / "row.jsonl")
    assert "--rows" not in markdown(rows, args) and "--first-seed" not in markdown(rows, args)
    args.first_seed = 20000
    some = markdown({5: rows[5], 6: rows[6]}, args)
    assert " --rows 5 6 " in some and some.rstrip().endswith("--first-seed 20000`")
