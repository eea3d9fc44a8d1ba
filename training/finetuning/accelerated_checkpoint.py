"""Checkpoints of an ``accelerate`` run that hold what is trained, appear whole, and are never unpickled.

``accelerator.save_state`` would write the frozen weights as well, some gigabytes each time: a hook leaves them out and
writes the trained parameters as safetensors. Its other files (optimiser, schedule, random numbers) are made by
torch.save and read by torch.load with ``weights_only=True``, which builds nothing but tensors and plain values.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from accelerate import Accelerator
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from clap.errors import CheckpointError

WEIGHTS = "trained.safetensors"


class CheckpointFolder:
    """Checkpoints ``step-00000100`` ... of one run, of which the last is kept."""

    def __init__(self, accelerator: Accelerator, folder: Path):
        self.accelerator, self.folder = accelerator, folder
        accelerator.register_save_state_pre_hook(self._save_weights)
        accelerator.register_load_state_pre_hook(self._load_weights)

    def save(self, step: int) -> None:
        """Write the run's state after optimiser step ``step``; all processes call it."""
        final = self.folder / f"step-{step:08d}"
        if final.exists():
            return
        partial = self.folder / f".partial-{step:08d}"
        if self.accelerator.is_main_process:
            shutil.rmtree(partial, ignore_errors=True)
        self.accelerator.wait_for_everyone()
        self.accelerator.save_state(str(partial))
        self.accelerator.wait_for_everyone()
        if self.accelerator.is_main_process:
            older = self._complete()
            os.replace(partial, final)
            for path in older:
                shutil.rmtree(path)
        self.accelerator.wait_for_everyone()

    def load(self) -> int:
        """Go on from the last checkpoint; returns its step, 0 if there is none. Raises CheckpointError."""
        complete = self._complete()
        if not complete:
            return 0
        try:
            self.accelerator.load_state(str(complete[-1]), load_kwargs={"weights_only": True})
        except (OSError, KeyError, ValueError, RuntimeError, SafetensorError, UnpicklingError) as error:
            raise CheckpointError(
                f"The checkpoint {complete[-1]} cannot be used: {error}.", "Delete it, or start into another folder."
            ) from error
        return int(complete[-1].name.removeprefix("step-"))

    def _complete(self) -> list[Path]:
        return sorted(self.folder.glob("step-*"))

    def _save_weights(self, models: list[nn.Module], weights: list[dict[str, Tensor]], folder: str) -> None:
        weights.clear()  # accelerate writes what is left in this list
        if self.accelerator.is_main_process:
            save_file(_trained(self.accelerator.unwrap_model(models[0])), Path(folder) / WEIGHTS)

    def _load_weights(self, models: list[Any], folder: str) -> None:
        model = self.accelerator.unwrap_model(models.pop())
        saved, own = load_file(Path(folder) / WEIGHTS), _trained(model)
        if saved.keys() != own.keys():
            raise ValueError("it trained other parameters than this run does")
        with torch.no_grad():
            for name, parameter in own.items():
                parameter.copy_(saved[name])


def _trained(model: nn.Module) -> dict[str, Tensor]:
    return {name: parameter.detach() for name, parameter in model.named_parameters() if parameter.requires_grad}
