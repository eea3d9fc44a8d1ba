"""The run that all trainings share: a budget over all resumes, checkpoints, a log, and evaluations in between.

A trainer keeps what is its own (batches, losses, optimisers, held-out figures, what its state on disk holds); when
each of them is due is decided here.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np

Unit = Literal["step", "samples", "seconds", "cpu_seconds"]


@dataclass
class Progress:
    """How far a run is, over all resumes: optimiser steps, samples seen, wall seconds, this process's CPU seconds, and
    how many evaluations there were in between."""

    step: int = 0
    samples: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    evaluations: int = 0

    def spent(self) -> dict[str, Any]:
        """Steps, samples and seconds by name: what can be a budget."""
        return {name: getattr(self, name) for name in ("step", "samples", "seconds", "cpu_seconds")}


@dataclass(frozen=True)
class Budget:
    """How much of a ``unit`` of progress a run may spend, over all resumes."""

    amount: float
    unit: Unit

    def share(self, progress: Progress) -> float:
        """Share of the budget that is spent; the run is over at 1."""
        return getattr(progress, self.unit) / self.amount


class Trainer(Protocol):
    """What a training has of its own. ``progress`` is the run's; the trainer counts steps and samples in it."""

    progress: Progress

    def train_step(self) -> Mapping[str, float]:
        """One optimiser step on the next batch, counted in ``progress``; returns its losses by name."""
        ...

    def check(self) -> Mapping[str, Any]:
        """Figures on held-out data for the log, in between; none if there is nothing to tell."""
        ...

    def save(self) -> None:
        """Write the state from which the training goes on; it appears whole."""
        ...

    def position(self) -> Mapping[str, Any]:
        """What each line of the log begins with: how far the run is."""
        ...

    def pace(self) -> Mapping[str, Any]:
        """What a line of losses ends with: rates, time left."""
        ...


class Log(Protocol):
    """Where the lines of a run go."""

    def append(self, line: Mapping[str, Any]) -> None:
        """Keep a line."""
        ...


class Schedule(Protocol):
    """When something is due that recurs during a run."""

    def begin(self, progress: Progress) -> None:
        """It has just been done, or the run begins or goes on here."""
        ...

    def due(self, progress: Progress, share: float) -> bool:
        """True if it is to be done now, with this ``share`` of the budget spent."""
        ...


class Every:
    """Due at every multiple of ``amount`` steps, or once so many seconds of a clock went by since the last time;
    ``at_end`` also when the budget is spent."""

    def __init__(self, amount: float, unit: Unit, at_end: bool = False):
        self.amount, self.unit, self.at_end = amount, unit, at_end
        self._last = 0.0

    def begin(self, progress: Progress) -> None:
        """See ``Schedule``."""
        self._last = getattr(progress, self.unit)

    def due(self, progress: Progress, share: float) -> bool:
        """See ``Schedule``."""
        if self.at_end and share >= 1:
            return True
        now = getattr(progress, self.unit)
        # A resumed run logs and saves at the steps at which it would have done so uncut.
        return now % self.amount == 0 if self.unit == "step" else now - self._last >= self.amount


@dataclass(frozen=True)
class EvenlySpaced:
    """``count`` evaluations that cut the budget into equal parts; ``from_start`` with the first before any step.
    None before the share ``after`` of the budget."""

    count: int
    from_start: bool = False
    after: float = 0.0

    def begin(self, progress: Progress) -> None:
        """See ``Schedule``; how many there were is in the progress itself."""

    def due(self, progress: Progress, share: float) -> bool:
        """See ``Schedule``."""
        first = 0 if self.from_start else 1
        return share >= self.after and progress.evaluations + first <= (self.count + first) * share


class TrainingCancelledError(Exception):
    """The training was asked to end before its budget was spent; its state is kept."""


class TrainingRun:
    """Runs a trainer until its budget is spent; going on is the same as beginning.

    ``log`` None keeps no lines (processes beside the main one). ``after_checkpoint`` is called when a checkpoint was
    written in between. While ``should_stop`` says so the run saves and ends.
    """

    def __init__(
        self,
        trainer: Trainer,
        budget: Budget,
        log: Log | None,
        log_every: Schedule,
        checkpoint_every: Schedule,
        evaluate_every: Schedule | None = None,
        after_checkpoint: Callable[[], None] = lambda: None,
        should_stop: Callable[[], bool] = lambda: False,
    ):
        self._trainer, self._budget, self._log = trainer, budget, log
        self._log_every, self._checkpoint_every, self._evaluate_every = log_every, checkpoint_every, evaluate_every
        self._after_checkpoint, self._should_stop = after_checkpoint, should_stop
        self._wall, self._cpu = time.monotonic(), time.process_time()
        self._began = self._wall, 0.0

    @property
    def share(self) -> float:
        """Share of the budget that is spent."""
        return self._budget.share(self._trainer.progress)

    @property
    def minutes_left(self) -> float:
        """Minutes of wall time until the budget is spent, at the pace since this process began or went on."""
        wall, share = self._began
        return (self._wall - wall) * max(0.0, 1 - self.share) / max(self.share - share, 1e-9) / 60

    def log(self, **figures: Any) -> None:
        """Append a line, which begins with the trainer's position."""
        if self._log is not None:
            self._log.append({**self._trainer.position(), **figures})

    def run(self) -> None:
        """Train until the budget is spent, and save. Raises TrainingCancelledError, and what the trainer raises."""
        trainer, progress = self._trainer, self._trainer.progress
        self._wall, self._cpu = time.monotonic(), time.process_time()
        self._began = self._wall, self.share
        for schedule in (self._log_every, self._checkpoint_every, self._evaluate_every):
            if schedule is not None:
                schedule.begin(progress)
        losses: dict[str, list[float]] = defaultdict(list)
        while self.share < 1:
            if self._should_stop():
                trainer.save()
                raise TrainingCancelledError
            if self._evaluate_every is not None and self._evaluate_every.due(progress, self.share):
                self._evaluate(self._evaluate_every)
            for name, value in trainer.train_step().items():
                losses[name].append(value)
            self._spend()
            if self._log_every.due(progress, self.share):
                means = {name: round(float(np.mean(values)), 4) for name, values in losses.items()}
                self.log(**means, **trainer.pace())
                self._log_every.begin(progress)
                losses.clear()
            if self._checkpoint_every.due(progress, self.share):
                trainer.save()
                self._after_checkpoint()
                self._spend()
                self._checkpoint_every.begin(progress)
        trainer.save()

    def _evaluate(self, schedule: Schedule) -> None:
        progress = self._trainer.progress
        progress.evaluations += 1
        figures = self._trainer.check()
        self._spend()
        if figures:
            self.log(**figures)
        schedule.begin(progress)

    def _spend(self) -> None:
        """Count the time since the last call."""
        wall, cpu = time.monotonic(), time.process_time()
        self._trainer.progress.seconds += wall - self._wall
        self._trainer.progress.cpu_seconds += cpu - self._cpu
        self._wall, self._cpu = wall, cpu
