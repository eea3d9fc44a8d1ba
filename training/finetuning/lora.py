"""Which parts of a Qwen2.5-VL are trained, and how: by LoRA adapters (peft), in full, or not at all.

The paper's table 6 says "LoRA rank 8, alpha 32; freeze ViT false, freeze aligner true, freeze LLM false". These are
the options of a well-known fine-tuning program, where a part that is not frozen gets adapters on its linear layers
when the training is by LoRA; so "lora" is what the paper's configurations have for the vision tower and the language
model. "full" is the other reading of "freeze ViT false". The aligner is the patch merger between the two.

An adapter folder holds ``adapter_config.json`` and ``adapter_model.safetensors`` (peft's own), and
``full.safetensors`` for parts trained in full. Nothing is unpickled.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import PreTrainedModel

from clap.errors import CheckpointError
from training.trainer.config import TrainingConfigError

MODES = ("lora", "full", "frozen")
PARTS = ("vision", "aligner", "language")
ADAPTER_CONFIG, ADAPTER_WEIGHTS, FULL_WEIGHTS = "adapter_config.json", "adapter_model.safetensors", "full.safetensors"
_WRAPPER = "base_model.model."


class FinetuningError(TrainingConfigError):
    """A fine-tuning cannot be set up as it is configured."""

    name = "fine-tuning not possible"
    default_next_move = "Correct the configuration; training/configs holds complete ones."


@dataclass(frozen=True)
class TrainedParts:
    """How each part is trained: "lora", "full" or "frozen". The defaults are the paper's (table 6)."""

    vision: str = "lora"
    aligner: str = "frozen"
    language: str = "lora"

    def __post_init__(self) -> None:
        for part in PARTS:
            if self.mode(part) not in MODES:
                raise FinetuningError(f"parts.{part} is {self.mode(part)!r}; {', '.join(MODES)} are known.")
        if all(self.mode(part) == "frozen" for part in PARTS):
            raise FinetuningError("All parts are frozen: there is nothing to train.")

    def mode(self, part: str) -> str:
        """The mode of a part by its name."""
        return str(getattr(self, part))


@dataclass(frozen=True)
class LoraSizes:
    """Rank r and alpha of the adapters (they are scaled by alpha / r), dropout on their input."""

    rank: int = 8
    alpha: int = 32
    dropout: float = 0.0


def part_of(name: str) -> str:
    """The part that a parameter or module of a Qwen2.5-VL belongs to, adapters included."""
    if "visual.merger." in name:
        return "aligner"
    return "vision" if "visual." in name else "language"


def adapt(model: nn.Module, parts: TrainedParts, sizes: LoraSizes) -> nn.Module:
    """Freeze, open and wrap the parts of a model in place; what is trained becomes float32. Returns the model to train.

    Adapters sit on every linear layer inside a part; embeddings and the output layer tied to them get none, norms and
    the convolution of the patch embedding neither.
    """
    model.requires_grad_(False)
    targets = [
        name
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) and name != "lm_head" and parts.mode(part_of(name)) == "lora"
    ]
    if targets:
        lora = LoraConfig(
            r=sizes.rank, lora_alpha=sizes.alpha, lora_dropout=sizes.dropout, target_modules=targets, bias="none"
        )
        model = get_peft_model(model, lora)
    for name, parameter in model.named_parameters():
        if parts.mode(part_of(name)) == "full":
            parameter.requires_grad_(True)
        if parameter.requires_grad:  # AdamW's small steps vanish in bfloat16
            parameter.data = parameter.data.float()
    return model


def checkpoint_activations(model: PreTrainedModel) -> None:
    """Repeat layers in the backward pass instead of keeping their activations; call it on the adapted base model.

    The library also asks for gradients of the embeddings, which only reentrant checkpointing needs: a frozen vision
    tower would be differentiated for nothing.
    """
    model.gradient_checkpointing_enable({"use_reentrant": False})
    model.disable_input_require_grads()


def trained_in_full(model: nn.Module) -> dict[str, nn.Parameter]:
    """The trained parameters that are no adapters, by their names in the model without adapters."""
    return {
        name.removeprefix(_WRAPPER): parameter
        for name, parameter in model.named_parameters()
        if parameter.requires_grad and "lora_" not in name
    }


def save_adapter(model: nn.Module, folder: Path) -> None:
    """Write what was trained into an adapter folder."""
    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(model, PeftModel):
        model.save_pretrained(str(folder), save_embedding_layers=False)
    full = {name: parameter.detach().contiguous() for name, parameter in trained_in_full(model).items()}
    if full:
        save_file(full, folder / FULL_WEIGHTS)


def load_adapter(model: nn.Module, folder: Path) -> nn.Module:
    """Put a saved adapter folder onto its base model. Raises CheckpointError if it is incomplete or does not fit."""
    has_adapters = (folder / ADAPTER_CONFIG).is_file()
    if has_adapters and not (folder / ADAPTER_WEIGHTS).is_file():
        raise CheckpointError(f"The adapter folder {folder} has no {ADAPTER_WEIGHTS}.", "Give a complete one.")
    if not has_adapters and not (folder / FULL_WEIGHTS).is_file():
        raise CheckpointError(f"{folder} is no adapter folder.", "Give the folder `adapter` of a fine-tuning run.")
    try:
        if (folder / FULL_WEIGHTS).is_file():
            full = load_file(folder / FULL_WEIGHTS)
            own = dict(model.named_parameters())
            with torch.no_grad():
                for name, value in full.items():
                    own[name].copy_(value)
        return PeftModel.from_pretrained(model, folder) if has_adapters else model
    except (KeyError, RuntimeError, ValueError, SafetensorError) as error:
        raise CheckpointError(f"The adapter in {folder} does not fit this model: {error}.") from error


def merged(model: nn.Module) -> nn.Module:
    """The plain model with its adapters added into the weights."""
    return model.merge_and_unload() if isinstance(model, PeftModel) else model
