"""Charts of a checkpoint's evaluation and training record, as Plotly figures that the page draws on demand.

The page loads plotly.js, which Plotly's Python package brings along, when the charts are opened for the first time.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import plotly
from fastapi import FastAPI
from fastapi.responses import FileResponse, Response
from plotly import graph_objects

from clap.checkpoint import EVALUATION, RECORD

Json = dict[str, Any]

SCRIPT = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
# Okabe and Ito's colours, which colour-blind people tell apart, light enough for the dark theme.
COLORS = ("#56b4e9", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#0072b2", "#f0e442")
MARKERS = ("circle", "square", "diamond", "triangle-up", "cross", "x", "star")


def add_routes(app: FastAPI, checkpoint: Path) -> None:
    """Serve the figures at /clap/charts and plotly.js at /clap/plotly.js."""

    @app.get("/clap/charts")
    def charts() -> Response:
        return Response(json.dumps(figures(checkpoint)), media_type="application/json")

    @app.get("/clap/plotly.js")
    def script() -> Response:
        return FileResponse(SCRIPT, media_type="text/javascript", headers={"Cache-Control": "max-age=86400"})


def figures(checkpoint: Path) -> Json:
    """``{"checkpoint": name, "charts": [{"title", "note", "figure"}]}``; no charts where the files are missing."""
    evaluation, record = _read(checkpoint / EVALUATION), _read(checkpoint / RECORD)
    charts = []
    if evaluation.get("cells"):
        charts.append(_chart("Success per task", _about(evaluation), success(evaluation["cells"])))
    kinds = _mapping(record.get("predictor")).get("kinds")
    if kinds:
        note = (
            "Distance between predicted and taught pose on held-out steps: half are below the bar's end, nine of ten "
        )
        charts.append(_chart("Fine stage: position error", note + "below the mark.", position_error(kinds)))
    planner = _mapping(_mapping(record.get("planner")).get("evaluation"))
    if shares(planner):
        charts.append(_chart("Planner: share that is right", "On held-out scenes and plans.", accuracy(planner)))
    return {"checkpoint": checkpoint.name, "charts": charts}


def success(cells: Sequence[Json]) -> graph_objects.Figure:
    """Success rate with its 95 % interval, a row a task, a mark a condition."""
    figure = graph_objects.Figure()
    for k, condition in enumerate(dict.fromkeys(cell["condition"] for cell in cells)):
        chosen = [cell for cell in cells if cell["condition"] == condition]
        rates = [cell["successes"] / cell["episodes"] for cell in chosen]
        figure.add_scatter(
            x=[100 * rate for rate in rates],
            y=[cell["title"] + ("" if cell["trained"] else " (never trained on)") for cell in chosen],
            error_x={
                "type": "data",
                "array": [100 * (cell["interval"][1] - rate) for cell, rate in zip(chosen, rates, strict=True)],
                "arrayminus": [100 * (rate - cell["interval"][0]) for cell, rate in zip(chosen, rates, strict=True)],
                "thickness": 2,
            },
            customdata=[f"{cell['successes']} of {cell['episodes']}" for cell in chosen],
            hovertemplate="%{y}: %{x:.0f} %, %{customdata}<extra></extra>",
            mode="markers",
            marker={"size": 11, "symbol": MARKERS[k % len(MARKERS)], "color": COLORS[k % len(COLORS)]},
            name="as trained" if condition == "none" else condition,
        )
    figure.update_xaxes(title="success, %", range=[-3, 103])
    figure.update_yaxes(autorange="reversed")
    return figure


def position_error(kinds: Mapping[str, Json]) -> graph_objects.Figure:
    """Median and ninth decile of the position error in millimetres, for each kind of step."""
    names = list(kinds)
    median, p90 = ([kinds[name][key] for name in names] for key in ("median_mm", "p90_mm"))
    figure = graph_objects.Figure()
    figure.add_bar(x=median, y=names, orientation="h", name="median", marker={"color": COLORS[0]})
    mark = {"symbol": "line-ns-open", "size": 16, "color": COLORS[1], "line": {"width": 3}}
    figure.add_scatter(x=p90, y=names, mode="markers", name="nine of ten below", marker=mark)
    figure.update_xaxes(title="error, mm", rangemode="tozero")
    figure.update_yaxes(autorange="reversed")
    return figure


def accuracy(evaluation: Mapping[str, Any]) -> graph_objects.Figure:
    """The planner's shares as bars, in per cent."""
    found = shares(evaluation)
    figure = graph_objects.Figure()
    figure.add_bar(x=[100 * share for share in found.values()], y=list(found), orientation="h", name="right")
    figure.update_traces(marker={"color": COLORS[2]}, texttemplate="%{x:.0f} %", textposition="inside")
    figure.update_xaxes(title="share, %", range=[0, 100])
    figure.update_yaxes(autorange="reversed")
    return figure


NAMES = {
    "keypoints_within_8px": "keypoint within 8 pixels",
    "objects_within_8px": "objects within 8 pixels",
    "step_accuracy": "next step named",
    "plans_exact": "plan word for word",
    "plans_exact_held_out": "plan, new wording",
    "plans_phrasing_exact": "plan, new wording",
    "plans_composition_exact": "plan, several tasks in one",
    "plans_impossible_refused": "impossible request refused",
}


def shares(evaluation: Mapping[str, Any]) -> dict[str, float]:
    """The known measures of a planner's evaluation that are there, by their plain names."""
    return {name: evaluation[key] for key, name in NAMES.items() if isinstance(evaluation.get(key), (int, float))}


def _about(evaluation: Json) -> str:
    episodes = evaluation["cells"][0]["episodes"]
    date = evaluation.get("date", "")
    return f"{episodes} episodes a task and condition on unseen scenes, {date}; lines: 95 % interval."


def _chart(title: str, note: str, figure: graph_objects.Figure) -> Json:
    return {"title": title, "note": note, "figure": json.loads(figure.to_json())}


def _mapping(value: Any) -> Json:
    return value if isinstance(value, dict) else {}


def _read(path: Path) -> Json:
    try:
        return _mapping(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError):
        return {}
