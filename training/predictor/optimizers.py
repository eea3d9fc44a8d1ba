"""The optimisers of the fine action predictor."""

from __future__ import annotations

import torch
from torch import nn

from training.trainer.optimizers import muon_and_adamw


def optimizers(network: nn.Module, learning_rate: float) -> list[torch.optim.Optimizer]:
    """Muon for the matrices inside transformer blocks, AdamW for everything else."""
    inside = ("encoder.layers.", "encoder.layer.", "_blocks.")
    hidden: list[nn.Parameter] = []
    rest: list[nn.Parameter] = []
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            (hidden if parameter.ndim == 2 and any(part in name for part in inside) else rest).append(parameter)
    return muon_and_adamw(hidden, rest, learning_rate)
