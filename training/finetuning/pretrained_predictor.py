"""The fine predictor at the paper's size: pretrained SigLIP and DINOv2 towers, what of them is trained, and devices.

The paper gives learning rate 0.0024, batch 192 and 5 or 3 epochs (table 6), and not whether the towers are trained.
"frozen" is the default here: 0.0024 is RVT-2's rate for a network from scratch (1.25e-5 times the batch), which would
undo a pretrained tower, and on a 24 GiB GPU a quarter of the batch fits only so. "full" is the other choice.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from clap.errors import CheckpointError
from clap.policies.predictor.encoders import EncoderConfig, ViewEncoder
from clap.policies.predictor.multiview import MultiViewConfig
from clap.policies.predictor.network import ActionLogits, FineActionNetwork, FineInputs, PredictorConfig
from training.finetuning.config import PRECISIONS
from training.finetuning.lora import FinetuningError

TOWERS = ("frozen", "full")
TOWER_PREFIXES = ("encoder.siglip.", "encoder.dinov2.")
UNUSED = ("vision_model.head.", "text_model.head.", "logit_scale", "logit_bias", "mask_token")
"""Parameters of the towers that the tokens do not depend on; gradients never reach them."""


@dataclass(frozen=True)
class PaperPredictorConfig:
    """Everything that decides a run; one JSON file like those in training/configs.

    ``siglip`` and ``dinov2`` are folders in Hugging Face's format; ``towers`` "frozen" or "full";
    ``expected_samples`` an epoch's zooms, for the dry run alone; ``sigma`` of the heatmap targets in pixels, RVT-2's.
    ``width``, ``layers``, ``heads`` and ``hidden`` are those of ``PredictorConfig.paper()``.
    """

    siglip: str
    dinov2: str
    data: str
    out: str
    expected_samples: int
    epochs: int
    towers: str = "frozen"
    batch: int = 192
    micro_batch: int = 24
    learning_rate: float = 0.0024
    warmup_share: float = 0.03
    clip: float = 1.0
    sigma: float = 1.5
    width: int = 512
    layers: int = 8
    heads: int = 8
    hidden: int = 256
    precision: str = "bf16"
    workers: int = 0
    seed: int = 0
    checkpoint_steps: int = 200
    log_steps: int = 10
    evaluation_samples: int = 2000

    def __post_init__(self) -> None:
        if self.towers not in TOWERS or self.precision not in PRECISIONS:
            raise FinetuningError(
                f"towers {self.towers!r} and precision {self.precision!r}: {', '.join(TOWERS)} and "
                f"{', '.join(PRECISIONS)} are known."
            )

    def sizes(self, encoders: EncoderConfig) -> PredictorConfig:
        """The whole network's sizes around these encoders."""
        transformer = MultiViewConfig(self.layers, self.heads, expansion=4)
        return PredictorConfig(replace(encoders, width=self.width), transformer, self.hidden)


def freeze_towers(network: FineActionNetwork, towers: str, precision: str) -> FineActionNetwork:
    """Open or freeze the pretrained towers in place; frozen parameters go to bfloat16 if that is the precision."""
    for name, parameter in network.named_parameters():
        in_tower = name.startswith(TOWER_PREFIXES)
        unused = in_tower and any(part in name for part in UNUSED)
        parameter.requires_grad_(not unused and (towers == "full" or not in_tower))
        if precision == "bf16" and not parameter.requires_grad:
            parameter.data = parameter.data.to(torch.bfloat16)
    return network


def pretrained_network(config: PaperPredictorConfig) -> tuple[FineActionNetwork, PreTrainedTokenizerBase]:
    """The paper's network around the towers of two folders, and SigLIP's tokenizer. Raises CheckpointError."""
    try:
        network = FineActionNetwork(config.sizes(EncoderConfig.from_folders(config.siglip, config.dinov2)))
        assert isinstance(network.encoder, ViewEncoder)
        network.encoder.load_pretrained(config.siglip, config.dinov2)
        tokenizer = AutoTokenizer.from_pretrained(config.siglip, local_files_only=True)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise CheckpointError(
            f"The pretrained towers {config.siglip} and {config.dinov2} cannot be read: {error}.",
            "Download SigLIP so400m-patch14-224 and DINOv2 base into folders, and name these in the configuration.",
        ) from error
    return freeze_towers(network, config.towers, config.precision), tokenizer


class HostLogits:
    """A network on any device with inputs and outputs in the host's memory, where losses and errors are computed.

    Losses have their targets from numpy there; the logits that cross over are some megabytes a step.
    """

    def __init__(self, network: FineActionNetwork, device: torch.device):
        self._network, self._device, self.config = network, device, network.config

    def __call__(self, inputs: FineInputs) -> tuple[Tensor, Tensor]:
        moved: dict[str, Any] = {item.name: getattr(inputs, item.name).to(self._device) for item in fields(inputs)}
        logits, tokens = self._network(FineInputs(**moved))
        return logits.float().cpu(), tokens

    def act(self, tokens: Tensor, waypoint: Tensor, bins: Tensor | None = None) -> ActionLogits:
        """As ``FineActionNetwork.act``; the tokens stay on the device."""
        bins = None if bins is None else bins.to(self._device)
        return ActionLogits(*(part.cpu() for part in self._network.act(tokens, waypoint.to(self._device), bins)))

    def eval(self) -> None:
        """As of the network."""
        self._network.eval()

    def train(self) -> None:
        """As of the network."""
        self._network.train()


def folder_of(config: PaperPredictorConfig) -> Path:
    """Where the run exports its predictor."""
    return Path(config.out) / "predictor"
