"""Which world a visitor works in: one that all share, or in simulation one of their own, as many as are allowed.

A world of one's own goes back when nobody looks at it any more, or when others wait and nothing is done with it.
"""

from __future__ import annotations

import asyncio
import secrets
import threading
import time
from collections.abc import Callable

from starlette.websockets import WebSocket, WebSocketDisconnect

from ui.panels.retraining.runs import Retrainings
from ui.protocol import BadCommandError, read
from ui.protocol.commands import Open, Ping, Stop
from ui.protocol.messages import Pong, QueuePlace, StopAcknowledged
from ui.server.access import POLICY_VIOLATION, Access
from ui.server.lease import NotOperatorError
from ui.server.live import Live
from ui.server.page import TOO_SLOW
from ui.station.station import Station

COOKIE = "clap-visitor"
OPENING_TIMEOUT_S = 5.0
LOOK_S = 1.0
"""How often a visitor who waits is told the place in the queue."""

ABANDONED_S = 60.0
"""Seconds without a page after which a world is closed."""

MAX_QUEUE = 50

MakeStation = Callable[[], Station]


class Rooms:
    """``worlds`` 1: one station, ``first``, for everybody; more: visitors get one each, made by ``make``.

    ``idle_s``: seconds without a command after which a world goes to the next visitor in the queue. ``retrainings``:
    None where retraining is off.
    """

    def __init__(
        self,
        first: Station,
        make: MakeStation,
        access: Access,
        worlds: int = 1,
        idle_s: float = 600.0,
        abandoned_s: float = ABANDONED_S,
        retrainings: Retrainings | None = None,
    ):
        self.private = worlds > 1
        self._spare: Live | None = Live(first, retrainings)
        self._make, self._access, self._worlds = make, access, worlds
        self._idle_s, self._abandoned_s = idle_s, abandoned_s
        self._rooms: dict[str, Live] = {}
        self._queue: list[object] = []
        self._closing: set[threading.Thread] = set()
        self._caretaker: asyncio.Task[None] | None = None

    # Visitors

    @staticmethod
    def new_visitor() -> str:
        """What a visitor's browser is to be known by."""
        return secrets.token_urlsafe(24)

    def stop(self, visitor: str | None) -> int:
        """Halt all motion in the visitor's world. Returns the stop's number, 0 if there is no such world."""
        live = self._room(visitor)
        return 0 if live is None else live.station.stop()

    def operating(self, visitor: str | None, seat: str) -> tuple[Live, int]:
        """The world in which the page with this seat operates, and the page's number. Raises NotOperatorError."""
        live = self._room(visitor)
        if live is None:
            raise NotOperatorError("There is no world here that this page operates.")
        return live, live.operating(seat)

    async def serve(self, socket: WebSocket) -> None:
        """One page's link, from its token to its end."""
        await socket.accept()
        opening = await self._opening(socket)
        visitor = socket.cookies.get(COOKIE)
        if opening is None or (self.private and visitor is None):
            await socket.close(POLICY_VIOLATION, "This link was not opened by the console's page.")
        elif len(self._queue) >= MAX_QUEUE:
            await socket.close(TOO_SLOW, "Too many visitors wait already. Come back later.")
        else:
            try:
                live = await self._admitted(socket, visitor or "")
            except (WebSocketDisconnect, RuntimeError, KeyError):
                return
            await live.serve(socket, opening)

    async def _opening(self, socket: WebSocket) -> Open | None:
        try:
            first = read(await asyncio.wait_for(socket.receive_text(), OPENING_TIMEOUT_S))
        except (asyncio.TimeoutError, WebSocketDisconnect, BadCommandError, KeyError):
            return None
        return first if isinstance(first, Open) and self._access.redeem(first.token) else None

    @property
    def any_up(self) -> bool:
        """True while a visitor's own world is there."""
        return any(live.station.up.is_set() for live in self._rooms.values())

    # Rooms

    def _room(self, visitor: str | None) -> Live | None:
        return self._rooms.get(visitor or "") if self.private else self._spare

    async def _admitted(self, socket: WebSocket, visitor: str) -> Live:
        """The visitor's world, once there is one; until then the page is told its place in the queue."""
        ticket = object()
        self._queue.append(ticket)
        try:
            while (live := self._room(visitor)) is None:
                self._close_unused()
                if self._queue[0] is ticket and len(self._rooms) < self._worlds:
                    self._open(visitor)
                else:
                    await socket.send_text(self._place(ticket).to_json())
                    await self._answer_for(LOOK_S, socket)
            return live
        finally:
            self._queue.remove(ticket)

    def _place(self, ticket: object) -> QueuePlace:
        worlds = f"All {self._worlds} worlds are in use."
        rest = f"{self._idle_s:g} seconds" if self._idle_s < 120 else f"{self._idle_s / 60:g} minutes"
        sentence = f"{worlds} One gets free when its visitor leaves, or does nothing in it for {rest}."
        return QueuePlace(place=self._queue.index(ticket) + 1, of=len(self._queue), sentence=sentence)

    async def _answer_for(self, seconds: float, socket: WebSocket) -> None:
        """Answer all that comes from a page that waits, for so long; an answer that is begun is sent whole."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            try:
                text = await asyncio.wait_for(socket.receive_text(), left)
            except asyncio.TimeoutError:
                return
            await self._answer(socket, text)

    @staticmethod
    async def _answer(socket: WebSocket, text: str) -> None:
        """Answer a page that waits: it has nothing to stop."""
        try:
            message = read(text)
        except BadCommandError:
            return
        if isinstance(message, Ping):
            await socket.send_text(Pong(t=message.t).to_json())
        elif isinstance(message, Stop):
            await socket.send_text(StopAcknowledged(id=message.id).to_json())

    def _open(self, visitor: str) -> None:
        if self._spare is not None and self._spare.station.over:
            self._spare = None
        live, self._spare = self._spare or Live(self._make()), None
        live.touch()
        self._rooms[visitor] = live
        if self._caretaker is None:
            self._caretaker = asyncio.create_task(self._take_care())

    async def _take_care(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            self._close_unused()

    def _close_unused(self) -> None:
        """Close worlds that have died for good or that nobody looks at; where somebody waits, also those that nobody
        uses."""
        for visitor, live in list(self._rooms.items()):
            if live.station.over:
                self._take_back(visitor, "Your world died. You get another one by itself, or a place in the queue.")
                continue
            if not live.station.up.is_set():
                live.touch()  # nothing can be done in it before it has started
            needed = bool(self._queue) and len(self._rooms) >= self._worlds
            limit = self._idle_s if live.pages else self._abandoned_s
            if (needed or not live.pages) and time.monotonic() - live.used_at > limit:
                self._take_back(
                    visitor, "Your world went to the next visitor, because nothing was done in it for a while."
                )

    def _take_back(self, visitor: str, sentence: str) -> None:
        live = self._rooms.pop(visitor)
        live.dismiss(sentence)
        self._close_station(live.station)

    def _close_station(self, station: Station) -> None:
        """Ending a process takes seconds; the pages of others do not wait for it."""
        closer = threading.Thread(target=station.close, name="closer")
        self._closing = {thread for thread in self._closing if thread.is_alive()} | {closer}
        closer.start()

    def close(self) -> None:
        """End all worlds."""
        for live in [*self._rooms.values(), *([self._spare] if self._spare else [])]:
            self._close_station(live.station)
        for closer in list(self._closing):
            closer.join()
