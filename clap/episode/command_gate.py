"""Accepts commands and hands them to the worker, or refuses them, by the table of preconditions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from clap.episode.commands import EpisodeRun
from clap.episode.events import Refused
from clap.episode.preconditions import objection
from clap.episode.snapshot import EpisodeState


class CommandGate:
    """Any thread may call it."""

    def __init__(self, run: EpisodeRun):
        self._worker, self._run = run.worker, run
        self._event_bus = run.worker.event_bus

    def allows(self, verb: str) -> bool:
        """True if the verb is accepted now; else a ``Refused`` event says why not. Hold the board's lock."""
        sentence = objection(verb, self._event_bus.snapshot)
        return sentence is None or self.refuse(sentence)

    def command(
        self,
        verb: str,
        busy: EpisodeState,
        work: Callable[[], None],
        keep: bool = False,
        running: bool | None = None,
    ) -> bool:
        """Accept a command and enter its busy state, or refuse it.

        ``keep`` leaves the pending prediction, and with it a run that waits for approval; otherwise both end.
        """
        run_loop = self._run.run_loop
        with self._event_bus.lock:
            if not self.allows(verb):
                return False
            snapshot = self._event_bus.snapshot
            if running is None:
                running = keep and run_loop.running and snapshot.state is EpisodeState.AWAITING
            run_loop.running, run_loop.pause = running, False
            dropped: dict[str, Any] = {}
            if not keep:
                dropped = {"prediction": None, "verdict": None, "own": None, "correction": None}
                if snapshot.prediction is not None:  # the current step is no longer the predicted one
                    dropped["plan"] = run_loop.present.state.task.lines()
            self._event_bus.update(state=busy, failure=None, **dropped)
            self._worker.submit(work)
            return True

    def refuse(self, sentence: str) -> bool:
        """Tell why a command is not accepted; False."""
        self._event_bus.post(Refused, sentence=sentence)
        self._worker.wake()
        return False
