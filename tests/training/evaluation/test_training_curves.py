"""The curves of a checkpoint: thinned from real logs, small, and read without trust."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.logged_run import LINES, write_logs
from training.evaluation.training_curves import (
    MAX_BYTES,
    MAX_READ_BYTES,
    POINTS,
    CurvesError,
    curves_of,
    curves_text,
    read_curves,
)

EMPTY = {"facts": {}, "training": {"minutes": [], "samples": []}, "held_out": {"minutes": [], "samples": []}}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    write_logs(tmp_path)
    return tmp_path


def kept(path: Path, content: object) -> Path:
    path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    return path


def test_a_log_is_thinned_to_means_that_keep_its_end_and_its_area(run: Path) -> None:
    curves = curves_of(run)
    planner, predictor = (curves[part]["training"] for part in ("planner", "predictor"))
    assert {len(values) for values in planner.values()} == {POINTS}
    assert (planner["minutes"][-1], planner["samples"][-1]) == (8 * LINES / 60, 200 * LINES)
    assert (predictor["minutes"][-1], predictor["samples"][-1]) == (pytest.approx(8 * LINES / 60, 0.01), 800 * LINES)
    firsts = [round(k * LINES / POINTS) for k in range(2)]
    assert planner["loss"][0] == pytest.approx(sum(10 / k for k in range(1, firsts[1] + 1)) / firsts[1], 1e-3)
    assert planner["loss"] == sorted(planner["loss"], reverse=True)
    assert not {"step", "samples_per_second", "minutes_left", "joint"} & (set(planner) | set(predictor))


def test_what_was_measured_on_held_out_data_is_kept_apart_and_in_full(run: Path) -> None:
    curves = curves_of(run)
    planner, predictor = (curves[part]["held_out"] for part in ("planner", "predictor"))
    assert planner["keypoints_within_8px"] == [0.8, 0.8]
    assert planner["keypoint_median_p90_px"] == [2.5, 2.5]
    assert planner["samples"] == [200 * (LINES // 2), 200 * LINES]  # not the 40 scenes that were measured
    assert predictor["median_mm"] == [3.0, 3.0]
    assert curves["predictor"]["facts"] == {"parameters": 2_000_000, "train": 15_000, "held_out": 800}


def test_a_resumed_training_counts_what_it_logged_last(run: Path) -> None:
    log = run / "planner" / "log.jsonl"
    logged = ((1, 25, 3.0), (2, 50, 2.0), (3, 75, 9.0), (2.1, 50, 1.5))
    lines = [{"minutes": minutes, "step": step, "scenes": 8 * step, "loss": loss} for minutes, step, loss in logged]
    log.write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"minutes": 4, "st', "utf-8")
    assert curves_of(run)["planner"]["training"] == {"minutes": [1, 2.1], "samples": [200, 400], "loss": [3.0, 1.5]}


def test_a_run_without_logs_has_no_curves(tmp_path: Path) -> None:
    assert curves_of(tmp_path) == {}
    assert read_curves(tmp_path / "training_curves.json") == {}


def test_the_file_is_small_and_read_back_as_it_was_made(run: Path) -> None:
    text = curves_text(curves_of(run))
    assert len(text) < MAX_BYTES
    assert read_curves(kept(run / "curves.json", text)) == json.loads(text)
    many = {name: [k + 0.1234 for k in range(POINTS)] for name in ("minutes", "samples", *map(str, range(60)))}
    text = curves_text({"planner": {**EMPTY, "training": many}})
    assert len(text) < MAX_BYTES
    assert 10 < len(read_curves(kept(run / "curves.json", text))["planner"]["training"]["7"]) < POINTS


def part(**changes: object) -> dict[str, object]:
    return {"planner": {**EMPTY, **changes}}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("no JSON", "cannot be read as JSON"),
        ("[" * 100_000, "cannot be read as JSON"),
        (" " * (MAX_READ_BYTES + 1), "larger than 1000 kB"),
        ([], "must be a JSON object"),
        ({"__proto__": {}}, "with the parts planner and predictor"),
        ({"planner": []}, "must have facts, training and held_out"),
        (part(more={}), "must have facts, training and held_out"),
        (part(facts={"parameters": "<b>"}), "must be numbers by name"),
        (part(training=[]), "must be at most"),
        (part(training={"minutes": []}), "with their minutes and samples"),
        (part(training={"minutes": [], "samples": [], "x" * 61: []}), "short names"),
        (part(training={"minutes": [1], "samples": []}), "one length"),
        (part(training={"minutes": [1] * 201, "samples": [1] * 201}), "at most 200 points"),
        (part(training={"minutes": [1], "samples": ["1"]}), "no finite number"),
        (
            '{"planner": {"facts": {}, "training": {"minutes": [NaN], "samples": [1]}, "held_out": {}}}',
            "no finite number",
        ),
        (part(held_out={"minutes": [1], "samples": [1], "loss": [True]}), "no finite number"),
    ],
)
def test_a_file_that_is_something_else_is_refused_with_a_sentence(tmp_path: Path, content: object, words: str) -> None:
    with pytest.raises(CurvesError, match=words) as caught:
        read_curves(kept(tmp_path / "training_curves.json", content))
    assert caught.value.next_move
    assert str(tmp_path) not in caught.value.sentence
