"""The worker thread of an episode: commands one after the other, and a stop that no queue can delay.

Every stop starts a new epoch. A command belongs to the epoch in which it was submitted: one of an older epoch is
dropped, and one under way finds itself interrupted, so that a verb after a stop never revives what was stopped.
Beside the stops that are pressed there is a reason to halt from outside, for instance that the operator was lost.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from types import MappingProxyType
from typing import Any

from clap.episode.event_bus import EventBus
from clap.episode.events import Event, Failed, Stopped
from clap.episode.snapshot import EpisodeState
from clap.errors import ClapError, Failure

log = logging.getLogger(__name__)

Work = Callable[[], None]

Halted = Callable[[], "str | None"]
"""Why nothing may move now, as a sentence for the operator; empty for a stop that was pressed, None if all may move.

Polled every control tick, so it has to be quick."""

OnHalted = Callable[[float], None]
"""Told the ``time.monotonic()`` at which, after a stop, nothing moved any more; on whatever thread found out."""

IDLE_S = 0.25
"""Seconds without a command after which the worker looks around."""

HALTED = "halted"
NEXT_MOVE = "Look at the scene, then predict again, or move the arm home."


class Interrupted(Exception):
    """Stop was pressed, or the episode closed, while the present command was under way."""


class Worker:
    """Runs ``start`` once, then commands until it is closed, then ``finish``, all on one daemon thread.

    While there is no command it does what ``idle`` says, every quarter of a second.

    ``arm_moves``: a motion is under way, so that a stop is only done once the motion has ended.
    """

    def __init__(self, event_bus: EventBus, halted: Halted = lambda: None, on_halted: OnHalted = lambda when: None):
        self.event_bus = event_bus
        self._halted, self._on_halted = halted, on_halted
        self._owes_halt = False
        self.arm_moves = False
        self._epoch = 0
        self._present_epoch = 0
        self._commands: queue.SimpleQueue[tuple[int, Work] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._loop, name="episode", daemon=True)
        self._start: Work = lambda: None
        self._finish: Work = lambda: None
        self._idle: Work = lambda: None

    def begin(self, start: Work, finish: Work, idle: Work = lambda: None) -> None:
        """Start the thread."""
        self._start, self._finish, self._idle = start, finish, idle
        self._thread.start()

    # From any thread

    @property
    def closed(self) -> bool:
        """True once the thread is to end, or has."""
        return self.event_bus.snapshot.closed

    def submit(self, work: Work) -> None:
        """Queue a command in the present epoch."""
        self._commands.put((self._epoch, work))

    def wake(self) -> None:
        """Let an idle worker hand out what was posted on the board."""
        self._commands.put(None)

    def interrupt(self) -> None:
        """Start a new epoch: what is under way is interrupted, what is queued is dropped. Hold the board's lock."""
        self._epoch += 1
        self._owes_halt = True
        self.wake()

    def close(self, timeout: float) -> None:
        """Interrupt, and end the thread."""
        with self.event_bus.lock:
            self.event_bus.update(closed=True)
            self.interrupt()
        if threading.current_thread() is not self._thread:
            self._thread.join(timeout)

    # On the worker thread

    def interrupted(self) -> bool:
        """True once the present command belongs to the past, or nothing may move: what motions poll."""
        if self._epoch != self._present_epoch:
            return True
        reason = self._halted()
        if reason is not None:
            self._halt(reason)
        return reason is not None

    def _halt(self, reason: str) -> None:
        """Do as if stop had been pressed, for this reason."""
        with self.event_bus.lock:
            failure = Failure(HALTED, reason, NEXT_MOVE) if reason else None
            self.event_bus.update(state=EpisodeState.STOPPED, running=False, correction=None, failure=failure)
            self.event_bus.post(Stopped, reason=reason)
            self.interrupt()

    def enter(self, state: EpisodeState, **changes: Any) -> None:
        """Go to a state as part of the present command. Raises Interrupted if stop came first."""
        with self.event_bus.lock:
            if self._epoch != self._present_epoch or (state.in_motion and self.interrupted()):
                raise Interrupted
            self.arm_moves = state.in_motion
            self.event_bus.update(state=state, **changes)
        self.event_bus.deliver()

    def note(self, **facts: Any) -> None:
        """Record what has happened: true even if stop was pressed meanwhile."""
        self.event_bus.update(**facts)
        self.event_bus.deliver()

    def note_seconds(self, **seconds: float) -> None:
        """Record wall times by stage."""
        self.note(seconds=MappingProxyType({**self.event_bus.snapshot.seconds, **seconds}))

    def publish(self, kind: type[Event], **fields: Any) -> None:
        """Post an event and hand it out."""
        self.event_bus.post(kind, **fields)
        self.event_bus.deliver()

    def at_rest(self) -> None:
        """The arm does not move: say so, once for each stop."""
        with self.event_bus.lock:
            self.arm_moves = False
            owed, self._owes_halt = self._owes_halt, False
        if owed:
            self._on_halted(time.monotonic())

    def _loop(self) -> None:
        self._perform(self._epoch, self._start)
        try:
            while not self.closed:
                try:
                    command = self._commands.get(timeout=IDLE_S)
                except queue.Empty:
                    self._look_around()
                    continue
                if command is not None and command[0] == self._epoch:
                    self._perform(*command)
                self.at_rest()
                self.event_bus.deliver()
        finally:
            self._finish()

    def _look_around(self) -> None:
        try:
            self._idle()
        except Exception:
            log.exception("Looking around failed")
        self.event_bus.deliver()

    def _perform(self, epoch: int, work: Work) -> None:
        """Carry a command out; whatever goes wrong becomes a failure that the operator sees."""
        self._present_epoch = epoch
        try:
            work()
        except Interrupted:
            self.at_rest()
            log.info("A command was interrupted by stop.")
        except ClapError as error:
            log.warning("%s: %s", error.name, error)
            self._fail(Failure.of(error))
        except Exception as error:
            log.exception("A command failed")
            sentence = f"Something unexpected went wrong ({type(error).__name__}: {error})."
            self._fail(Failure("internal error", sentence, ClapError.default_next_move))
        self.event_bus.deliver()

    def _fail(self, failure: Failure) -> None:
        with self.event_bus.lock:
            if self._epoch == self._present_epoch:
                self.event_bus.update(state=EpisodeState.FAILED, failure=failure)
                self.event_bus.post(Failed, failure=failure)
