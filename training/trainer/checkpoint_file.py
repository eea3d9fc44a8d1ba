"""A training's state in one file of tensors and plain values, which appears whole and is never unpickled."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from clap.errors import CheckpointError


def write_checkpoint(path: Path, state: Mapping[str, Any]) -> None:
    """Write the state by an atomic rename: a kill at any instant leaves the checkpoint before it, whole."""
    partial = path.with_name(path.name + ".partial")
    torch.save(dict(state), partial)
    os.replace(partial, path)


def read_checkpoint(path: Path) -> dict[str, Any] | None:
    """The state that a file holds, None if there is no file. Raises CheckpointError if it cannot be read."""
    if not path.exists():
        return None
    try:
        state = torch.load(path, weights_only=True)
        if not isinstance(state, dict):
            raise ValueError("it holds no state of a training")
        return state
    except Exception as error:
        raise CheckpointError(f"The checkpoint {path} cannot be read: {error}", "Delete it to start anew.") from error


def random_state(rng: np.random.Generator) -> dict[str, Any]:
    """Where torch's random numbers and those of ``rng`` are, as parts of a state."""
    return {"torch_rng": torch.get_rng_state(), "numpy_rng": json.dumps(rng.bit_generator.state)}


def restore_random_state(state: Mapping[str, Any], rng: np.random.Generator) -> None:
    """Go on with both as ``random_state`` left them."""
    torch.set_rng_state(state["torch_rng"])
    rng.bit_generator.state = json.loads(state["numpy_rng"])


def restore(
    path: Path, state: Mapping[str, Any], modules: Mapping[str, nn.Module], optimizers: Sequence[torch.optim.Optimizer]
) -> None:
    """Put a state's weights and its "optimizers" in place. Raises CheckpointError if those of ``path`` do not fit."""
    try:
        for name, module in modules.items():
            module.load_state_dict(state[name])
        for optimizer, saved in zip(optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
    except (RuntimeError, KeyError, ValueError) as error:
        raise CheckpointError(
            f"{path} does not fit this run ({error}).", "Start anew without it, or into another folder."
        ) from error
