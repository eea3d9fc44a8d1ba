"""What the trainings from scratch and the retrainings share of optimisation: Muon with AdamW, and a learning rate."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence

import torch
from torch import nn

LARGEST_GRADIENT = 1.0
"""Norm to which gradients are clipped."""


def muon_and_adamw(
    matrices: Sequence[nn.Parameter], others: Sequence[nn.Parameter], learning_rate: float
) -> list[torch.optim.Optimizer]:
    """Muon for the matrices inside transformer blocks, AdamW for everything else (embeddings, stem, norms, heads)."""
    return [
        torch.optim.Muon(matrices, lr=learning_rate, weight_decay=0.05, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(others, lr=learning_rate, betas=(0.9, 0.98), weight_decay=0.01),
    ]


def learning_rate_factor(step: int, share: float, warmup_steps: int, decay_share: float, floor: float) -> float:
    """Warm-up by steps, flat, then linear decay over the last ``decay_share`` of the budget, of which ``share`` is
    spent; ``floor`` is left at its end."""
    return min(1.0, (step + 1) / warmup_steps) * min(1.0, max(0.0, 1 - share) / decay_share + floor)


@contextlib.contextmanager
def optimizer_step(
    optimizers: Sequence[torch.optim.Optimizer], parameters: Iterable[nn.Parameter], learning_rate: float
) -> Iterator[None]:
    """One step with this learning rate, on the gradients that the body of the ``with`` adds up."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = learning_rate
        optimizer.zero_grad(set_to_none=True)
    yield
    nn.utils.clip_grad_norm_(parameters, LARGEST_GRADIENT)
    for optimizer in optimizers:
        optimizer.step()
