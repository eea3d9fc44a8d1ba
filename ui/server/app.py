"""The web server: Gradio's page, the live link, the plain-HTTP stop, and the static files."""

from __future__ import annotations

import os
import socket
from pathlib import Path

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # read when gradio is imported

import gradio as gr
import uvicorn
from fastapi import FastAPI, WebSocket
from fastapi.staticfiles import StaticFiles
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Scope

from clap.policies.checkpoint import default_checkpoint
from demos.sample import SAMPLE
from ui.console import build
from ui.panels.results.routes import add_routes
from ui.panels.retraining.panel import add_retraining_routes
from ui.panels.retraining.runs import Retrainings
from ui.panels.review.routes import add_review_routes
from ui.panels.review.transfer_routes import add_transfer_routes
from ui.server.access import Access, SameHostOnly
from ui.server.login import Login
from ui.server.login_required import LoginRequired
from ui.server.rooms import COOKIE, Rooms
from ui.theme import HEAD, theme

STATIC = Path(__file__).parents[1] / "static"


class FreshFiles(StaticFiles):
    """Static files that the browser revalidates, so that an updated console never runs half-old code."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file, with ``Cache-Control: no-cache``."""
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "no-cache"
        return response


def visitor_cookie(visitor: str, embedded: bool) -> str:
    """The header that has a browser remember a visitor. In another site's frame it is sent only if it says so, over
    HTTPS, and then belongs to that site and this one together (Partitioned, which http.cookies lacks before 3.14)."""
    sent = "SameSite=None; Secure; Partitioned" if embedded else "SameSite=Strict"
    return f"{COOKIE}={visitor}; Path=/; HttpOnly; {sent}"


def make_app(
    rooms: Rooms,
    access: Access,
    login: Login | None = None,
    checkpoint: Path | None = None,
    recordings: Path | None = None,
    retrainings: Retrainings | None = None,
) -> FastAPI:
    """The console as an ASGI application whose pages work in ``rooms``, after the ``login`` if there is one.

    ``checkpoint``: the one whose results are shown; None is the shipped one. ``recordings``: the folder of the
    demonstrations; None where nothing is recorded. ``retrainings``: None where retraining is off.
    """
    app = FastAPI(title="CLAP console", openapi_url=None, docs_url=None, redoc_url=None)

    @app.websocket("/clap/ws")
    async def link(socket: WebSocket) -> None:
        await rooms.serve(socket)

    @app.post("/clap/session")
    async def session(request: Request) -> JSONResponse:
        answer = JSONResponse({"token": access.issue(), "login": login is not None})
        if rooms.private and COOKIE not in request.cookies:
            answer.headers.append("set-cookie", visitor_cookie(rooms.new_visitor(), bool(access.embed_in)))
        return answer

    @app.post("/clap/stop")
    async def stop(request: Request) -> dict[str, bool]:
        rooms.stop(request.cookies.get(COOKIE))
        return {"stopped": True}

    add_routes(app, checkpoint or default_checkpoint())
    sets = {"sample": SAMPLE} | ({} if recordings is None else {"recordings": recordings})
    add_review_routes(app, sets)
    add_transfer_routes(app, sets, rooms)
    add_retraining_routes(app, retrainings)
    app.mount("/clap/static", FreshFiles(directory=STATIC), name="static")
    gr.mount_gradio_app(
        app,
        build(lambda request: rooms.stop(request.cookies.get(COOKIE))),
        path="/",
        theme=theme(),
        head=HEAD,
        footer_links=[],
        run_history=False,
        enable_monitoring=False,
        mcp_server=False,
        ssr_mode=False,
        show_error=False,
        max_file_size="1kb",
    )
    if login is not None:
        app.add_middleware(LoginRequired, login=login)
    app.add_middleware(SameHostOnly, access=access)
    return app


class Server:
    """Serves an application on a bound socket. An open page does not delay the end."""

    def __init__(self, app: FastAPI):
        config = uvicorn.Config(
            app,
            log_level="warning",
            # By name: uvicorn would take others where some package has brought them along, and the times that we
            # promise were measured with these.
            loop="asyncio",
            http="h11",
            timeout_graceful_shutdown=2,
            ws_max_size=64 * 1024,
            ws_per_message_deflate=False,  # pictures do not shrink, and a stop would wait while each page's are tried
        )
        self._server = uvicorn.Server(config)

    def run(self, listener: socket.socket) -> None:
        """Serve until interrupted, or until ``end`` is called from another thread."""
        self._server.run(sockets=[listener])

    def end(self) -> None:
        """Let ``run`` return."""
        self._server.should_exit = True
