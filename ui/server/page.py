"""One connected page: what it still has to be sent, and the task that sends it.

Answers go first and at once. Of everything else only the newest waits, so that a slow page skips frames instead of
filling the memory or holding anybody up.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections import deque
from collections.abc import Callable

from starlette.websockets import WebSocket, WebSocketDisconnect

from ui.protocol.messages import ConsoleMessage, LeaseState, Refused
from ui.server.lease import Member
from ui.station.channel import BINARY, NEWEST, Frame


class Allowance:
    """So many a second, with so many at once: a bucket that fills steadily and that every use takes one from."""

    def __init__(self, per_second: float, at_once: float, clock: Callable[[], float] = time.monotonic):
        self._rate, self._most, self._clock = per_second, at_once, clock
        self._left, self._at = at_once, clock()

    def take(self) -> bool:
        """True if one more is allowed now."""
        now = self._clock()
        self._left = min(self._most, self._left + (now - self._at) * self._rate)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


MAX_ANSWERS = 500
"""Answers that may wait for a page; one that does not read them is cut off."""

MAX_LINES = 300
MESSAGES_PER_SECOND, MESSAGES_AT_ONCE = 60.0, 120.0
COMPLAINTS_PER_SECOND, COMPLAINTS_AT_ONCE = 5.0, 20.0

PICTURES = ("pose", "scene", "fine", "board")
"""Kinds that wait while a page is not seen, the newest of each: they are most of what is sent."""

TOO_SLOW = 1013
"""The WebSocket close code for "try again later"."""

_numbers = itertools.count(1)


class Page:
    """``number`` is what a station knows the page by. Frames are offered from any thread, the rest is the loop's."""

    def __init__(self, socket: WebSocket, member: Member):
        self.socket, self.member = socket, member
        self.number = next(_numbers)
        self.messages = Allowance(MESSAGES_PER_SECOND, MESSAGES_AT_ONCE)
        self.complaints = Allowance(COMPLAINTS_PER_SECOND, COMPLAINTS_AT_ONCE)
        self.lease_shown: LeaseState | None = None
        self._seen = True
        self._loop = asyncio.get_running_loop()
        self._changed = asyncio.Event()
        self._answers: deque[str] = deque()
        self._lines: deque[str] = deque(maxlen=MAX_LINES)
        self._newest: dict[str, Frame] = {}
        self._ending: tuple[int, str] | None = None

    def offer(self, offered: Frame) -> None:
        """Send this frame when its turn comes; callable from any thread."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._take, offered)

    def _take(self, offered: Frame) -> None:
        if offered.kind == "world-lost":
            self._newest.clear()
        if offered.kind in NEWEST:
            self._newest[offered.kind] = offered
            self._changed.set()
        elif offered.kind == "log":
            self._lines.append(offered.payload.decode())
            self._changed.set()
        else:
            self._queue(offered.payload.decode())

    def see(self, seen: bool) -> None:
        """The page is in front of somebody, or no longer."""
        self._seen = seen
        self._changed.set()

    def answer(self, message: ConsoleMessage) -> None:
        """Send a message at once."""
        self._queue(message.to_json())

    def complain(self, sentence: str) -> None:
        """Say why a message had no effect, but not without end."""
        if self.complaints.take():
            self.answer(Refused(sentence=sentence))

    def _queue(self, text: str) -> None:
        if len(self._answers) >= MAX_ANSWERS:
            self.end(TOO_SLOW, "This page does not read what it is sent.")
            return
        self._answers.append(text)
        self._changed.set()

    def end(self, code: int = 1000, reason: str = "") -> None:
        """Close the link soon."""
        self._ending = (code, reason)
        self._changed.set()

    async def send(self) -> None:
        """Send what there is, for as long as the page reads it and is not to end."""
        while self._ending is None:
            await self._changed.wait()
            self._changed.clear()
            await self._send_answers()
            for kind in NEWEST:
                if kind in PICTURES and not self._seen:
                    continue
                newest = self._newest.pop(kind, None)
                if newest is not None and kind in BINARY:
                    await self.socket.send_bytes(newest.payload)
                elif newest is not None:
                    await self.socket.send_text(newest.payload.decode())
                await self._send_answers()
            await self._send_all(self._lines)  # after a hello, with which a page begins its log
        await self.close(*self._ending)

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close the link, if it still is one."""
        with contextlib.suppress(RuntimeError, WebSocketDisconnect):
            await self.socket.close(code, reason)

    async def _send_answers(self) -> None:
        await self._send_all(self._answers)

    async def _send_all(self, texts: deque[str]) -> None:
        while texts:
            await self.socket.send_text(texts.popleft())
