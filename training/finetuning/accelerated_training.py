"""What the trainings at the paper's size share: ``accelerate``, and a run whose budget is optimiser steps."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

from accelerate import Accelerator
from accelerate.utils import GradientAccumulationPlugin, set_seed
from torch import nn

from training.finetuning.accelerated_checkpoint import CheckpointFolder
from training.finetuning.config import micro_batches
from training.trainer.json_log import JsonLog
from training.trainer.training_run import Budget, Every, Progress, TrainingRun

LOG, RECORD = "log.jsonl", "training_record.json"


class RunConfig(Protocol):
    """What of a run's configuration decides about it."""

    @property
    def precision(self) -> str: ...
    @property
    def batch(self) -> int: ...
    @property
    def micro_batch(self) -> int: ...
    @property
    def seed(self) -> int: ...
    @property
    def out(self) -> str: ...
    @property
    def log_steps(self) -> int: ...
    @property
    def checkpoint_steps(self) -> int: ...


def accelerator_for(config: RunConfig) -> Accelerator:
    """The accelerator of a run, which counts the micro batches of a batch over all processes, with its seed set.

    Batches are read ahead, so the end of the data must not force a step; the schedule steps once an optimiser step,
    whatever the number of processes. Raises FinetuningError if the processes cannot share a batch evenly.
    """
    plugin = GradientAccumulationPlugin(num_steps=1, sync_with_dataloader=False)
    accelerator = Accelerator(
        mixed_precision=config.precision, gradient_accumulation_plugin=plugin, step_scheduler_with_optimizer=False
    )
    accelerator.gradient_accumulation_steps = micro_batches(config.batch, config.micro_batch, accelerator.num_processes)
    set_seed(config.seed, device_specific=True)
    return accelerator


class AcceleratedTraining(ABC):
    """One run in one process or several: the main one keeps the log and writes what comes of it."""

    progress: Progress
    training_run: TrainingRun

    def __init__(self, config: RunConfig):
        self.out = Path(config.out)
        self.accelerator = accelerator_for(config)
        self.accumulation = self.accelerator.gradient_accumulation_steps

    def begin(self, config: RunConfig, steps: int, resume: bool) -> None:
        """Once models and optimisers are prepared: begin a run of so many steps, or go on. Raises CheckpointError."""
        self.steps = steps
        self.checkpoint = CheckpointFolder(self.accelerator, self.out / "checkpoints")
        self.progress = Progress(self.checkpoint.load() if resume else 0)
        self.training_run = TrainingRun(
            self,
            Budget(steps, "step"),
            JsonLog(self.out / LOG) if self.accelerator.is_main_process else None,
            log_every=Every(config.log_steps, "step", at_end=True),
            checkpoint_every=Every(config.checkpoint_steps, "step"),
        )

    @abstractmethod
    def optimise(self) -> dict[str, float]:
        """One optimiser step over a whole batch, in micro batches; returns its losses by name."""

    @abstractmethod
    def finish(self) -> None:
        """Write what came of the run; the main process calls it."""

    @abstractmethod
    def pace(self) -> dict[str, float]:
        """The learning rate."""

    def train(self) -> None:
        """Run to the end, then write what came of it."""
        self.training_run.run()
        if self.accelerator.is_main_process:
            self.finish()
        self.accelerator.end_training()

    def train_step(self) -> dict[str, float]:
        """See ``Trainer``."""
        losses = self.optimise()
        self.progress.step += 1
        return losses

    def check(self) -> dict[str, float]:
        """See ``Trainer``: held-out figures are made once, at the end."""
        return {}

    def save(self) -> None:
        """See ``Trainer``; all processes call it."""
        self.checkpoint.save(self.progress.step)

    def position(self) -> dict[str, int]:
        """See ``Trainer``."""
        return {"step": self.progress.step, "of": self.steps}

    def write_record(self, config: Any, model: nn.Module, **more: Any) -> None:
        """Write what decided the run and what came of it."""
        record = {
            "config": asdict(config),
            "parameters": sum(p.numel() for p in model.parameters()),
            "trained_parameters": sum(p.numel() for p in model.parameters() if p.requires_grad),
            "steps": self.progress.step,
            "processes": self.accelerator.num_processes,
            **more,
        }
        (self.out / RECORD).write_text(json.dumps(record, indent=2) + "\n", "utf-8")
