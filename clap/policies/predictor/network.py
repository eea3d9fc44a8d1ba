"""The fine action predictor's network: encoders, Multi-View Transformer, heatmaps, heads (paper, section 4.2)."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from clap.geometry.frames import VIEWS
from clap.geometry.rotation import AXES, BIN_COUNT
from clap.policies.predictor.convolutional_encoder import PlainEncoderConfig
from clap.policies.predictor.encoders import EncoderConfig
from clap.policies.predictor.heatmap import ConvexUpsampler
from clap.policies.predictor.multiview import MultiViewConfig, MultiViewTransformer

ENCODERS: dict[str, type[EncoderConfig] | type[PlainEncoderConfig]] = {
    config.kind: config for config in (EncoderConfig, PlainEncoderConfig)
}


@dataclass(frozen=True)
class PredictorConfig:
    """Sizes of the whole fine stage. ``hidden`` is the width inside the upsampler and the heads."""

    encoders: EncoderConfig | PlainEncoderConfig
    transformer: MultiViewConfig
    hidden: int

    @staticmethod
    def mini(vocabulary: int) -> PredictorConfig:
        """clap-mini: about 3 M parameters, trained from scratch on two cores."""
        return PredictorConfig(EncoderConfig.mini(vocabulary), MultiViewConfig(layers=4, heads=4), hidden=128)

    @staticmethod
    def paper() -> PredictorConfig:
        """The paper's inputs and encoders with RVT-2's transformer: 8 layers, width 512, 8 heads."""
        return PredictorConfig(EncoderConfig.paper(), MultiViewConfig(layers=8, heads=8, expansion=4), hidden=256)

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {"encoder": self.encoders.kind, **asdict(self)}

    @staticmethod
    def from_dict(values: dict[str, Any]) -> PredictorConfig:
        """Inverse of ``to_dict``."""
        encoders = ENCODERS[values["encoder"]](**values["encoders"])
        return PredictorConfig(encoders, MultiViewConfig(**values["transformer"]), values["hidden"])


@dataclass(frozen=True)
class FineInputs:
    """A batch for the network; shapes and units as in ``ViewEncoder.forward``."""

    rgb: Tensor
    depth: Tensor
    text_ids: Tensor
    text_mask: Tensor
    gripper: Tensor
    height: Tensor


class ActionLogits(NamedTuple):
    """What the heads say: ``rotation`` (B, 3, 72), ``gripper`` (B, 2: closed, open), ``collision`` (B, 2: avoid,
    ignore)."""

    rotation: Tensor
    gripper: Tensor
    collision: Tensor


def _mlp(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, hidden), nn.GELU(), nn.Linear(hidden, hidden), nn.GELU(),
                         nn.Linear(hidden, outputs))  # fmt: skip


def _bin_features(bins: Tensor) -> Tensor:
    """(B,) bins to (B, 8): sines and cosines of the first four harmonics of the angle."""
    angle = bins[:, None] * (2 * torch.pi / BIN_COUNT) * torch.arange(1, 5, device=bins.device)
    return torch.cat([angle.sin(), angle.cos()], -1)


class RotationHead(nn.Module):
    """Euler bins predicted in sequence: x, then y given x, then z given x and y (RVT-2's order)."""

    def __init__(self, features: int, hidden: int):
        super().__init__()
        self.heads = nn.ModuleList(_mlp(features + 8 * given, hidden, BIN_COUNT) for given in range(len(AXES)))

    def forward(self, features: Tensor, given: Tensor | None = None) -> Tensor:
        """Features (B, F) to logits (B, 3, 72); ``given`` (B, 3) bins condition the later axes, else their argmax."""
        logits: list[Tensor] = []
        for axis, head in enumerate(self.heads):
            logits.append(head(features))
            bins = logits[-1].argmax(-1) if given is None else given[:, axis]
            features = torch.cat([features, _bin_features(bins).to(features.dtype)], -1)
        return torch.stack(logits, 1)


class FineActionNetwork(nn.Module):
    """Encoders, Multi-View Transformer, heatmaps, and the heads for rotation, gripper and collision."""

    def __init__(self, config: PredictorConfig):
        super().__init__()
        self.config = config
        width, features = config.encoders.width, 2 * len(VIEWS) * config.encoders.width
        self.encoder = config.encoders.build()
        self.transformer = MultiViewTransformer(width, config.transformer)
        self.upsampler = ConvexUpsampler(width, config.encoders.patch_size, config.hidden)
        self.feature_norm = nn.LayerNorm(features)
        self.rotation = RotationHead(features, config.hidden)
        self.gripper = _mlp(features, config.hidden, 2)
        self.collision = _mlp(features, config.hidden, 2)

    def forward(self, inputs: FineInputs) -> tuple[Tensor, Tensor]:
        """Logits of the heatmaps (B, 3, S, S) float32 and fused tokens (B, 3, N, width)."""
        tokens, words = self.encoder(inputs.rgb, inputs.depth, inputs.text_ids, inputs.text_mask, inputs.gripper,
                                     inputs.height)  # fmt: skip
        tokens = self.transformer(tokens, words, inputs.text_mask)
        return self.upsampler(tokens.flatten(0, 1)).unflatten(0, tokens.shape[:2]), tokens

    def act(self, tokens: Tensor, waypoint: Tensor, bins: Tensor | None = None) -> ActionLogits:
        """Logits of the rotation bins, the gripper's state and whether to ignore collisions.

        The global feature is each view's maximum over its tokens and its token at ``waypoint`` (B, 3) local, linearly
        interpolated: ground truth in training, predicted at test. ``bins`` (B, 3) as in ``RotationHead``.
        """
        batch, views, _, width = tokens.shape
        grid = self.config.encoders.grid
        axes = [[view.u_axis, view.v_axis] for view in VIEWS]
        signs = waypoint.new_tensor([[view.u_sign, view.v_sign] for view in VIEWS])
        where = waypoint[:, axes] * signs
        maps = tokens.float().flatten(0, 1).transpose(1, 2).unflatten(2, (grid, grid))
        at = F.grid_sample(
            maps, where.float().reshape(batch * views, 1, 1, 2), padding_mode="border", align_corners=False
        )
        features = torch.cat([tokens.float().amax(2).flatten(1), at.view(batch, views * width)], -1)
        features = self.feature_norm(features)
        rotation = self.rotation(features, bins).float()
        return ActionLogits(rotation, self.gripper(features).float(), self.collision(features).float())
