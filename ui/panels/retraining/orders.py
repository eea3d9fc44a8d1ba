"""What the operator orders of retrainings, by the live link: each carried out on a thread, so that nobody waits."""

from __future__ import annotations

import asyncio
import logging

from clap.errors import ClapError
from ui.panels.retraining.runs import NOT_HERE, Retrainings
from ui.protocol.commands import AnyRetrainCommand, RetrainCancel, RetrainResume, RetrainStart, RetrainUse
from ui.protocol.messages import RetrainingAnswer
from ui.server.page import Page
from ui.station.orders import UseCheckpoint
from ui.station.station import Station, UnresponsiveError

logger = logging.getLogger(__name__)


class Orders:
    """Of one station's pages. ``retrainings`` None: retraining is off here."""

    def __init__(self, station: Station, retrainings: Retrainings | None):
        self._station, self._retrainings = station, retrainings
        self._under_way: set[asyncio.Future[None]] = set()

    def take(self, page: Page, order: AnyRetrainCommand) -> None:
        """Begin to carry out a checked order; what goes wrong is told the page. Returns at once."""
        retrainings = self._retrainings
        if retrainings is None:
            page.complain(NOT_HERE)
            return
        future = asyncio.get_running_loop().run_in_executor(None, self._execute, retrainings, page.number, order)
        self._under_way.add(future)
        future.add_done_callback(lambda done: self._tell(page, order, done))

    def _execute(self, retrainings: Retrainings, page: int, order: AnyRetrainCommand) -> None:
        match order:
            case RetrainStart():
                retrainings.start(order.set, order.episodes, order.method, order.minutes)
            case RetrainResume():
                retrainings.resume(order.run)
            case RetrainCancel():
                retrainings.cancel(order.run)
            case RetrainUse():
                folder = retrainings.checkpoint_of(order.run)
                self._station.command(page, UseCheckpoint(name=order.run, folder=str(folder)))

    def _tell(self, page: Page, order: AnyRetrainCommand, done: asyncio.Future[None]) -> None:
        self._under_way.discard(done)
        error = None if done.cancelled() else done.exception()
        if isinstance(error, (ClapError, UnresponsiveError)):
            page.complain(str(error))
        elif error is not None:
            logger.error("An order for a retraining failed", exc_info=error)
            page.complain(f"That failed ({type(error).__name__}: {error}).")
        page.answer(RetrainingAnswer(order=order.type, done=error is None))
