"""The optimisers of the fine action predictor, and their learning rate over a run."""

from __future__ import annotations

import torch
from torch import nn


def optimizers(network: nn.Module, learning_rate: float) -> list[torch.optim.Optimizer]:
    """Muon for the matrices inside transformer blocks, AdamW for everything else."""
    inside = ("encoder.layers.", "encoder.layer.", "_blocks.")
    hidden: list[nn.Parameter] = []
    rest: list[nn.Parameter] = []
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            (hidden if parameter.ndim == 2 and any(part in name for part in inside) else rest).append(parameter)
    return [
        torch.optim.Muon(hidden, lr=learning_rate, weight_decay=0.05, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(rest, lr=learning_rate, betas=(0.9, 0.98), weight_decay=0.01),
    ]


def learning_rate_factor(step: int, share: float, warmup_steps: int, decay_share: float) -> float:
    """Warm-up by steps, flat, then linear decay over the last ``decay_share`` of the budget; ``share`` is spent."""
    warm = min(1.0, (step + 1) / warmup_steps)
    return warm * min(1.0, max(0.0, 1 - share) / decay_share + 0.01)
