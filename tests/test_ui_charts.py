"""The charts of a checkpoint's evaluation and training: what the files say, and nothing where they are missing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from tests.console_page import console
from tests.kinematic_station import station
from ui.charts import add_routes, figures

CELL = {"title": "Open drawer", "trained": True, "successes": 15, "episodes": 20, "interval": [0.53, 0.89]}


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    cells = [{**CELL, "condition": "none"}, {**CELL, "condition": "noise", "trained": False, "successes": 5}]
    (tmp_path / "evaluation.json").write_text(json.dumps({"cells": cells, "date": "2026-01-01"}), "utf-8")
    record = {
        "predictor": {"kinds": {"grasps": {"median_mm": 1.5, "p90_mm": 4.0}}},
        "planner": {"evaluation": {"step_accuracy": 0.9, "unknown": 1}},
    }
    (tmp_path / "record.json").write_text(json.dumps(record), "utf-8")
    return tmp_path


def test_the_page_shows_the_results_of_the_checkpoint_that_it_was_started_with(checkpoint: Path) -> None:
    with station() as made, TestClient(console(made, checkpoint), base_url="http://localhost") as client:
        assert client.get("/clap/charts").json()["checkpoint"] == checkpoint.name


def test_success_is_shown_in_per_cent_with_its_interval_per_task_and_condition(checkpoint: Path) -> None:
    success = figures(checkpoint)["charts"][0]
    assert "20 episodes" in success["note"]
    trained, noise = success["figure"]["data"]
    assert (trained["name"], trained["x"], trained["y"]) == ("as trained", [75.0], ["Open drawer"])
    assert trained["error_x"]["array"] == pytest.approx([14.0])
    assert trained["error_x"]["arrayminus"] == pytest.approx([22.0])
    assert (noise["name"], noise["y"]) == ("noise", ["Open drawer (never trained on)"])


def test_the_training_record_is_shown_where_its_measures_are_known(checkpoint: Path) -> None:
    _, error, accuracy = (chart["figure"]["data"] for chart in figures(checkpoint)["charts"])
    assert (error[0]["x"], error[1]["x"]) == ([1.5], [4.0])
    assert accuracy[0]["x"] == [90.0]
    assert accuracy[0]["y"] == ["next step named"]


@pytest.mark.parametrize("text", [None, "not JSON", "[]", "{}"])
def test_a_checkpoint_without_records_has_no_charts(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        for name in ("evaluation.json", "record.json"):
            (tmp_path / name).write_text(text, "utf-8")
    assert figures(tmp_path) == {"checkpoint": tmp_path.name, "charts": []}


def test_figures_and_the_script_that_draws_them_are_served(checkpoint: Path) -> None:
    app = FastAPI()
    add_routes(app, checkpoint)
    client = TestClient(app)
    assert len(client.get("/clap/charts").json()["charts"]) == 3
    script = client.get("/clap/plotly.js")
    assert script.headers["content-type"].startswith("text/javascript")
    assert b"plotly.js" in script.content[:200]
