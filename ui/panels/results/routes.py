"""The panels' routes: read-only, and nothing that a request says becomes part of a path."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import plotly
from fastapi import FastAPI, Query
from fastapi.responses import FileResponse, Response

from ui.panels.results.evaluation import evaluation_panel
from ui.panels.results.evaluation_files import Evaluations
from ui.panels.results.training import training_panel

SCRIPT = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
REPORT = Path(__file__).parents[3] / "docs" / "evaluation" / "runs"


def add_routes(app: FastAPI, checkpoint: Path, report: Path = REPORT) -> None:
    """Serve both panels' content, the film strips of failures, and plotly.js, which Plotly's package brings along.

    ``report``: the folder "runs" of a report that `python -m training.report` wrote; it need not exist.
    """
    evaluations = Evaluations(checkpoint, report)

    @app.get("/clap/evaluation")
    def evaluation(run: Annotated[list[str] | None, Query()] = None) -> Response:
        return _json(evaluation_panel(evaluations, run))

    @app.get("/clap/evaluation/film/{number}")
    def film(number: int, run: str) -> Response:
        path = evaluations.filmstrip_file(run, number)
        if path is None:
            return Response("There is no such film strip.", 404, media_type="text/plain")
        return FileResponse(path, media_type="image/webp", headers={"Cache-Control": "max-age=600"})

    @app.get("/clap/training")
    def training(against: str = "minutes") -> Response:
        return _json(training_panel(checkpoint, "samples" if against == "samples" else "minutes"))

    @app.get("/clap/plotly.js")
    def script() -> Response:
        return FileResponse(SCRIPT, media_type="text/javascript", headers={"Cache-Control": "max-age=86400"})


def _json(content: dict[str, Any]) -> Response:
    return Response(json.dumps(content, allow_nan=False), media_type="application/json")
