"""A fine-tuning's configuration: one JSON file a run, like those in training/configs (paper, tables 4 and 6)."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from training.finetuning.lora import FinetuningError, LoraSizes, TrainedParts

KINDS = ("trajectories", "positions", "plans")
SCHEDULES = ("cosine", "linear", "constant")
PRECISIONS = ("bf16", "no")


@dataclass(frozen=True)
class SampleCounts:
    """Samples drawn from each data set in one epoch, and with it the mix: the paper's table 4 for GemBench."""

    trajectories: int
    positions: int
    plans: int

    @property
    def total(self) -> int:
        """Samples of an epoch."""
        return self.trajectories + self.positions + self.plans

    def __post_init__(self) -> None:
        if min(self.trajectories, self.positions, self.plans) < 0 or not self.total:
            raise FinetuningError("samples must be counts of which at least one is above zero.")


@dataclass(frozen=True)
class FinetuneConfig:
    """Everything that decides a run; written into its training record.

    ``base`` is a folder in Hugging Face's format; ``architecture`` a JSON file of its sizes beside the configuration,
    which a dry run reads instead. ``batch`` samples make an optimiser step, over all processes, in micro batches of
    ``micro_batch``. ``warmup_share`` of the steps warm up. ``precision`` "bf16" keeps frozen weights in bfloat16.
    """

    base: str
    data: str
    out: str
    samples: SampleCounts
    learning_rate: float
    architecture: str = ""
    parts: TrainedParts = field(default_factory=TrainedParts)
    lora: LoraSizes = field(default_factory=LoraSizes)
    epochs: int = 1
    batch: int = 64
    micro_batch: int = 4
    schedule: str = "cosine"
    warmup_share: float = 0.05
    weight_decay: float = 0.1
    betas: tuple[float, float] = (0.9, 0.95)
    clip: float = 1.0
    precision: str = "bf16"
    gradient_checkpointing: bool = True
    workers: int = 0
    seed: int = 0
    checkpoint_steps: int = 100
    log_steps: int = 10

    def __post_init__(self) -> None:
        if self.schedule not in SCHEDULES or self.precision not in PRECISIONS:
            raise FinetuningError(
                f"schedule {self.schedule!r} and precision {self.precision!r}: {', '.join(SCHEDULES)} and "
                f"{', '.join(PRECISIONS)} are known."
            )
        if self.steps < 1:
            raise FinetuningError(f"{self.epochs} x {self.samples.total} samples do not fill a batch of {self.batch}.")

    @property
    def steps(self) -> int:
        """Optimiser steps of the whole run; the last incomplete batch is left out."""
        return self.epochs * self.samples.total // self.batch


def micro_batches(batch: int, micro_batch: int, processes: int) -> int:
    """Micro batches a process and step. Raises FinetuningError if ``batch`` cannot be cut so."""
    if batch % (micro_batch * processes):
        raise FinetuningError(
            f"A batch of {batch} cannot be cut into micro batches of {micro_batch} on {processes} processes.",
            "Change micro_batch, or the number of processes.",
        )
    return batch // (micro_batch * processes)


def rate_factor(step: int, steps: int, warmup_share: float, schedule: str) -> float:
    """The learning rate's factor at optimiser step ``step`` of ``steps``: linear warm-up, then the schedule to zero."""
    warmup = math.ceil(warmup_share * steps)
    if step < warmup:
        return (step + 1) / warmup
    progress = (step - warmup) / max(1, steps - warmup)
    return {"cosine": 0.5 * (1 + math.cos(math.pi * progress)), "linear": 1 - progress, "constant": 1.0}[schedule]
