"""The loop of both trainings: a budget of CPU time, a state on disk from which any kill is survived, and progress.

The state holds the random generators too, so that a run that goes on draws what it would have drawn.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections import defaultdict
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import nn

from clap.errors import CheckpointError
from training.retraining.progress import Progress
from training.retraining.settings import RetrainSettings
from training.retraining.tracking import Tracker

STATE = "state.pt"
WARM_STEPS = 20
DECAY_SHARE = 0.4
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


class Cancelled(Exception):
    """The training was asked to end."""


def rate_factor(step: int, share: float) -> float:
    """Warm-up by steps, flat, then linear decay over the last DECAY_SHARE of the budget."""
    return min(1.0, (step + 1) / WARM_STEPS) * min(1.0, max(0.0, 1 - share) / DECAY_SHARE + 0.02)


class Loop:
    """Trains a learner in ``folder`` until its budget is spent; going on is the same as beginning.

    ``parent``: the number of the process that began it, without which it does not go on.
    """

    def __init__(
        self,
        learner: Learner,
        settings: RetrainSettings,
        folder: Path,
        progress: Progress,
        tracker: Tracker,
        parent: int,
    ):
        self._learner, self._settings, self._folder = learner, settings, folder
        self._progress, self._tracker = progress, tracker
        self._rng = np.random.default_rng([settings.seed, len(learner.name)])
        self.elapsed = 0.0
        self.counts = {"step": 0, "checks": 0}
        self._wanted = False
        self._parent = parent
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def share(self) -> float:
        """Share of the budget that is spent."""
        return self.elapsed / (60 * self._settings.minutes)

    def run(self) -> None:
        """Train, then export. Raises Cancelled on SIGTERM, or when the process that began it is gone."""
        signal.signal(signal.SIGTERM, self._cancel)
        self._resume()
        sums: dict[str, list[float]] = defaultdict(list)
        told = saved = time.monotonic()
        wall, begun = time.monotonic(), self.elapsed
        learner = self._learner
        while self.share < 1:
            if self._wanted or os.getppid() != self._parent:
                self._save()
                raise Cancelled
            started = time.process_time()
            if self.counts["checks"] <= self._settings.checks * self.share:
                self._check()
            learner.trained.train()
            for name, value in self._step().items():
                sums[name].append(value)
            self.elapsed += time.process_time() - started
            now = time.monotonic()
            if now - told >= TELL_SECONDS or self.share >= 1:
                pace = (now - wall) / max(self.elapsed - begun, 1e-9)
                left = max(0.0, 60 * self._settings.minutes - self.elapsed) * pace / 60
                self._tell(minutes_left=round(left, 2), **{k: round(float(np.mean(v)), 4) for k, v in sums.items()})
                sums.clear()
                told = now
            if now - saved >= self._settings.checkpoint_seconds:
                self._save()
                saved = time.monotonic()
        self._check()
        self._save()
        learner.export(self._folder / "export")

    def _step(self) -> dict[str, float]:
        factor = rate_factor(self.counts["step"], self.share)
        for optimizer in self._learner.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = self._settings.rate[self._learner.name] * factor
            optimizer.zero_grad(set_to_none=True)
        figures = self._learner.step(self._rng)
        trained = [parameter for parameter in self._learner.trained.parameters() if parameter.requires_grad]
        nn.utils.clip_grad_norm_(trained, 1.0)
        for optimizer in self._learner.optimizers:
            optimizer.step()
        self.counts["step"] += 1
        return figures

    def _check(self) -> None:
        self.counts["checks"] += 1
        if self._settings.check_scenes:
            self._tell(**self._learner.check())

    def _tell(self, **figures: float) -> None:
        self._progress.tell(self._learner.name, step=self.counts["step"], share=round(self.share, 4), **figures)
        self._tracker.log(figures, self.counts["step"])

    def _cancel(self, *_: object) -> None:
        self._wanted = True

    def _save(self) -> None:
        state: dict[str, Any] = {
            "model": self._learner.trained.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self._learner.optimizers],
            "torch_rng": torch.get_rng_state(),
            "numpy_rng": json.dumps(self._rng.bit_generator.state),
            "elapsed": self.elapsed,
            "counts": dict(self.counts),
        }
        part = self._folder / (STATE + ".part")
        torch.save(state, part)
        os.replace(part, self._folder / STATE)

    def _resume(self) -> None:
        path = self._folder / STATE
        if not path.exists():
            torch.manual_seed(self._settings.seed)
            return
        try:
            state = torch.load(path, weights_only=True)
            self._learner.trained.load_state_dict(state["model"])
            for optimizer, saved in zip(self._learner.optimizers, state["optimizers"], strict=True):
                optimizer.load_state_dict(saved)
            torch.set_rng_state(state["torch_rng"])
            self._rng.bit_generator.state = json.loads(state["numpy_rng"])
            self.elapsed, self.counts = float(state["elapsed"]), dict(state["counts"])
        except Exception as error:
            raise CheckpointError(f"{path} does not fit this run ({error}).", "Delete it to train anew.") from error
