"""The Demonstrations panel's routes for what goes out and comes in: a zip file made of what is chosen, and an upload.

Files lie in folders of the server's own; what a request names is looked up. An upload needs the operator's seat, and is
read in a process of its own before the station, the one writer, is told to take it in.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import shutil
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from fastapi import FastAPI, Query
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response

from ui.panels.review.desk import Desk, at_end
from ui.panels.review.workplaces import Workplaces
from ui.server.lease import NotOperatorError
from ui.server.rooms import COOKIE, Rooms
from ui.station.orders import DemoImport
from ui.station.station import UnresponsiveError

PATIENCE_S = 1800.0
MOST_READY = 3
"""Exports that are kept to be fetched; the oldest goes when another one is made."""

MOST_BYTES = 2 << 30
PIECE = 4 << 20
IMPORT = "/clap/demonstrations-import"
OWN_PAGE = ("same-origin", "none", None)
"""What browsers say of who asks; None: an old one."""

Chosen = Annotated[list[str] | None, Query(max_length=150)]
Kind = Literal["lerobot", "lerobot-language", "gembench"]


def add_transfer_routes(app: FastAPI, folders: Mapping[str, Path], rooms: Rooms) -> None:
    """Serve exports of the sets in ``folders``, and take uploads for the recordings from ``rooms``' operator."""
    desk = Desk(folders, PATIENCE_S)
    ready = Ready()
    one_upload = asyncio.Lock()
    workplaces = Workplaces()
    at_end(app, desk.close, workplaces.close)

    @app.get("/clap/demonstrations-export")
    async def prepare(request: Request, set: str, format: Kind, episode: Chosen = None) -> Response:
        if request.headers.get("sec-fetch-site") not in OWN_PAGE:
            return _sentence(403, "Exports are made for the console's own page only.")
        workplace = workplaces.new()
        question = {"ask": "export", "set": set, "format": format, "episodes": episode or []}
        answer = await desk.ask({**question, "workplace": str(workplace)})
        if answer.status != 200:
            await run_in_threadpool(shutil.rmtree, workplace, True)
            return Response(answer.body, answer.status, media_type=answer.media)
        path = Path(json.loads(answer.body)["file"])
        ticket = await run_in_threadpool(ready.keep, workplace, path)
        return JSONResponse({"ticket": ticket, "name": path.name, "bytes": path.stat().st_size})

    @app.get("/clap/demonstrations-export/{ticket}")
    async def fetch(ticket: str) -> Response:
        path = ready.get(ticket)
        if path is None:
            return _sentence(404, "That export is no longer there. Make it again.")
        return FileResponse(path, media_type="application/zip", filename=path.name)

    @app.post(IMPORT)
    async def take_in(request: Request, id: Annotated[int, Query(ge=0, le=2**53)], task: str = "") -> Response:
        if "recordings" not in folders:
            return _sentence(409, "There is no folder of recordings to import into.")
        seat, visitor = request.headers.get("x-clap-seat", ""), request.cookies.get(COOKIE)
        if one_upload.locked():
            return _sentence(503, "Another file is being imported. Wait until that is done.")
        async with one_upload:
            workplace, is_ours = workplaces.new(), True
            try:
                rooms.operating(visitor, seat)
                problem = await _received(request, workplace / "upload.zip")
                if problem is not None:
                    return problem
                answer = await desk.ask({"ask": "stage", "task": task[:2000], "workplace": str(workplace)})
                if answer.status != 200:
                    return Response(answer.body, answer.status, media_type=answer.media)
                live, page = rooms.operating(visitor, seat)
                # From here on the folder is the station's, which removes it.
                live.station.command(page, DemoImport(id=id, folder=str(workplace)))
                is_ours = False
            except (NotOperatorError, UnresponsiveError) as error:
                return _sentence(403, str(error))
            finally:
                if is_ours:
                    await run_in_threadpool(shutil.rmtree, workplace, True)
        return Response(answer.body, 202, media_type=answer.media)


class Ready:
    """Exports that wait to be fetched, by tickets that nobody can guess."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, tuple[Path, Path]] = OrderedDict()

    def keep(self, workplace: Path, path: Path) -> str:
        """A ticket for the file ``path`` in a folder that goes when it is no longer kept."""
        ticket = secrets.token_urlsafe(24)
        self._kept[ticket] = workplace, path
        while len(self._kept) > MOST_READY:
            _, (old, _) = self._kept.popitem(last=False)
            shutil.rmtree(old, ignore_errors=True)
        return ticket

    def get(self, ticket: str) -> Path | None:
        """The file of a ticket; None if it is not known, or no longer."""
        return self._kept.get(ticket, (None, None))[1]


def _sentence(status: int, sentence: str) -> JSONResponse:
    return JSONResponse({"sentence": sentence}, status)


async def _received(request: Request, path: Path) -> Response | None:
    """Write the request's body to a file, a piece at a time; a refusal if it is too large or does not fit."""
    too_large = f"The file is larger than the {MOST_BYTES >> 30} GB that are taken in at once."
    told = request.headers.get("content-length", "")
    if told.isdecimal() and int(told) > MOST_BYTES:
        return _sentence(413, too_large)
    total, waiting = 0, bytearray()
    try:
        with path.open("wb") as file:
            async for chunk in request.stream():
                total += len(chunk)
                if total > MOST_BYTES:
                    return _sentence(413, too_large)
                waiting += chunk
                if len(waiting) >= PIECE:
                    await run_in_threadpool(file.write, bytes(waiting))
                    waiting.clear()
            await run_in_threadpool(file.write, bytes(waiting))
    except OSError as error:
        return _sentence(507, f"The file could not be kept ({error.strerror}). Free some space, and try again.")
    return None
