"""How the trainings at the paper's size set up ``accelerate``."""

from __future__ import annotations

from typing import Protocol

from accelerate import Accelerator
from accelerate.utils import GradientAccumulationPlugin, set_seed

from training.finetuning.config import micro_batches


class Run(Protocol):
    """What of a run's configuration decides about it."""

    @property
    def precision(self) -> str: ...
    @property
    def batch(self) -> int: ...
    @property
    def micro_batch(self) -> int: ...
    @property
    def seed(self) -> int: ...


def accelerator_for(config: Run) -> Accelerator:
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
