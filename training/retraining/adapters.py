"""LoRA adapters (peft) on a part that is retrained, and the part with them merged in."""

from __future__ import annotations

import torch
from peft import LoraConfig, get_peft_model
from torch import nn

from training.finetuning.lora import LoraSizes, TrainedParts, adapt

PLANNER_PARTS = TrainedParts(vision="lora", aligner="frozen", language="lora")
"""The paper's table 6."""


def adapted_planner(model: nn.Module, sizes: LoraSizes) -> nn.Module:
    """The planner's model with adapters in place on its linear layers; what is not an adapter is frozen."""
    return adapt(model, PLANNER_PARTS, sizes)


def adapted_predictor(network: nn.Module, sizes: LoraSizes) -> nn.Module:
    """The fine predictor with adapters in place on its linear layers; what is not an adapter is frozen.

    PyTorch's own attention reads the weights of its output projection past the layer's forward, where an adapter would
    never be seen: that one gets none.
    """
    inside = {f"{name}." for name, module in network.named_modules() if isinstance(module, nn.MultiheadAttention)}
    targets = [
        name
        for name, module in network.named_modules()
        if isinstance(module, nn.Linear) and not any(name.startswith(prefix) for prefix in inside)
    ]
    lora = LoraConfig(r=sizes.rank, lora_alpha=sizes.alpha, target_modules=targets, bias="none")
    return get_peft_model(network, lora)


def adamw(model: nn.Module, rate: float) -> list[torch.optim.Optimizer]:
    """AdamW for the adapters."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return [torch.optim.AdamW(trained, lr=rate, betas=(0.9, 0.98), weight_decay=0.0)]
