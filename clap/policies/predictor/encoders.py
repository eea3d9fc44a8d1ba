"""3D-aware representation of the zoomed views: SigLIP on RGB and step text, DINOv2 on depth, a 3D position embedding.

Paper, section 4.2. The classes are Hugging Face's own, so that ``clap-mini`` and the paper's size differ in their
configuration alone. Every view gives one token per patch; the streams of one patch are summed after a projection.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from transformers import Dinov2Config, Dinov2Model, SiglipConfig, SiglipModel

from clap.geometry.frames import VIEWS
from clap.policies.predictor.position_embedding import (
    HeightEmbedding,
    PositionEmbedding,
    patch_heights,
    patch_positions,
)

SIGLIP_MEAN, SIGLIP_STD = 0.5, 0.5
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class EncoderConfig:
    """Sizes of the encoders. ``siglip`` and ``dinov2`` are Hugging Face configurations as dictionaries.

    ``width`` is the token width after fusion; ``fourier_bands`` the number of octaves of the 3D position features.
    The first three switches are the ablations of the paper's table 12. ``use_height`` belongs to the 3D position: it
    tells where the window lies above the table, which a window around a point in the air does not show (see
    ``HeightEmbedding``); without ``use_position`` it is off.
    """

    kind: ClassVar[str] = "clap"

    image_size: int
    siglip: dict[str, Any]
    dinov2: dict[str, Any]
    width: int
    fourier_bands: int = 6
    use_rgb: bool = True
    use_depth: bool = True
    use_position: bool = True
    use_height: bool = True

    @property
    def text_limit(self) -> int:
        """Longest step instruction in tokens."""
        return int(self.siglip["text_config"]["max_position_embeddings"])

    @property
    def patch_size(self) -> int:
        """Side of a patch in pixels, the same for both towers."""
        return int(self.siglip["vision_config"]["patch_size"])

    @property
    def grid(self) -> int:
        """Patches along one side of a view."""
        return self.image_size // self.patch_size

    def __post_init__(self) -> None:
        if self.dinov2["patch_size"] != self.patch_size or self.image_size % self.patch_size:
            raise ValueError(
                f"SigLIP (patch {self.patch_size}) and DINOv2 (patch {self.dinov2['patch_size']}) must cut an image of "
                f"{self.image_size} px into the same patches"
            )

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        return asdict(self)

    def build(self) -> ViewEncoder:
        """An encoder of these sizes, untrained."""
        return ViewEncoder(self)

    @staticmethod
    def mini(vocabulary: int, image_size: int = 112, patch: int = 14, width: int = 128, rgb_layers: int = 2,
             depth_layers: int = 1, text_layers: int = 1) -> EncoderConfig:  # fmt: skip
        """The encoders of clap-mini, small enough to train from scratch on two cores."""
        tower = {"hidden_size": width, "intermediate_size": 3 * width, "num_attention_heads": width // 32}
        siglip = {
            "text_config": {
                **tower,
                "num_hidden_layers": text_layers,
                "vocab_size": vocabulary,
                "bos_token_id": None,
                "eos_token_id": None,
                "pad_token_id": 0,
                "max_position_embeddings": 24,
                "projection_size": width,
            },
            "vision_config": {
                **tower,
                "num_hidden_layers": rgb_layers,
                "image_size": image_size,
                "patch_size": patch,
                "vision_use_head": False,
            },
        }
        dinov2 = {
            "hidden_size": width,
            "num_attention_heads": width // 32,
            "num_hidden_layers": depth_layers,
            "mlp_ratio": 3,
            "image_size": image_size,
            "patch_size": patch,
            "layerscale_value": 1.0,
            # Hugging Face's 0.02 suits widths of some thousands; at 128 it leaves the tower blind for long.
            "initializer_range": 1 / math.sqrt(width),
        }
        return EncoderConfig(image_size, siglip, dinov2, width)

    @staticmethod
    def paper() -> EncoderConfig:
        """SigLIP so400m-patch14-224 and DINOv2 base at 224 px: both cut a view into 16 x 16 patches.

        The paper names the encoders but not their sizes; these are the ones whose grids agree.
        """
        tower = {
            "hidden_size": 1152,
            "intermediate_size": 4304,
            "num_attention_heads": 16,
            "num_hidden_layers": 27,
        }
        siglip = {
            "text_config": {**tower, "vocab_size": 32000, "max_position_embeddings": 16, "projection_size": 1152},
            "vision_config": {**tower, "image_size": 224, "patch_size": 14},
        }
        dinov2 = {"hidden_size": 768, "num_attention_heads": 12, "num_hidden_layers": 12, "mlp_ratio": 4,
                  "image_size": 518, "patch_size": 14}  # fmt: skip
        return EncoderConfig(224, siglip, dinov2, width=512)

    @staticmethod
    def from_folders(siglip: Path | str, dinov2: Path | str, width: int = 512) -> EncoderConfig:
        """The configuration of pretrained towers, from their folders."""
        siglip_config = SiglipConfig.from_pretrained(siglip, local_files_only=True).to_dict()
        dinov2_config = Dinov2Config.from_pretrained(dinov2, local_files_only=True).to_dict()
        return EncoderConfig(siglip_config["vision_config"]["image_size"], siglip_config, dinov2_config, width)


class ViewEncoder(nn.Module):
    """Three zoomed views, the step's tokens and the gripper's opening to image tokens and text tokens."""

    def __init__(self, config: EncoderConfig):
        super().__init__()
        self.config = config
        self.siglip = SiglipModel(SiglipConfig(**config.siglip))
        self.dinov2 = Dinov2Model(Dinov2Config(**config.dinov2)) if config.use_depth else None
        if not config.use_rgb:
            self.siglip.vision_model = None
        self.requires_grad_(True)
        for unused in ("logit_scale", "logit_bias"):
            getattr(self.siglip, unused).requires_grad_(False)
        vision, text = self.siglip.config.vision_config.hidden_size, self.siglip.config.text_config.hidden_size
        depth = self.dinov2.config.hidden_size if self.dinov2 is not None else 0
        width = config.width
        self.rgb_projection = nn.Sequential(nn.LayerNorm(vision), nn.Linear(vision, width)) if config.use_rgb else None
        self.depth_projection = nn.Sequential(nn.LayerNorm(depth), nn.Linear(depth, width)) if depth else None
        self.text_projection = nn.Sequential(nn.LayerNorm(text), nn.Linear(text, width))
        self.position = PositionEmbedding(width, config.fourier_bands) if config.use_position else None
        with_height = config.use_position and config.use_height
        self.height = HeightEmbedding(width, config.fourier_bands + 2) if with_height else None
        self.view_embedding = nn.Parameter(0.1 * torch.randn(len(VIEWS), 1, width))
        self.gripper_embedding = nn.Linear(1, width)
        self.depth_mean: Tensor
        self.depth_std: Tensor
        self.register_buffer("depth_mean", torch.tensor(IMAGENET_MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer("depth_std", torch.tensor(IMAGENET_STD).view(3, 1, 1), persistent=False)

    def load_pretrained(self, siglip: Path | str, dinov2: Path | str) -> None:
        """Take the weights of pretrained towers from folders in Hugging Face's format."""
        pretrained = SiglipModel.from_pretrained(siglip, local_files_only=True)
        self.siglip.load_state_dict(pretrained.state_dict(), strict=self.config.use_rgb)
        if self.dinov2 is not None:
            self.dinov2.load_state_dict(Dinov2Model.from_pretrained(dinov2, local_files_only=True).state_dict())

    def forward(
        self, rgb: Tensor, depth: Tensor, text_ids: Tensor, text_mask: Tensor, gripper: Tensor, height: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Image tokens (B, 3, N, width) and text tokens (B, T, width).

        ``rgb`` (B, 3, 3, S, S) in [0, 1], channels before rows; ``depth`` (B, 3, S, S) in units of the window's edge,
        0 = empty; ``text_ids``, ``text_mask`` (B, T) int and bool; ``gripper`` (B,) opening in [0, 1]; ``height``
        (B,) world z of the window's centre in units of its edge.
        """
        batch, views = depth.shape[:2]
        tokens = self.view_embedding + self.gripper_embedding(2 * gripper[:, None] - 1)[:, None, None]
        if self.rgb_projection is not None:
            pixels = ((rgb - SIGLIP_MEAN) / SIGLIP_STD).flatten(0, 1)
            seen = self.siglip.vision_model(pixel_values=pixels).last_hidden_state
            tokens = tokens + self.rgb_projection(seen).unflatten(0, (batch, views))
        if self.dinov2 is not None and self.depth_projection is not None:
            near = torch.where(depth > 0, 1 - depth, torch.zeros_like(depth)).flatten(0, 1)[:, None]
            pixels = (near - self.depth_mean) / self.depth_std
            shape = self.dinov2(pixel_values=pixels).last_hidden_state[:, 1:]
            tokens = tokens + self.depth_projection(shape).unflatten(0, (batch, views))
        if self.position is not None:
            tokens = tokens + self.position(*patch_positions(depth, self.config.patch_size))
        if self.height is not None:
            tokens = tokens + self.height(patch_heights(height, self.config.grid))
        if tokens.shape[2] == 1:
            tokens = tokens.expand(batch, views, self.config.grid**2, -1)
        words = self.siglip.text_model(input_ids=text_ids, attention_mask=text_mask.long()).last_hidden_state
        return tokens, self.text_projection(words)
