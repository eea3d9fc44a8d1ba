"""Where the server asks about demonstrations: a process of its own reads them, so that nothing holds up Stop.

Files are parsed there and pictures made there, one question after the other. The process is started with the first
question, and anew after it died or was ended because a question took too long.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import multiprocessing
import os
import signal
import threading
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from ui.panels.review.answer import Answer

MOST_WAITING = 24
"""Questions that may wait; a page asks for one thing at a time, and strips a few at once."""

PATIENCE_S = 60.0
LOOK_S = 0.5
"""How often it is seen that the server ends while an answer is awaited."""

CACHE_BYTES = 64 << 20
LATER = "Too much is asked for at once. Try again in a moment."
LOST = "This could not be read: it took too long, or the files are damaged."


class Desk:
    """Asks the reader's process. ``folders``: the sets by name. Any event loop may call ``ask``."""

    def __init__(self, folders: Mapping[str, Path], patience_s: float = PATIENCE_S):
        self.folders, self._patience = dict(folders), patience_s
        self._one = ThreadPoolExecutor(1, "demonstrations")
        self._lock = threading.Lock()
        self._asked: dict[str, Future[Answer]] = {}
        self._kept: OrderedDict[str, Answer] = OrderedDict()
        self._kept_bytes = 0
        self._process: BaseProcess | None = None
        self._pipe: Connection | None = None

    async def ask(self, question: dict[str, Any], version: str | None = None) -> Answer:
        """The answer; one of the ``version`` that is known to the page is remembered, as it never changes.

        Equal questions are asked once.
        """
        key = json.dumps({**question, "version": version}, sort_keys=True)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
            asked = self._asked.get(key)
            if asked is None:
                if len(self._asked) >= MOST_WAITING:
                    return Answer.error(503, LATER)
                asked = self._asked[key] = self._one.submit(self._exchange, key, version)
        return await asyncio.shield(asyncio.wrap_future(asked))

    def close(self) -> None:
        """End the process."""
        self._one.shutdown(wait=False, cancel_futures=True)
        self._end()

    # On the desk's own thread

    def _exchange(self, key: str, version: str | None) -> Answer:
        answer = Answer.error(500, LOST)
        try:
            with contextlib.suppress(OSError, EOFError):
                answer = self._answer(key)
        finally:
            with self._lock:
                self._asked.pop(key, None)
                if answer.status == 200 and answer.version and answer.version == version:
                    self._keep(key, answer)
        return answer

    def _answer(self, key: str) -> Answer:
        if self._process is None or not self._process.is_alive():
            self._start()
        assert self._pipe is not None
        try:
            self._pipe.send_bytes(key.encode())
            until = time.monotonic() + self._patience
            while not self._pipe.poll(LOOK_S):
                if time.monotonic() > until or not threading.main_thread().is_alive():
                    raise EOFError
            head = json.loads(self._pipe.recv_bytes())
            return Answer(**head, body=self._pipe.recv_bytes())
        except (OSError, EOFError):
            self._end()
            raise

    def _keep(self, key: str, answer: Answer) -> None:
        self._kept[key] = answer
        self._kept_bytes += len(answer.body)
        while self._kept_bytes > CACHE_BYTES:
            _, oldest = self._kept.popitem(last=False)
            self._kept_bytes -= len(oldest.body)

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_read, args=(theirs, self.folders), name="clap-reader", daemon=True)
        self._process.start()
        theirs.close()

    def _end(self) -> None:
        if self._pipe is not None:
            self._pipe.close()
        if self._process is not None and self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._process = self._pipe = None


def at_end(app: FastAPI, *actions: Callable[[], None]) -> None:
    """Do this when the server ends."""
    outer = app.router.lifespan_context

    @contextlib.asynccontextmanager
    async def lifespan(served: Any) -> AsyncIterator[Any]:
        async with outer(served) as state:
            yield state
        for action in actions:
            action()

    app.router.lifespan_context = lifespan


def _read(pipe: Connection, folders: Mapping[str, Path]) -> None:
    """The reader's process: it lives as long as its pipe."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C reaches the whole group; the server closes the pipe
    with contextlib.suppress(OSError, AttributeError):
        os.nice(15)  # looking at recordings waits for the motion and its pictures
    from ui.panels.review.answers import Answers

    answers = Answers(folders)
    with contextlib.suppress(EOFError, OSError):
        while True:
            answer = answers.to(json.loads(pipe.recv_bytes()))
            head = {"status": answer.status, "media": answer.media, "version": answer.version}
            pipe.send_bytes(json.dumps(head).encode())
            pipe.send_bytes(answer.body)
