"""The Evaluation panel's content: what the files say, side by side, and a sentence where they say nothing usable."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
import pytest

from tests.support.evaluation_files import SEEDS, write_evaluation
from training.commands.report import main as report
from training.evaluation.failure_classes import CLASSES
from ui.panels.results.evaluation import MAX_SIDE_BY_SIDE, evaluation_panel
from ui.panels.results.evaluation_charts import FAMILIES
from ui.panels.results.evaluation_files import MAX_BYTES, Evaluations

SECTIONS = [
    "Averages",
    "Success by task and condition",
    "Failures by cause",
    "Time per decision",
    "Film strips of failures",
    "How it was measured",
]


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    folder = tmp_path / "clap-test"
    folder.mkdir()
    return folder


@pytest.fixture
def several(checkpoint: Path) -> Path:
    write_evaluation(checkpoint / "evaluation.json")
    write_evaluation(checkpoint / "no-correction.json", faults=["grasp"], correction="off")
    write_evaluation(checkpoint / "rvt2.json", "rvt2", faults=["wrong object"], correction="off")
    return checkpoint


def panel(checkpoint: Path, *keys: str, reported: Path | None = None) -> dict[str, Any]:
    return evaluation_panel(Evaluations(checkpoint, reported or checkpoint.parent / "none"), keys or None)


def sections(found: dict[str, Any]) -> dict[str, Any]:
    return {section["title"]: section for section in found["sections"]}


def test_without_an_evaluation_it_says_which_command_makes_one(checkpoint: Path) -> None:
    found = panel(checkpoint)
    assert found["sections"] == found["choices"] == found["problems"] == []
    assert "clap-test has not been evaluated" in found["empty"]["sentence"]
    command = found["empty"]["command"]
    assert command.startswith(f"python -m training.evaluate --checkpoint {checkpoint} ")
    assert command.endswith("clap-test/evaluation.json")


def test_the_checkpoints_own_evaluation_is_shown_first_with_all_its_parts(several: Path) -> None:
    found = panel(several)
    assert [(one["label"], one["chosen"]) for one in found["choices"]] == [
        ("CLAP", True),
        ("CLAP, without self-correction", False),
        ("RVT-2", False),
    ]
    assert list(sections(found)) == SECTIONS
    for section in found["sections"]:
        for chart in section.get("charts", []):
            go.Figure(chart["figure"])  # Plotly's own check of every property
            assert chart["table"]["rows"]


def test_success_is_a_map_of_tasks_by_conditions_with_intervals_and_the_papers_figures(several: Path) -> None:
    (chart,) = sections(panel(several))["Success by task and condition"]["charts"]
    (data,) = chart["figure"]["data"]
    assert data["x"] == ["as trained", "distractors"]
    rates = [value for row in data["z"] for value in row]
    assert len(rates) == 16 and set(rates) == {75.0, 100.0}
    assert "the paper, real robot: 60 %" in data["customdata"][0][0]
    texts = [note["text"] for note in chart["figure"]["layout"]["annotations"]]
    assert "75 %<br>30 to 95" in texts and "100 %<br>51 to 100" in texts
    assert chart["table"]["rows"][0][0] == "Place shape in shape sorter"


def test_averages_stand_beside_the_papers_and_say_of_which_world_each_is(several: Path) -> None:
    found = panel(several, "checkpoint-evaluation", "checkpoint-rvt2")
    (chart,) = sections(found)["Averages"]["charts"]
    rows = {row[0]: row[1:] for row in chart["table"]["rows"]}
    assert chart["table"]["head"] == ["policy", "world", "all tasks", "trained tasks", "never-trained tasks"]
    assert rows["CLAP"][0] == rows["RVT-2"][0] == "simulated table, four cameras"
    # Table 3 of the paper: averages over its eight tasks, here of the two conditions that were measured.
    assert rows["CLAP, the paper"] == ["a real robot, one camera", "79 %", "80 %", "78 %"]
    assert rows["RVT-2, the paper"][:2] == ["a real robot, one camera", "29 %"]
    assert rows["RVT-2"][1].endswith(f"of {16 * len(SEEDS)}")


def test_failures_are_stacked_by_cause_and_no_two_causes_look_alike(several: Path) -> None:
    (chart,) = sections(panel(several))["Failures by cause"]["charts"]
    assert [trace["name"] for trace in chart["figure"]["data"]] == ["wrong plan", "grasp"]
    assert sum(sum(trace["x"]) for trace in chart["figure"]["data"]) == 10
    assert chart["table"]["rows"][-1] == ["all", "5", "5"]
    assert sorted(name for _, family in FAMILIES for name in family) == sorted(CLASSES)
    assert max(len(family) for _, family in FAMILIES) <= 4


def test_times_and_the_method_are_those_of_the_file(several: Path) -> None:
    found = sections(panel(several))
    assert found["Time per decision"]["charts"][0]["table"]["rows"][1] == ["CLAP: planner", "200", "200"]
    row = found["How it was measured"]["table"]["rows"][0]
    assert row[2:] == ["64", "20000 to 20003", "1.5", "on", "abc123abc123"]
    assert found["How it was measured"]["commands"] == [["CLAP", "python -m training.evaluate # evaluation"]]


def test_several_are_set_side_by_side_but_not_too_many(several: Path) -> None:
    for k in range(4):
        write_evaluation(several / f"more-{k}.json")
    keys = [choice["key"] for choice in panel(several)["choices"]]
    found = panel(several, *keys, "no such run")
    assert sum(choice["chosen"] for choice in found["choices"]) == MAX_SIDE_BY_SIDE
    assert len(sections(found)["Success by task and condition"]["charts"]) == MAX_SIDE_BY_SIDE
    labels = [choice["label"] for choice in found["choices"]]
    assert len(set(labels)) == len(labels)


def test_the_runs_of_a_written_report_can_be_chosen_with_their_film_strips(several: Path) -> None:
    out = several.parent / "evaluation"
    files = [str(several / name) for name in ("no-correction.json", "rvt2.json")]
    assert report([files[0], "--compare", files[1], "--out", str(out)]) == 0
    for name in ("no-correction", "rvt2"):
        (several / f"{name}.json").unlink()
        shutil.rmtree(several / f"{name}.strips")
    found = panel(several, "report-rvt-2", reported=out / "runs")
    assert [choice["chosen"] for choice in found["choices"]] == [False, False, True]
    assert "from the report" in found["choices"][2]["about"]
    films = sections(found)["Film strips of failures"]["films"]
    assert films[0]["cause"] == "wrong object" and films[0]["instruction"] == "put <it> there & then"


def test_a_checkpoint_without_figures_is_not_shown_with_those_of_the_report(several: Path) -> None:
    out = several.parent / "evaluation"
    assert report([str(several / "evaluation.json"), "--out", str(out)]) == 0
    for path in several.glob("*.json"):
        path.unlink()
    found = panel(several, reported=out / "runs")
    assert "has not been evaluated yet" in found["empty"]["sentence"] and found["sections"] == []
    assert [choice["chosen"] for choice in found["choices"]] == [False], "they can be chosen"


def test_what_the_report_has_too_is_shown_once_with_the_reports_film_strips(several: Path) -> None:
    out = several.parent / "evaluation"
    assert report([str(several / "evaluation.json"), "--out", str(out)]) == 0
    shutil.rmtree(several / "evaluation.strips")
    before = panel(several)
    found = panel(several, reported=out / "runs")
    assert [choice["key"] for choice in found["choices"]] == [choice["key"] for choice in before["choices"]]
    assert "Film strips of failures" not in sections(before)
    assert "Film strips of failures" in sections(found)


def test_a_running_evaluations_files_are_left_as_they_are(several: Path) -> None:
    records = several / "evaluation.jsonl"
    records.write_text(records.read_text("utf-8") + '{"policy": "cl', "utf-8")
    before = {path: path.read_bytes() for path in several.rglob("*") if path.is_file()}
    assert "Film strips of failures" in sections(panel(several))
    assert {path: path.read_bytes() for path in several.rglob("*") if path.is_file()} == before


def test_a_file_that_has_changed_is_read_again(several: Path) -> None:
    assert "Failures by cause" in sections(panel(several))
    write_evaluation(several / "evaluation.json", faults=[None])
    assert "Failures by cause" not in sections(panel(several))


def test_a_summary_of_an_older_form_is_shown_without_what_it_lacks(checkpoint: Path) -> None:
    cell = {"task": "open_drawer", "title": "Open drawer", "trained": True, "condition": "none"}
    cell |= {"successes": 15, "episodes": 20, "interval": [0.53, 0.89], "failures": {"empty cloud": 5}}
    summary = {"date": "2026-01-01", "command": "evaluate", "policy": "clap", "model": "f", "seeds": [0, 19]}
    (checkpoint / "evaluation.json").write_text(json.dumps({**summary, "cells": [cell]}), "utf-8")
    found = panel(checkpoint)
    assert found["choices"][0]["label"] == "CLAP"
    assert "did not tell causes apart" in sections(found)["Failures by cause"]["note"]
    assert sections(found)["How it was measured"]["table"]["rows"][0][5] == "not recorded"


def changed(path: Path, **fields: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | fields), "utf-8")


CELL = {"task": "t", "title": "T", "trained": True, "condition": "none", "successes": 1, "episodes": 2}


@pytest.mark.parametrize(
    "fields",
    [
        {"cells": []},
        {"cells": [3]},
        {"cells": {"a": 1}},
        {"cells": [CELL] * 401},
        {"cells": [{**CELL, "episodes": 0}]},
        {"cells": [{**CELL, "successes": 3}]},
        {"cells": [{**CELL, "successes": float("nan")}]},
        {"cells": [{**CELL, "title": "x" * 3000}]},
        {"cells": [{**CELL, "classes": [1]}]},
        {"policy": "../../x"},
        {"cameras": ["four"]},
        {"seed_blocks": "all"},
        {"decision_seconds": {"planner": [None]}},
        {"seconds_per_episode": "fast"},
        {"command": 5},
    ],
)
def test_a_summary_that_does_not_fit_is_told_of_and_the_others_are_shown(several: Path, fields: dict[str, Any]) -> None:
    changed(several / "evaluation.json", **fields)
    found = panel(several)
    (problem,) = found["problems"]
    assert problem.startswith("evaluation.json is no summary of an evaluation")
    assert str(several) not in problem
    assert [choice["chosen"] for choice in found["choices"]] == [True, False]
    json.dumps(found, allow_nan=False)


@pytest.mark.parametrize("text", ["not JSON", "[" * 100_000, " " * (MAX_BYTES + 1), "[]", "{}"])
def test_a_file_that_is_no_summary_at_all_is_told_of(checkpoint: Path, text: str) -> None:
    (checkpoint / "evaluation.json").write_text(text, "utf-8")
    found = panel(checkpoint)
    assert len(found["problems"]) == 1 and found["sections"] == []


@pytest.mark.parametrize("line", ["no JSON", "[]", "{}", '{"policy": "clap"}'])
def test_records_that_do_not_fit_leave_out_the_film_strips_alone(several: Path, line: str) -> None:
    (several / "evaluation.jsonl").write_text(line + "\n", "utf-8")
    assert list(sections(panel(several))) == [title for title in SECTIONS if "Film" not in title]


def test_a_name_in_a_file_is_no_markup_in_a_chart(several: Path) -> None:
    path = several / "evaluation.json"
    path.write_text(path.read_text("utf-8").replace("Open drawer", "<b>Open</b> drawer"), "utf-8")
    (chart,) = sections(panel(several))["Success by task and condition"]["charts"]
    assert "&lt;b&gt;Open&lt;/b&gt; drawer" in chart["figure"]["data"][0]["y"][2]
