"""Turns at the model: one answer is written at a time, in a thread, while the server goes on listening."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass

from clap.errors import InvalidPlannerTextError
from clap.geometry.frames import VIEW_NAMES
from clap.geometry.views import CanonicalViews
from clap.policies.base import OnText
from clap.policies.planner.constrained_decoding import GrammarError
from clap.policies.planner.local import CoarseTaskPlanner
from clap.policies.planner.question import Question
from clap.policies.planner.view_images import DEPTH_NAMES, ImageFormatError, views_from_images
from clap.serving.chat_request import ChatRequest, RequestError

MAX_WAITING = 8
"""Requests that may be under way or wait for their turn; each holds a few images."""

HALF_A_LETTER = "\ufffd"

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Piece:
    """What was added to the answer; the last piece has a ``finish_reason``: "stop", or "length" if it was cut."""

    text: str
    finish_reason: str | None = None


class _GoneError(Exception):
    """Whoever asked has hung up; the answer is not written to its end."""


class RequestQueue:
    """Gives each request its turn at one planner."""

    def __init__(self, planner: CoarseTaskPlanner):
        self._planner = planner
        self._marks = tuple(filter(None, planner.tokenizer.all_special_tokens))
        self._turn = threading.Lock()
        self._waiting = 0
        self._seen: tuple[dict[str, str], CanonicalViews] | None = None

    async def pieces(self, request: ChatRequest) -> AsyncGenerator[Piece, None]:
        """The answer as it is written. Raises RequestError, before the first piece if the request is to blame."""
        if self._waiting >= MAX_WAITING:
            raise RequestError(f"{MAX_WAITING} requests are under way already; try again in a moment.", 503)
        loop = asyncio.get_running_loop()
        queue: asyncio.Queue[Piece | Exception] = asyncio.Queue()
        gone = threading.Event()

        def put(item: Piece | Exception) -> None:
            if gone.is_set():
                raise _GoneError
            loop.call_soon_threadsafe(queue.put_nowait, item)

        self._waiting += 1
        writing = loop.run_in_executor(None, self._write, request, put)
        writing.add_done_callback(self._count_down)
        try:
            while True:
                item = await queue.get()
                if isinstance(item, RequestError):
                    raise item
                if isinstance(item, Exception):
                    _log.error("An answer failed.", exc_info=item)
                    raise RequestError("The planner failed; the server's log says why.", 500) from item
                yield item
                if item.finish_reason is not None:
                    return
        finally:
            gone.set()

    def _count_down(self, _: object) -> None:
        self._waiting -= 1

    def _write(self, request: ChatRequest, put: Callable[[Piece | Exception], None]) -> None:
        """Wait for the turn, then put the answer's pieces, or the error that ended it."""
        sent = ""

        def on_text(text: str) -> None:
            nonlocal sent
            if text.startswith(sent) and not text.endswith(HALF_A_LETTER):
                put(Piece(text[len(sent) :]))
                sent = text

        with contextlib.suppress(_GoneError):
            try:
                with self._turn:
                    text, reason = self._answer(request, on_text)
                put(Piece(text.removeprefix(sent), reason))
            except _GoneError:
                raise
            except Exception as error:  # whatever it is, who asked must be told that no more comes
                put(error)

    def _answer(self, request: ChatRequest, on_text: OnText) -> tuple[str, str]:
        planner = self._planner
        self._check(request.question)
        views = self._see(request.images) if request.images else None
        limit = min(request.max_tokens or planner.max_new_tokens, planner.max_new_tokens)
        try:
            return planner.answer(Question(request.question, request.grammar, views, on_text, limit)), "stop"
        except InvalidPlannerTextError as cut:
            return cut.raw, "length"
        except GrammarError as error:
            why = " ".join(str(error).split())[:200]
            raise RequestError(f"The regular expression cannot be used: {why}.") from error

    def _check(self, question: str) -> None:
        """A question in words that the tokenizer has, without its marks: an image mark in it would be no image."""
        tokenizer = self._planner.tokenizer
        if any(mark in question for mark in self._marks):
            raise RequestError("The question holds one of the model's own marks, which only the server sets.")
        if tokenizer.unk_token_id in tokenizer(question, add_special_tokens=False)["input_ids"]:
            raise RequestError(
                "The question has words that this planner does not know; its model card lists those it does."
            )

    def _see(self, images: dict[str, str]) -> CanonicalViews:
        """The views in the images; those of the last request are kept, with what the planner has read of them."""
        if self._planner.settings.second_frame == "position" and set(images) == set(VIEW_NAMES):
            raise RequestError(f"This planner sees depth: send images named {', '.join(DEPTH_NAMES)} too.")
        if self._seen is None or self._seen[0] != images:
            try:
                self._seen = images, views_from_images(images)
            except ImageFormatError as error:
                raise RequestError(str(error)) from error
        return self._seen[1]
