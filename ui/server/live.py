"""The live link of all pages to one station: its frames down, commands and stop up, and the lease between the pages.

Everything here runs on the server's loop and returns at once; the world is in another process (see station/).
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time

from starlette.websockets import WebSocket, WebSocketDisconnect

from ui.panels.retraining.orders import Orders
from ui.panels.retraining.runs import Retrainings
from ui.protocol import BadCommandError, read
from ui.protocol.commands import (
    LeaseAction,
    Open,
    PageMessage,
    Ping,
    Rename,
    RetrainCancel,
    RetrainResume,
    RetrainStart,
    RetrainUse,
    Seen,
    Stop,
)
from ui.protocol.messages import Pong, StopAcknowledged
from ui.server.lease import Lease, Member, NotOperatorError
from ui.server.page import TOO_SLOW, Page
from ui.station.channel import EVERY_PAGE, Frame
from ui.station.station import Station, UnresponsiveError

TICK_S = 0.5
"""How often time takes effect on the lease, and its seconds are told."""

MAX_PAGES = 32
NOT_TEXT = 1003
CLOSED_BY_THE_PAGE = (1000, 1001)
"""WebSocket close codes of a page that was closed or left; others mean that the link broke."""


class Live:
    """The pages of one station."""

    def __init__(self, station: Station, retrainings: Retrainings | None = None):
        self.station = station
        self._orders = Orders(station, retrainings)
        self.used_at = time.monotonic()
        self._lease = Lease()
        self._pages: dict[int, Page] = {}
        self._ticking: asyncio.Task[None] | None = None
        station.listen(self._on_frame)

    @property
    def pages(self) -> int:
        """How many pages are connected."""
        return len(self._pages)

    def _on_frame(self, frame: Frame) -> None:
        """Called on a thread of the station's: hand the frame to the page it is for, or to all."""
        for page in list(self._pages.values()):
            if frame.page in (EVERY_PAGE, page.number):
                page.offer(frame)

    # One page

    async def serve(self, socket: WebSocket, opening: Open) -> None:
        """One page's link, from its first message (see Rooms) to its end."""
        if len(self._pages) >= MAX_PAGES:
            await socket.close(TOO_SLOW, f"{MAX_PAGES} pages are open already. Close one, then try again.")
            return
        self.touch()
        await self._serve(Page(socket, self._join(opening.seat)))

    def touch(self) -> None:
        """Somebody does something with this world."""
        self.used_at = time.monotonic()

    def operating(self, seat: str) -> int:
        """The number of the page with this seat, for what comes by another way than its link.

        Raises NotOperatorError unless it operates.
        """
        for page in list(self._pages.values()):
            if secrets.compare_digest(page.member.seat.encode(), seat.encode()):
                self._lease.require(page.member)
                self.touch()
                return page.number
        raise NotOperatorError("This page has lost its link to the console. Wait until it is back.")

    def dismiss(self, sentence: str) -> None:
        """Close the links of all pages; each asks for a world anew."""
        for page in list(self._pages.values()):
            page.end(TOO_SLOW, sentence)

    def _join(self, seat: str | None) -> Member:
        member = self._lease.join(seat)
        for page in list(self._pages.values()):
            if page.member is member:  # its former link is half open still
                del self._pages[page.number]
                page.end()
        return member

    async def _serve(self, page: Page) -> None:
        self._pages[page.number] = page
        for frame in self.station.known():
            page.offer(frame)
        self._show_lease()
        self._last_heartbeat(page)
        if self._ticking is None:
            self._ticking = asyncio.create_task(self._tick())
        sender = asyncio.create_task(self._send(page))
        code = 0
        try:
            while True:
                self._receive(page, await page.socket.receive_text())
        except WebSocketDisconnect as gone:
            code = gone.code
        except RuntimeError:  # closed while sending
            pass
        except KeyError:  # binary instead of text
            await page.close(NOT_TEXT, "The console reads text only.")
        finally:
            sender.cancel()
            self._left(page, code in CLOSED_BY_THE_PAGE)

    async def _send(self, page: Page) -> None:
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            await page.send()

    def _left(self, page: Page, closed: bool) -> None:
        if self._pages.pop(page.number, None) is None:
            return  # its member has come back by another link
        if closed:
            self._lease.leave(page.member)
        else:
            self._lease.lose(page.member)
        self._show_lease()
        self.touch()
        if not self._pages and self._ticking is not None:
            self._ticking.cancel()
            self._ticking = None

    # Up

    def _receive(self, page: Page, text: str) -> None:
        """Act on one message. Stop is never refused, however much is sent."""
        try:
            message = read(text)
            if isinstance(message, Stop) or page.messages.take():
                self._act(page, message)
            else:
                page.complain("Too many messages at once: some were left out.")
        except (BadCommandError, NotOperatorError, UnresponsiveError) as error:
            page.complain(str(error))

    def _act(self, page: Page, message: PageMessage) -> None:
        match message:
            case Stop():
                self.station.stop()
                page.answer(StopAcknowledged(id=message.id))
            case Ping():
                self._last_heartbeat(page)
                page.answer(Pong(t=message.t))
            case Seen():
                page.see(message.value)
            case Rename():
                self._lease.rename(page.member, message.name)
                self._show_lease()
            case LeaseAction():
                self._lease.act(page.member, message.action, message.to)
                self._show_lease()
            case Open():
                raise BadCommandError("This link is open already.")
            case RetrainStart() | RetrainCancel() | RetrainResume() | RetrainUse():
                self._require(page)
                self._orders.take(page, message)
            case _:
                self._require(page)
                self.station.command(page.number, message)

    def _require(self, page: Page) -> None:
        """A command of the operator. Raises NotOperatorError for any other page."""
        self._lease.require(page.member)
        self._last_heartbeat(page)
        self.touch()

    def _last_heartbeat(self, page: Page) -> None:
        """A sign of life: of the operator's page it keeps motions going."""
        if self._lease.operates(page.member):
            self.station.alive()

    # The lease

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            self._lease.tick()
            self._show_lease()

    def _show_lease(self) -> None:
        for page in self._pages.values():
            view = self._lease.view(page.member)
            if view != page.lease_shown:
                page.lease_shown = view
                page.answer(view)
