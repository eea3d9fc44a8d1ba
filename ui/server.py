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
from starlette.responses import Response
from starlette.types import Scope

from clap.episode import Episode
from ui.access import Access, SameHostOnly
from ui.console import build
from ui.live import Live
from ui.messages import ConsoleInfo
from ui.theme import HEAD, theme

STATIC = Path(__file__).parent / "static"


class FreshFiles(StaticFiles):
    """Static files that the browser revalidates, so that an updated console never runs half-old code."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file, with ``Cache-Control: no-cache``."""
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "no-cache"
        return response


def make_app(episode: Episode, info: ConsoleInfo, host: str) -> FastAPI:
    """The console as an ASGI application that drives ``episode``; ``host`` is the name it will be served under."""
    access = Access(host)
    live = Live(episode, info, access)
    app = FastAPI(title="CLAP console", openapi_url=None, docs_url=None, redoc_url=None)

    @app.websocket("/clap/ws")
    async def link(socket: WebSocket) -> None:
        await live.serve(socket)

    @app.post("/clap/session")
    async def session() -> dict[str, str]:
        return {"token": access.issue()}

    @app.post("/clap/stop")
    async def stop() -> dict[str, bool]:
        episode.stop()
        return {"stopped": True}

    app.mount("/clap/static", FreshFiles(directory=STATIC), name="static")
    gr.mount_gradio_app(
        app,
        build(),
        path="/",
        theme=theme(),
        head=HEAD,
        footer_links=[],
        run_history=False,
        enable_monitoring=False,
        mcp_server=False,
        ssr_mode=False,
        show_error=True,
        max_file_size="1kb",
    )
    app.add_middleware(SameHostOnly, access=access)
    return app


def serve_on(app: FastAPI, listener: socket.socket) -> None:
    """Serve on a bound socket until interrupted. An open page does not delay the end."""
    config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=2, ws_max_size=64 * 1024)
    uvicorn.Server(config).run(sockets=[listener])
