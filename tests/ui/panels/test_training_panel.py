"""The Training panel's content: the record's figures and the curves, and a sentence where there is none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
import pytest

from tests.support.logged_run import write_logs
from training.evaluation.training_curves import curves_of, curves_text
from ui.panels.results.training import training_panel

RECORD = {
    "date": "2026-01-01",
    "commands": ["python -m training.planner.train", 3],
    "planner": {
        "config": {"minutes": 60.0, "bf16": True, "kinds": ["block", "cup"], "nested": {"a": 1}},
        "parameters": 4_409_968,
        "cpu_minutes": 68.01,
        "data": {"trajectory_records": 7456},
        "evaluation": {"step_accuracy": 0.9, "keypoints_within_8px": 0.7, "unknown": 1},
    },
    "predictor": {"median_mm": 4.36, "kinds": {"grasps": {"median_mm": 1.5, "p90_mm": 4.0}, "lifts": 3}},
}


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    folder = tmp_path / "clap-test"
    folder.mkdir()
    (folder / "record.json").write_text(json.dumps(RECORD), "utf-8")
    write_logs(tmp_path / "run")
    (folder / "training_curves.json").write_text(curves_text(curves_of(tmp_path / "run")), "utf-8")
    return folder


def charts(found: dict[str, Any], section: str) -> dict[str, Any]:
    (chosen,) = [one for one in found["sections"] if one["title"] == section]
    return {chart["title"]: chart for chart in chosen["charts"]}


def test_both_trainings_are_shown_with_their_curves_data_options_and_commands(checkpoint: Path) -> None:
    found = training_panel(checkpoint, "minutes")
    assert (found["empty"], found["problems"], found["has_curves"]) == (None, [], True)
    planner, predictor, made = found["sections"]
    assert [planner["title"], predictor["title"], made["title"]] == [
        "Planner",
        "Fine action predictor",
        "How it was made",
    ]
    assert ["parameters", "4,409,968"] in planner["facts"] and ["trajectory records", "7,456"] in planner["facts"]
    assert ["kinds", "block, cup"] in planner["options"]["rows"] and ["bf16", "yes"] in planner["options"]["rows"]
    assert ["training samples on disk", "15,000"] in predictor["facts"]
    assert made["commands"] == [["1", "python -m training.planner.train"]]
    for section in (planner, predictor):
        for chart in section["charts"]:
            go.Figure(chart["figure"])


def test_curves_are_drawn_over_cpu_minutes_or_samples(checkpoint: Path) -> None:
    for against, axis, last in (("minutes", "CPU minutes", 60), ("samples", "scenes seen", 90_000)):
        losses = charts(training_panel(checkpoint, against), "Planner")["Losses"]
        assert losses["figure"]["layout"]["xaxis"]["title"]["text"] == losses["table"]["head"][0] == axis
        trace = losses["figure"]["data"][0]
        assert (trace["name"], trace["x"][-1], len(trace["x"])) == ("all together", last, 200)


def test_shares_are_in_per_cent_and_held_out_figures_are_dots(checkpoint: Path) -> None:
    data = charts(training_panel(checkpoint, "minutes"), "Planner")["Share that is right"]["figure"]["data"]
    by_name = {trace["name"]: trace for trace in data}
    assert by_name["keypoint within 8 pixels"]["y"] == [80, 80]
    assert by_name["keypoint within 8 pixels"]["mode"] == "lines+markers"
    assert by_name["pixel within 8 (training)"]["mode"] == "lines"
    looks = [(t["line"]["color"], t["line"]["dash"], t.get("marker", {}).get("symbol")) for t in data]
    assert len(set(looks)) == len(looks)


def test_the_figures_at_the_end_are_those_of_the_record(checkpoint: Path) -> None:
    found = training_panel(checkpoint, "minutes")
    shares = charts(found, "Planner")["At the end: share that is right, held-out data"]
    assert shares["table"]["rows"] == [["keypoint within 8 pixels", "70"], ["next step named", "90"]]
    error = charts(found, "Fine action predictor")["At the end: position error by kind of step, held-out data"]
    assert error["table"]["rows"] == [["grasps", "1.5", "4"]]


def test_without_curves_it_says_so_and_shows_the_rest(checkpoint: Path) -> None:
    (checkpoint / "training_curves.json").unlink()
    found = training_panel(checkpoint, "minutes")
    assert "holds no training curves" in found["empty"]["sentence"]
    assert found["empty"]["command"] == "python -m training.mini"
    assert list(charts(found, "Planner")) == ["At the end: share that is right, held-out data"]


def test_a_folder_without_anything_gets_the_sentence_alone(tmp_path: Path) -> None:
    found = training_panel(tmp_path, "minutes")
    assert found["sections"] == [] and found["empty"] and not found["problems"]


@pytest.mark.parametrize("name", ["record.json", "training_curves.json"])
@pytest.mark.parametrize("text", ["no JSON", "[]", "[" * 100_000, " " * 1_000_001])
def test_a_file_that_cannot_be_used_is_told_of_and_the_rest_is_shown(checkpoint: Path, name: str, text: str) -> None:
    (checkpoint / name).write_text(text, "utf-8")
    found = training_panel(checkpoint, "minutes")
    assert len(found["problems"]) == 1 and found["problems"][0].startswith(name)
    assert found["sections"] and found["empty"] is None
    assert str(checkpoint) not in json.dumps(found)


@pytest.mark.parametrize("value", [3, "x", [1, 2], None, {"kinds": [1], "evaluation": "x", "data": 3, "config": []}])
def test_a_record_of_other_kinds_of_values_counts_as_missing(checkpoint: Path, value: object) -> None:
    record = {"planner": value, "predictor": value, "commands": value, "date": value}
    (checkpoint / "record.json").write_text(json.dumps(record), "utf-8")
    found = training_panel(checkpoint, "samples")
    assert found["problems"] == [] and len(found["sections"]) == 2
    json.dumps(found, allow_nan=False)
