"""What a fine-tuning would take, without weights: parameters, memory and time on one GPU, and what fits it.

Models are built on PyTorch's meta device, so parameters, gradients and optimiser states are counted, not estimated.
Activations and arithmetic come from the formulae of ``cost_model``. Stated assumptions: ``GPU_BYTES`` of
which ``RESERVED_BYTES`` go to the CUDA context and fragmentation, and ``SUSTAINED_FLOPS``: a quarter of the 165 TFLOP/s
that an RTX 4090 has in bfloat16 at its peak.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from transformers import Qwen2_5_VLConfig

from clap.policies.planner.model import PlannerModel
from clap.policies.predictor.encoders import EncoderConfig
from clap.policies.predictor.network import FineActionNetwork
from training.finetuning.config import KINDS, FinetuneConfig
from training.finetuning.cost_model import (
    LONGEST_ANSWER,
    PlannerShape,
    planner_activations,
    planner_flops,
    predictor_activations,
    predictor_flops,
)
from training.finetuning.lora import PARTS, adapt, part_of
from training.finetuning.pretrained_predictor import PaperPredictorConfig, freeze_towers
from training.trainer.config import read_json

GPU_BYTES = 24 * 2**30
RESERVED_BYTES = 2 * 2**30
SUSTAINED_FLOPS = 40e12
GIB = 2**30


@dataclass(frozen=True)
class StateBytes:
    """Bytes that stay for the whole run, exact for AdamW: two float32 moments of each trained parameter.

    ``copies``: bfloat16 copies of trained float32 weights, which autocast keeps through a forward pass.
    """

    weights: int
    gradients: int
    optimizer: int
    copies: int

    @property
    def total(self) -> int:
        """All of it."""
        return self.weights + self.gradients + self.optimizer + self.copies


def state_bytes(model: nn.Module) -> StateBytes:
    """Weights, gradients and optimiser states of a model that is set up for training (meta or real)."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    count = sum(parameter.numel() for parameter in trained)
    return StateBytes(
        weights=sum(parameter.numel() * parameter.element_size() for parameter in model.parameters()),
        gradients=sum(parameter.numel() * parameter.element_size() for parameter in trained),
        optimizer=2 * 4 * count,
        copies=2 * count,
    )


def largest_micro_batch(batch: int, state: int, activations: Callable[[int], int]) -> int:
    """The largest divisor of ``batch`` whose activations fit the GPU beside the state; 0 if none does."""
    room = GPU_BYTES - RESERVED_BYTES - state
    fitting = [size for size in range(1, batch + 1) if batch % size == 0 and activations(size) <= room]
    return max(fitting, default=0)


def meta_planner(config: FinetuneConfig, architecture: Qwen2_5_VLConfig) -> nn.Module:
    """The model to train, adapters and all, on the meta device."""
    with torch.device("meta"):
        model = PlannerModel(architecture).to(torch.bfloat16 if config.precision == "bf16" else torch.float32)
        return adapt(model, config.parts, config.lora)


def planner_report(config: FinetuneConfig, folder: Path) -> str:
    """The report of a planner's configuration, whose ``architecture`` lies in ``folder``."""
    architecture = Qwen2_5_VLConfig(**read_json(folder / config.architecture))
    model = meta_planner(config, architecture)
    lines = [f"{'part':10}{'mode':>8}{'parameters':>16}{'trained':>16}"]
    for part in (*PARTS, "all"):
        chosen = [p for name, p in model.named_parameters() if part in ("all", part_of(name))]
        mode = config.parts.mode(part) if part != "all" else ""
        trained = sum(p.numel() for p in chosen if p.requires_grad)
        lines.append(f"{part:10}{mode:>8}{sum(p.numel() for p in chosen):>16,}{trained:>16,}")
    shape = PlannerShape.of_views(architecture)
    lines.append(
        f"A sample with views: {shape.patches} patches, {shape.tokens} tokens, of which {shape.image_tokens} of the "
        f"images, {shape.prompt_tokens} of the question and {shape.answer_tokens} of the answer"
    )

    longest = PlannerShape.of_views(architecture, answer=LONGEST_ANSWER)
    lines.append(f"The longest, by which memory is estimated: {longest.tokens} tokens")

    def activations(size: int) -> int:
        return planner_activations(architecture, config, longest, size)

    lines += _memory(state_bytes(model), activations, config.micro_batch, config.batch)
    text = shape.without_views()
    per_sample = {
        kind: planner_flops(model, architecture, config, text if kind == "plans" else shape) for kind in KINDS
    }
    total = config.epochs * sum(getattr(config.samples, kind) * flops for kind, flops in per_sample.items())
    mix = ", ".join(f"{getattr(config.samples, kind):,} {kind}" for kind in KINDS)
    lines.append(f"Samples: {config.epochs} x ({mix}) in {config.steps:,} steps of {config.batch}")
    return "\n".join(lines + _time(total, config.steps))


def predictor_report(config: PaperPredictorConfig) -> str:
    """The report of a fine predictor's configuration, at the sizes of ``PredictorConfig.paper()``."""
    with torch.device("meta"):
        network = freeze_towers(FineActionNetwork(config.sizes(EncoderConfig.paper())), config.towers, config.precision)
    lines = [f"{'part':20}{'parameters':>16}{'trained':>16}"]
    parts = {"SigLIP": "encoder.siglip.", "DINOv2": "encoder.dinov2.", "transformer": "transformer.", "all": ""}
    for part, prefix in parts.items():
        chosen = [p for name, p in network.named_parameters() if name.startswith(prefix)]
        trained = sum(p.numel() for p in chosen if p.requires_grad)
        lines.append(f"{part:20}{sum(p.numel() for p in chosen):>16,}{trained:>16,}")

    def activations(size: int) -> int:
        return predictor_activations(network.config, config.towers, size)

    lines += _memory(state_bytes(network), activations, config.micro_batch, config.batch)
    steps = config.epochs * config.expected_samples // config.batch
    lines.append(f"Samples: {config.epochs} x {config.expected_samples:,} in {steps:,} steps of {config.batch}")
    flops = predictor_flops(network, config.towers)
    return "\n".join(lines + _time(config.epochs * config.expected_samples * flops, steps))


def _memory(state: StateBytes, activations: Callable[[int], int], micro_batch: int, batch: int) -> list[str]:
    rows = {
        "weights": state.weights,
        "gradients": state.gradients,
        "AdamW states": state.optimizer,
        "autocast copies": state.copies,
        f"activations, {micro_batch} at once": activations(micro_batch),
    }
    total = sum(rows.values())
    lines = [f"{name:28}{value / GIB:9.2f} GiB" for name, value in rows.items()]
    fits = "fits" if total <= GPU_BYTES - RESERVED_BYTES else "does not fit"
    lines.append(f"{'together':28}{total / GIB:9.2f} GiB: {fits} a GPU of {GPU_BYTES / GIB:.0f} GiB, of which "
                 f"{RESERVED_BYTES / GIB:.0f} are kept free")  # fmt: skip
    return [*lines, f"Largest micro batch that fits: {largest_micro_batch(batch, state.total, activations)}"]


def _time(flops: float, steps: int) -> list[str]:
    seconds = flops / SUSTAINED_FLOPS
    return [
        f"Arithmetic: {flops / steps / 1e12:,.0f} TFLOP a step, {flops / 1e18:.2f} EFLOP in all",
        f"Time at {SUSTAINED_FLOPS / 1e12:.0f} TFLOP/s sustained: {seconds / steps:.1f} s a step, "
        f"{seconds / 3600:.1f} h on one GPU, {seconds / 4 / 3600:.1f} h on four",
    ]
