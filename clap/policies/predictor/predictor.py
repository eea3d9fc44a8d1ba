"""Fine action predictor: step instruction and three zoomed views to an action (paper, section 4.2).

``FineActionPredictor`` is the network of ``clap.policies.predictor.network`` with its tokenizer and its folder on disk.
"""

from __future__ import annotations

import functools
import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from tokenizers.models import WordLevel
from torch import Tensor
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from clap.errors import CheckpointError
from clap.geometry.frames import Array
from clap.geometry.rotation import bins_to_quaternion
from clap.geometry.views import CanonicalViews
from clap.policies.predictor.heatmap import decode_position
from clap.policies.predictor.network import FineActionNetwork, FineInputs, PredictorConfig

FORMAT = "clap fine action predictor 2"


@dataclass(frozen=True)
class FinePrediction:
    """One fine-stage decision.

    ``position`` (3,) world metres; ``quaternion`` (4,) xyzw; ``heatmaps`` (3, S, S) float32, each summing to one;
    ``support`` (3,) share of each view's heatmap near the position; ``rotation_confidence`` (3,) probability of the
    bin chosen about x, y, z; ``ignore_collisions`` whether the motion may press against things (see
    ``clap.worlds.base.Action``); ``gripper_confidence`` and ``collision_confidence`` probability of the state chosen.
    """

    position: Array
    quaternion: Array
    gripper_open: bool
    heatmaps: NDArray[np.float32]
    support: Array
    rotation_confidence: Array
    gripper_confidence: float
    ignore_collisions: bool
    collision_confidence: float


class FineActionPredictor:
    """The fine stage as the policy uses it. Loads from and saves to a folder; nothing is unpickled."""

    def __init__(self, network: FineActionNetwork, tokenizer: PreTrainedTokenizerBase):
        self.network = network.eval()
        self.tokenizer = tokenizer

    @property
    def config(self) -> PredictorConfig:
        return self.network.config

    @property
    def image_size(self) -> int:
        """Side in pixels at which the zoomed views must be rendered."""
        return self.config.encoders.image_size

    @functools.cached_property
    def known_words(self) -> frozenset[str]:
        """Words of a word-level vocabulary; empty for a subword tokenizer, which can spell any word."""
        backend = getattr(self.tokenizer, "backend_tokenizer", None)
        if backend is None or not isinstance(backend.model, WordLevel):
            return frozenset()
        return frozenset(word for word in self.tokenizer.get_vocab() if word.isalnum())

    def tokenize(self, steps: list[str]) -> tuple[Tensor, Tensor]:
        """Step instructions to ids and mask (B, T)."""
        return tokenize(self.tokenizer, steps, self.config.encoders.text_limit)

    @torch.inference_mode()
    def predict(self, zoomed: CanonicalViews, step: str, gripper_open: float) -> FinePrediction:
        """The action that carries out ``step``, seen in the ``zoomed`` views with the gripper open in [0, 1].

        Raises ValueError if the views were not rendered at ``image_size``.
        """
        if zoomed.size != self.image_size:
            raise ValueError(f"the predictor needs views of {self.image_size} px, got {zoomed.size} px")
        rgb = torch.from_numpy(np.ascontiguousarray(zoomed.rgb)).permute(0, 3, 1, 2)[None].float() / 255
        edge = 2 * zoomed.workspace.half_extent
        depth = torch.from_numpy(np.where(zoomed.mask, zoomed.depth, 0).astype(np.float32) / np.float32(edge))[None]
        ids, mask = self.tokenize([step])
        scalars = torch.tensor([[gripper_open, zoomed.workspace.center[2] / edge]]).float().unbind(1)
        logits, tokens = self.network(FineInputs(rgb, depth, ids, mask, *scalars))
        log_heatmaps = logits[0].flatten(1).log_softmax(1).view(logits.shape[1:]).numpy()
        decoded = decode_position(log_heatmaps)
        rotation, gripper, collision = self.network.act(tokens, torch.from_numpy(decoded.local).float()[None])
        bin_odds, bins = rotation[0].softmax(-1).max(-1)
        gripper_odds, state = gripper[0].softmax(-1).max(-1)
        collision_odds, ignore = collision[0].softmax(-1).max(-1)
        return FinePrediction(
            position=zoomed.workspace.to_world(decoded.local),
            quaternion=bins_to_quaternion(bins.numpy()),
            gripper_open=bool(state),
            heatmaps=np.exp(log_heatmaps),
            support=decoded.support,
            rotation_confidence=bin_odds.numpy().astype(float),
            gripper_confidence=float(gripper_odds),
            ignore_collisions=bool(ignore),
            collision_confidence=float(collision_odds),
        )

    def save(self, folder: Path | str) -> None:
        """Write ``model.safetensors``, ``config.json`` and ``tokenizer/`` into the folder."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        weights = {name: value.contiguous() for name, value in self.network.state_dict().items()}
        partial = folder / "model.safetensors.partial"
        save_file(weights, partial)
        os.replace(partial, folder / "model.safetensors")
        self.tokenizer.save_pretrained(folder / "tokenizer")
        (folder / "config.json").write_text(json.dumps({"format": FORMAT, **self.config.to_dict()}, indent=1) + "\n")

    @staticmethod
    def load(folder: Path | str) -> FineActionPredictor:
        """Read a folder written by ``save``. Raises CheckpointError if it is missing, incomplete or malformed."""
        folder = Path(folder)
        for name in ("config.json", "model.safetensors", "tokenizer"):
            if not (folder / name).exists():
                raise CheckpointError(f"The fine predictor's folder {folder} has no {name}.")
        try:
            values = json.loads((folder / "config.json").read_text("utf-8"))
            weights = load_file(folder / "model.safetensors")
            if values.get("format") != FORMAT:
                raise CheckpointError(f"{folder / 'config.json'} is not of the format “{FORMAT}”.")
            network = FineActionNetwork(PredictorConfig.from_dict(values))
            network.load_state_dict(weights)
            tokenizer = AutoTokenizer.from_pretrained(folder / "tokenizer", local_files_only=True)
        except (ValueError, KeyError, TypeError, AttributeError, RuntimeError, OSError, SafetensorError) as error:
            first_line = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise CheckpointError(f"The fine predictor in {folder} cannot be read: {first_line}") from error
        return FineActionPredictor(network, tokenizer)


def tokenize(tokenizer: PreTrainedTokenizerBase, steps: list[str], limit: int) -> tuple[Tensor, Tensor]:
    """Step instructions to padded ids (B, T) and bool mask (B, T), T at most ``limit``."""
    encoded = tokenizer(
        [step.lower() for step in steps], padding=True, truncation=True, max_length=limit, return_tensors="pt"
    )
    mask = encoded.get("attention_mask", torch.ones_like(encoded["input_ids"]))
    return encoded["input_ids"], mask.bool()
