"""What the page sees of retrainings: read-only. What it asks for comes by the live link, from who operates."""

from __future__ import annotations

import json
from typing import Annotated

from fastapi import FastAPI, Query
from fastapi.responses import Response

from ui.panels.retraining.panel import retraining_panel
from ui.panels.retraining.runs import Retrainings

Name = Annotated[str | None, Query(pattern=r"^[A-Za-z0-9_-]{1,64}$")]


def add_retraining_routes(app: FastAPI, retrainings: Retrainings | None) -> None:
    """Serve the state of the runs; None where retraining is off."""

    @app.get("/clap/retraining")
    def retraining(run: Name = None) -> Response:
        content = json.dumps(retraining_panel(retrainings, run), allow_nan=False)
        return Response(content, media_type="application/json", headers={"Cache-Control": "no-cache"})
