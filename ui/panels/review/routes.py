"""The Demonstrations panel's routes for looking: read-only, and nothing that a request says becomes part of a path."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from fastapi import FastAPI, Query
from fastapi import Path as InAddress
from starlette.requests import Request
from starlette.responses import Response

from ui.panels.review.answer import Answer
from ui.panels.review.desk import Desk, at_end

Name = Annotated[str, InAddress(pattern=r"^[a-z]{1,20}$")]
Identity = Annotated[str, InAddress(pattern=r"^[A-Za-z0-9-]{1,64}$")]
Version = Annotated[str | None, Query(pattern=r"^[0-9a-f]{16}$")]
Frame = Annotated[int, InAddress(ge=0, le=1_000_000)]

FOR_EVER = "private, max-age=86400, immutable"
"""What is asked for with its version never changes."""


def add_review_routes(app: FastAPI, folders: Mapping[str, Path]) -> None:
    """Serve what can be seen of the demonstrations in ``folders``, by the names of the sets."""
    desk = Desk(folders)
    at_end(app, desk.close)

    async def looked_up(question: dict[str, object], version: str | None) -> Response:
        answer = await desk.ask(question, version)
        return _response(answer, FOR_EVER if answer.version and answer.version == version else "no-cache")

    @app.get("/clap/demonstrations")
    async def listing(request: Request) -> Response:
        answer = await desk.ask({"ask": "list", "sets": sorted(folders)})
        tag = f'"{hashlib.sha256(answer.body).hexdigest()[:20]}"'
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers={"ETag": tag})
        response = _response(answer, "no-cache")
        response.headers["ETag"] = tag
        return response

    @app.get("/clap/demonstrations/{name}/{identity}")
    async def episode(name: Name, identity: Identity, version: Version = None) -> Response:
        return await looked_up({"ask": "episode", "set": name, "episode": identity}, version)

    @app.get("/clap/demonstrations/{name}/{identity}/film")
    async def film(name: Name, identity: Identity, version: Version = None) -> Response:
        return await looked_up({"ask": "film", "set": name, "episode": identity}, version)

    @app.get("/clap/demonstrations/{name}/{identity}/frame/{frame}")
    async def frame(name: Name, identity: Identity, frame: Frame) -> Response:
        return await looked_up({"ask": "frame", "set": name, "episode": identity, "frame": frame}, identity)


def _response(answer: Answer, caching: str) -> Response:
    return Response(answer.body, answer.status, media_type=answer.media, headers={"Cache-Control": caching})
