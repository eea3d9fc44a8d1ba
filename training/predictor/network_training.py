"""What the trainings of the fine predictor and of the RVT-2 baseline share: a network that learns from views with
actions, its optimisers, checkpoint and log, and a budget of wall time or samples."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedTokenizerBase

from clap.policies.predictor.network import FineActionNetwork
from clap.policies.predictor.predictor import FineActionPredictor
from training.predictor.losses import batch_losses
from training.predictor.optimizers import optimizers
from training.predictor.samples import Samples, ZoomData, require_apart
from training.predictor.settings import NetworkTrainingSettings
from training.trainer.checkpoint_file import read_checkpoint, restore, write_checkpoint
from training.trainer.json_log import JsonLog
from training.trainer.optimizers import learning_rate_factor, optimizer_step
from training.trainer.training_run import Every, Progress, TrainingRun

CHECKPOINT = "checkpoint.pt"
LOG_STEPS = 50
FLOOR = 0.01
"""Share of the learning rate that is left at the end."""


class NetworkTraining(ABC):
    """One run: network, optimisers, progress; ``folder`` has its checkpoint, log and evaluation, ``exported`` what a
    policy loads."""

    def __init__(
        self,
        settings: NetworkTrainingSettings,
        folder: Path,
        exported: Path,
        data: ZoomData,
        validation: ZoomData,
    ):
        """Raises CheckpointError, and TrainingDataError if training and validation share a demonstration."""
        self.settings, self.folder, self.exported = settings, folder, exported
        self.data, self.validation = data, validation
        if validation is not data:
            require_apart(data, validation)
        torch.set_num_threads(settings.threads)
        torch.manual_seed(settings.seed)
        folder.mkdir(parents=True, exist_ok=True)
        saved = read_checkpoint(folder / CHECKPOINT) if settings.resume else None
        self.progress = Progress(**saved["progress"]) if saved else Progress()
        self.network, self.tokenizer = self.new_network() if saved is None else self.saved_network(saved)
        self.optimizers = optimizers(self.network, settings.learning_rate)
        if saved is not None:
            restore(folder / CHECKPOINT, saved, {"network": self.network}, self.optimizers)
        self.training_run = TrainingRun(
            self,
            settings.budget,
            JsonLog(folder / "log.jsonl"),
            log_every=Every(LOG_STEPS, "step"),
            checkpoint_every=Every(settings.checkpoint_seconds, "seconds"),
            evaluate_every=Every(settings.evaluate_seconds, "seconds"),
            after_checkpoint=self.refresh,
        )

    @abstractmethod
    def new_network(self) -> tuple[FineActionNetwork, PreTrainedTokenizerBase]:
        """What a run begins with."""

    @abstractmethod
    def saved_network(self, saved: dict[str, Any]) -> tuple[FineActionNetwork, PreTrainedTokenizerBase]:
        """The network that a run goes on with, its weights not yet in it."""

    @abstractmethod
    def next_batch(self) -> Samples:
        """The samples of the next step, augmented."""

    @abstractmethod
    def evaluate(self, limit: int) -> dict[str, Any]:
        """Held-out errors over at most ``limit`` samples."""

    @abstractmethod
    def refresh(self) -> None:
        """Take in data that appeared; called after each checkpoint."""

    def parameters(self) -> Iterable[nn.Parameter]:
        """Those that the first line of the log counts."""
        return self.network.parameters()

    def data_facts(self) -> dict[str, int]:
        """What the last line of the log says of the data."""
        return {}

    def learned(self, losses: dict[str, Tensor]) -> dict[str, Tensor]:
        """Those of the losses that are learned from."""
        return losses

    @property
    def share(self) -> float:
        """Share of the budget that is spent."""
        return self.training_run.share

    def train_step(self) -> dict[str, float]:
        """See ``Trainer``."""
        return self.learn(self.next_batch())

    def learn(self, samples: Samples) -> dict[str, float]:
        """One optimiser step on these samples; returns the losses."""
        settings, progress = self.settings, self.progress
        factor = learning_rate_factor(progress.step, self.share, settings.warmup_steps, settings.decay_share, FLOOR)
        with optimizer_step(self.optimizers, self.network.parameters(), settings.learning_rate * factor):
            parts = self.learned(batch_losses(self.network, samples, self.tokenizer, settings.sigma))
            sum(parts.values(), torch.zeros(())).backward()
        progress.step += 1
        progress.samples += len(samples.targets)
        return {name: float(value.detach()) for name, value in parts.items()}

    def batch_size(self) -> int:
        """Samples of the next step: those of a batch, or what a budget of samples leaves."""
        if self.settings.samples is None:
            return self.settings.batch
        return min(self.settings.batch, self.settings.samples - self.progress.samples)

    def check(self) -> dict[str, Any]:
        """See ``Trainer``."""
        return {"event": "evaluation", **self.evaluate(self.settings.evaluate_samples)}

    def state(self) -> dict[str, Any]:
        """What goes on: weights, optimisers and progress."""
        return {
            "network": self.network.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "progress": self.progress.spent(),
        }

    def save(self) -> None:
        """Write the exported folder, then the checkpoint, which makes it valid, each by an atomic rename."""
        FineActionPredictor(self.network, self.tokenizer).save(self.exported)
        self.network.train()
        write_checkpoint(self.folder / CHECKPOINT, self.state())

    def position(self) -> dict[str, Any]:
        """See ``Trainer``."""
        return {name: round(value, 1) for name, value in self.progress.spent().items()}

    def pace(self) -> dict[str, float]:
        """See ``Trainer``."""
        rate = self.progress.samples / max(self.progress.seconds, 1e-9)
        return {"samples_per_second": round(rate, 1), "minutes_left": round(self.training_run.minutes_left, 1)}

    def run(self) -> dict[str, Any]:
        """Train until the budget is spent, then evaluate on the whole held-out part; returns that evaluation."""
        held_out = self.validation.count(held_out=True)
        parameters = sum(parameter.numel() for parameter in self.parameters())
        self.training_run.log(event="start", parameters=parameters, train=self.data.count(), held_out=held_out)
        self.network.train()
        self.training_run.run()
        report = self.evaluate(held_out)
        self.training_run.log(event="end", **self.data_facts(), **report)
        (self.folder / "evaluation.json").write_text(json.dumps(report, indent=1) + "\n")
        return report
