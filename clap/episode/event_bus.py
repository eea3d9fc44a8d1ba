"""The notice board of an episode: the snapshot that anyone may read, and the events that go out to subscribers.

Any thread may post; subscribers are called by the worker thread alone, in the order of ``seq``.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from clap.episode.events import Event, OnEvent, StateChanged
from clap.episode.snapshot import EpisodeSnapshot, EpisodeState

log = logging.getLogger(__name__)


class EventBus:
    """Holds the current snapshot, the subscribers, and the events not yet handed out."""

    def __init__(self, snapshot: EpisodeSnapshot):
        self.lock = threading.RLock()
        self._changed = threading.Condition(self.lock)
        self._snapshot = snapshot
        self._outbox: deque[Event] = deque()
        self._subscribers: list[OnEvent] = []
        self._events = 0

    @property
    def snapshot(self) -> EpisodeSnapshot:
        """The episode as it is now."""
        return self._snapshot

    def update(self, **changes: Any) -> None:
        """Replace fields of the snapshot; a change of state is posted as an event too."""
        with self.lock:
            before = self._snapshot
            self._snapshot = replace(before, seq=before.seq + 1, **changes)
            if self._snapshot.state is not before.state:
                self.post(StateChanged, state=self._snapshot.state)
            self._changed.notify_all()

    def post(self, kind: type[Event], **fields: Any) -> None:
        """Put an event into the outbox."""
        with self.lock:
            self._events += 1
            self._outbox.append(kind(seq=self._events, time=time.time(), **fields))

    def deliver(self) -> None:
        """Hand the outbox out. Only the worker thread calls this; a subscriber's error is logged and no more."""
        while True:
            with self.lock:
                if not self._outbox:
                    return
                event = self._outbox.popleft()
                subscribers = tuple(self._subscribers)
            for subscriber in subscribers:
                try:
                    subscriber(event)
                except Exception:
                    log.exception("A subscriber failed on %s", type(event).__name__)

    def subscribe(self, subscriber: OnEvent) -> Callable[[], None]:
        """Add a subscriber; the result takes it away again."""
        with self.lock:
            self._subscribers.append(subscriber)

        def unsubscribe() -> None:
            with self.lock:
                if subscriber in self._subscribers:
                    self._subscribers.remove(subscriber)

        return unsubscribe

    def wait(self, until: Callable[[EpisodeSnapshot], bool], timeout: float) -> EpisodeSnapshot:
        """The first snapshot that ``until`` accepts. Raises TimeoutError after ``timeout`` seconds."""
        with self._changed:
            if not self._changed.wait_for(lambda: until(self._snapshot), timeout):
                state: EpisodeState = self._snapshot.state
                raise TimeoutError(f'The episode is still "{state.value}" after {timeout:g} s.')
            return self._snapshot
