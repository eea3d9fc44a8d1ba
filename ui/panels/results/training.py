"""The Training panel: how the checkpoint in use was trained, and how well what it learned holds on unseen data."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clap.policies.checkpoint import CURVES, PLANNER, PREDICTOR, RECORD
from training.evaluation.training_curves import Curves, CurvesError, read_curves
from ui.panels.results.parts import Json, section, table
from ui.panels.results.records import Record, read_record
from ui.panels.results.training_charts import NAMES, curves_chart, final_shares_chart, position_error_chart

TITLES = {PLANNER: "Planner", PREDICTOR: "Fine action predictor"}

LOSSES = {
    PLANNER: ("loss", "dense", "text", "coordinates", "attention", "plan"),
    PREDICTOR: ("heatmap", "rotation", "gripper", "collision"),
}
SHARES = {
    PLANNER: (
        ("text_accuracy", "within_8px", "attention_hits", "plan_accuracy"),
        ("keypoints_within_8px", "objects_within_8px", "step_accuracy", "plans_exact", "plans_exact_held_out")
        + ("plans_train_exact", "plans_phrasing_exact", "plans_composition_exact"),
    ),
    PREDICTOR: ((), ("within_1cm", "gripper", "collision")),
}
ERRORS = {PLANNER: ("keypoint_median_p90_px", "object_median_p90_px"), PREDICTOR: ("median_mm", "p90_mm")}
ERROR_UNITS = {PLANNER: "pixels", PREDICTOR: "mm"}
PREDICTOR_FIGURES = {"median_mm": "median error, mm", "p90_mm": "nine of ten below, mm"}
PLANNER_FIGURES = {"parameters": "parameters", "cpu_minutes": "CPU minutes"}
FACTS = {
    "parameters": "parameters",
    "train": "training samples on disk",
    "held_out": "held-out samples",
    "shards": "shards of data",
}


def training_panel(checkpoint: Path, against: str) -> Json:
    """The panel's content; ``against`` is what the curves are drawn over: "minutes" (of CPU time) or "samples"."""
    problems: list[str] = []
    record, curves = Record({}), Curves()
    try:
        record = read_record(checkpoint / RECORD)
    except ValueError as error:
        problems.append(str(error))
    try:
        curves = read_curves(checkpoint / CURVES)
    except CurvesError as error:
        problems.append(f"{error.sentence} {error.next_move}")
    parts = [_part(part, record, curves, against) for part in TITLES]
    commands = [[f"{k + 1}", command] for k, command in enumerate(record.texts("commands"))]
    made = section("How it was made", f"The commands, in their order{_dated(record)}.", commands=commands)
    sections = [one for part in parts for one in part] + ([made] if commands else [])
    return {
        "checkpoint": checkpoint.name,
        "against": against,
        "problems": problems,
        "has_curves": bool(curves),
        "empty": None if curves or problems else _empty(checkpoint, bool(sections)),
        "sections": sections,
    }


def _dated(record: Record) -> str:
    date = record.text("date")
    return f"; {date}" if date else ""


def _empty(checkpoint: Path, has_more: bool) -> Json:
    sentence = (
        f"{checkpoint.name} holds no training curves: it was put together without the logs of its trainings. "
        "A checkpoint that this command makes has them."
    )
    more = " What its training record says is below." if has_more else ""
    return {"sentence": sentence + more, "command": "python -m training.mini"}


def _part(part: str, record: Record, curves: Curves, against: str) -> list[Json]:
    """One section of facts and curves, where there are any."""
    drawn = _curve_charts(part, curves[part], against) if part in curves else []
    about = record.part(part)
    finals = _final_charts(part, about)
    facts = _facts(part, about, curves.get(part, {}).get("facts", {}))
    options = [[name.replace("_", " "), value] for name, value in about.flat("config").items()]
    if not (drawn or finals or facts):
        return []
    note = "Dots: measured on held-out data." if drawn else ""
    content: dict[str, Any] = {"facts": facts, "charts": [*drawn, *finals]}
    if options:
        content["options"] = table(["option", "value"], options)
    return [section(TITLES[part], note, **content)]


def _curve_charts(part: str, curves: Mapping[str, Any], against: str) -> list[Json]:
    draw = functools.partial(curves_chart, curves, against, _axis(part, against))
    during, held_out = SHARES[part]
    charts = [
        draw("Losses", "loss, log scale", LOSSES[part], (), log=True),
        draw("Share that is right", "share, %", during, held_out, percent=True),
        draw("Error on held-out data", ERROR_UNITS[part], (), ERRORS[part]),
    ]
    return [chart for chart in charts if chart is not None]


def _axis(part: str, against: str) -> str:
    if against == "minutes":
        return "CPU minutes"
    return "scenes seen" if part == PLANNER else "samples seen"


def _final_charts(part: str, about: Record) -> list[Json]:
    if part == PREDICTOR:
        kinds = {name: about.part("kinds").part(name).numbers() for name in about.part("kinds").names()}
        known = {name: found for name, found in kinds.items() if {"median_mm", "p90_mm"} <= set(found)}
        return [position_error_chart(known)] if known else []
    numbers = about.part("evaluation").numbers()
    shares = {NAMES[name]: numbers[name] for name in NAMES if name in numbers and 0 <= numbers[name] <= 1}
    return [final_shares_chart(shares)] if shares else []


def _facts(part: str, about: Record, logged: Mapping[str, float]) -> list[list[str]]:
    out = [[words, f"{logged[name]:,.0f}"] for name, words in FACTS.items() if name in logged]
    numbers = about.numbers()
    if part == PREDICTOR:
        return out + [[words, f"{numbers[name]:g}"] for name, words in PREDICTOR_FIGURES.items() if name in numbers]
    out += [[words, f"{numbers[name]:,.0f}"] for name, words in PLANNER_FIGURES.items() if name in numbers]
    return out + [[name.replace("_", " "), value] for name, value in about.flat("data").items()]
