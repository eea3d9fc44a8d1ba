"""The run of both retrainings: a budget of CPU time, a state on disk from which any kill is survived, and progress.

The state holds the random generators too, so that a run that goes on draws what it would have drawn.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import nn

from training.retraining.progress import RetrainingProgress
from training.retraining.settings import RetrainSettings
from training.retraining.tracking import Tracker
from training.trainer.checkpoint_file import (
    random_state,
    read_checkpoint,
    restore,
    restore_random_state,
    write_checkpoint,
)
from training.trainer.optimizers import learning_rate_factor, optimizer_step
from training.trainer.training_run import Budget, EvenlySpaced, Every, Progress, TrainingRun

STATE = "state.pt"
WARM_STEPS = 20
DECAY_SHARE, FLOOR = 0.4, 0.02
TELL_SECONDS = 5.0
CANCELLED = 3
"""Exit status of a training that was asked to end before its budget was spent; its state is kept."""


class Learner(Protocol):
    """A part that is retrained. ``trained`` is the module whose state is kept, adapters included."""

    name: str
    trained: nn.Module
    optimizers: list[torch.optim.Optimizer]

    def step(self, rng: np.random.Generator) -> dict[str, float]:
        """Compute the losses of one batch and their gradients; returns them by name, "loss" their sum."""
        ...

    def check(self) -> dict[str, float]:
        """Shares of held-out decisions that are right: "new" on the demonstrations, "old" on what is rehearsed."""
        ...

    def export(self, folder: Path) -> None:
        """Write the part as a checkpoint holds it, adapters merged."""
        ...


class Retraining:
    """Trains a learner in ``folder`` until its budget is spent; going on is the same as beginning.

    ``parent``: the number of the process that began it, without which it does not go on.
    """

    def __init__(
        self,
        learner: Learner,
        settings: RetrainSettings,
        folder: Path,
        progress: RetrainingProgress,
        tracker: Tracker,
        parent: int,
    ):
        self._learner, self._settings, self._folder = learner, settings, folder
        self._told, self._tracker, self._parent = progress, tracker, parent
        self._rng = np.random.default_rng([settings.seed, len(learner.name)])
        self._wanted = False
        folder.mkdir(parents=True, exist_ok=True)
        self.progress = Progress()
        self.training_run = TrainingRun(
            self,
            Budget(60 * settings.minutes, "cpu_seconds"),
            self,
            log_every=Every(TELL_SECONDS, "seconds", at_end=True),
            checkpoint_every=Every(settings.checkpoint_seconds, "seconds"),
            evaluate_every=EvenlySpaced(settings.checks, from_start=True),
            should_stop=lambda: self._wanted or os.getppid() != self._parent,
        )

    def run(self) -> None:
        """Train, then export. Raises TrainingCancelledError on SIGTERM, or when the process that began it is gone."""
        signal.signal(signal.SIGTERM, self._cancel)
        self._resume()
        self.training_run.run()
        if figures := self.check():
            self.training_run.log(**figures)
        self._learner.export(self._folder / "export")

    def train_step(self) -> dict[str, float]:
        """See ``Trainer``."""
        learner = self._learner
        learner.trained.train()
        factor = learning_rate_factor(self.progress.step, self.training_run.share, WARM_STEPS, DECAY_SHARE, FLOOR)
        trained = [parameter for parameter in learner.trained.parameters() if parameter.requires_grad]
        with optimizer_step(learner.optimizers, trained, self._settings.rate[learner.name] * factor):
            figures = learner.step(self._rng)
        self.progress.step += 1
        return figures

    def check(self) -> dict[str, float]:
        """See ``Trainer``."""
        return self._learner.check() if self._settings.check_scenes else {}

    def position(self) -> dict[str, float]:
        """See ``Trainer``."""
        return {"step": self.progress.step, "share": round(self.training_run.share, 4)}

    def pace(self) -> dict[str, float]:
        """See ``Trainer``."""
        return {"minutes_left": round(self.training_run.minutes_left, 2)}

    def append(self, line: Mapping[str, Any]) -> None:
        """See ``Log``: a line of the whole retraining's progress, and figures for the tracker."""
        self._told.publish(self._learner.name, **line)
        figures = {name: value for name, value in line.items() if name not in self.position()}
        self._tracker.log(figures, self.progress.step)

    def save(self) -> None:
        """See ``Trainer``."""
        state = {
            "model": self._learner.trained.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self._learner.optimizers],
            **random_state(self._rng),
            "elapsed": self.progress.cpu_seconds,
            "counts": {"step": self.progress.step, "checks": self.progress.evaluations},
        }
        write_checkpoint(self._folder / STATE, state)

    def _resume(self) -> None:
        path = self._folder / STATE
        state = read_checkpoint(path)
        if state is None:
            torch.manual_seed(self._settings.seed)
            return
        restore(path, state, {"model": self._learner.trained}, self._learner.optimizers)
        restore_random_state(state, self._rng)
        self.progress.cpu_seconds = float(state["elapsed"])
        self.progress.step, self.progress.evaluations = state["counts"]["step"], state["counts"]["checks"]

    def _cancel(self, *_: object) -> None:
        self._wanted = True
