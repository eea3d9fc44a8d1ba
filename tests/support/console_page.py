"""The console's page as the server sees it, for tests that speak its messages."""

from __future__ import annotations

import contextlib
import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from starlette.testclient import TestClient, WebSocketTestSession

from tests.support.kinematic_station import options
from ui.panels.retraining.runs import Retrainings
from ui.server.access import Access
from ui.server.app import make_app
from ui.server.rooms import Rooms
from ui.station.station import Station

ORIGIN = {"origin": "http://localhost"}
LINK = "ws://localhost/clap/ws"


def console(
    made: Station,
    checkpoint: Path | None = None,
    retrainings: Retrainings | None = None,
    recordings: Path | None = None,
) -> FastAPI:
    """The console's application with this station, which shows the results of this checkpoint and these recordings."""
    access = Access("localhost")
    rooms = Rooms(made, lambda: Station(options()), access, retrainings=retrainings)
    return make_app(rooms, access, checkpoint=checkpoint, recordings=recordings, retrainings=retrainings)


class Page:
    """The console's page as the server sees it. ``skipped``: the kinds of messages that nobody asked for."""

    def __init__(self, link: WebSocketTestSession):
        self.link = link
        self.skipped: list[str] = []

    def send(self, kind: str, **fields: Any) -> None:
        self.link.send_json({"type": kind, **fields})

    def next(self, kind: str) -> dict[str, Any]:
        """The next message of a kind; binary ones are opened, their parts left aside."""
        while True:
            message = self.link.receive()
            if message["type"] == "websocket.close":
                raise AssertionError(f"closed while waiting for {kind!r}: {message}")
            if message.get("bytes") is not None:
                (length,) = struct.unpack_from("<I", message["bytes"])
                found: dict[str, Any] = json.loads(message["bytes"][4 : 4 + length])
            else:
                found = json.loads(message["text"])
            if found["type"] == kind:
                return found
            self.skipped.append(found["type"])

    def status_where(self, **wanted: Any) -> dict[str, Any]:
        while True:
            status = self.next("status")
            if all(status[key] == value for key, value in wanted.items()):
                return status

    def refused(self) -> str:
        return str(self.next("refused")["sentence"])

    def reset(self) -> None:
        """A fresh scene, whatever was before."""
        self.send("stop", id=1)
        self.settled("stopped")
        self.send("reset", task="touch", seed=0, condition="none")
        self.settled("ready")

    def settled(self, state: str) -> dict[str, Any]:
        """The status now, once the episode rests in this state."""
        return self.status_where(state=state, busy=False)


def token(client: TestClient) -> str:
    return str(client.post("/clap/session", headers=ORIGIN).json()["token"])


@contextlib.contextmanager
def opened(client: TestClient, **fields: Any) -> Iterator[Page]:
    """A link as the page opens it."""
    known = token(client)
    with client.websocket_connect(LINK, headers=ORIGIN) as link:
        page = Page(link)
        page.send("open", token=known, **fields)
        yield page


def stop_event(client: TestClient) -> int:
    """The number of the only event that Gradio's server handles: the click that static/live/stop.js makes."""
    (number,) = [event["id"] for event in client.get("/config").json()["dependencies"] if event["backend_fn"]]
    return int(number)


def gradio_stop(client: TestClient, event: int) -> dict[str, Any]:
    """What the click of the hidden button sets off."""
    body = {"data": [], "fn_index": event, "session_hash": "x"}
    answer: dict[str, Any] = client.post("/gradio_api/run/predict", headers=ORIGIN, json=body).json()
    return answer
