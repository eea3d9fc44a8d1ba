"""Convolutional patch tokens and word embeddings in place of the 3D-aware encoders: what RVT-2 gives its transformer.

The paper's row "without pre-trained encoder" (table 2), in miniature: RGB, depth and positions enter side by side as
channels of one image, as in RVT-2, and the step's words have embeddings of their own. Own code, from the publication.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from clap.geometry.frames import VIEWS
from clap.policies.predictor.position_embedding import patch_heights, patch_positions


@dataclass(frozen=True)
class PlainEncoderConfig:
    """Sizes of the plain encoder, and the same input switches as ``EncoderConfig``.

    ``channels`` is the depth of the per-pixel features before they are gathered into patches of ``patch_size``;
    ``vocabulary`` the number of words; ``text_limit`` the longest step in tokens.
    """

    kind: ClassVar[str] = "plain"

    image_size: int
    vocabulary: int
    patch_size: int = 14
    width: int = 128
    channels: int = 16
    text_limit: int = 24
    use_rgb: bool = True
    use_depth: bool = True
    use_position: bool = True
    use_height: bool = True

    @property
    def grid(self) -> int:
        """Patches along one side of a view."""
        return self.image_size // self.patch_size

    def __post_init__(self) -> None:
        if self.image_size % self.patch_size:
            raise ValueError(f"patches of {self.patch_size} px do not fill an image of {self.image_size} px")

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        return asdict(self)

    def build(self) -> PlainEncoder:
        """An encoder of these sizes, untrained."""
        return PlainEncoder(self)


class PlainEncoder(nn.Module):
    """Zoomed views, step text and the gripper's opening to image tokens and text tokens, by convolutions alone."""

    def __init__(self, config: PlainEncoderConfig):
        super().__init__()
        self.config = config
        width, channels = config.width, config.channels
        self.pixels = nn.Sequential(nn.Conv2d(9, channels, 1), nn.LeakyReLU(0.02))
        self.patches = nn.Conv2d(channels, width, config.patch_size, config.patch_size)
        self.norm = nn.LayerNorm(width)
        self.place = nn.Parameter(0.1 * torch.randn(len(VIEWS), config.grid**2, width))
        self.gripper_embedding = nn.Linear(1, width)
        self.words = nn.Embedding(config.vocabulary, width)
        self.word_places = nn.Parameter(0.1 * torch.randn(config.text_limit, width))

    def forward(
        self, rgb: Tensor, depth: Tensor, text_ids: Tensor, text_mask: Tensor, gripper: Tensor, height: Tensor
    ) -> tuple[Tensor, Tensor]:
        """As ``ViewEncoder.forward``; an input that is switched off enters as zeros."""
        batch, views, size, _ = depth.shape
        config = self.config
        positions, seen = patch_positions(depth, 1)
        images = seen.view(batch, views, 1, size, size).to(depth.dtype)
        heights = patch_heights(height - height.new_tensor(4.0), size).view(batch, views, 1, size, size)
        channels = (
            (2 * rgb - 1) * images * config.use_rgb,
            depth[:, :, None] * config.use_depth,
            positions.unflatten(2, (size, size)).permute(0, 1, 4, 2, 3) * config.use_position,
            heights * (config.use_position and config.use_height),
            images,
        )
        pixels = self.pixels(torch.cat(channels, 2).flatten(0, 1))
        tokens = self.norm(self.patches(pixels).flatten(2).transpose(1, 2)).unflatten(0, (batch, views))
        tokens = tokens + self.place + self.gripper_embedding(2 * gripper[:, None] - 1)[:, None, None]
        return tokens, self.words(text_ids) + self.word_places[: text_ids.shape[1]]
