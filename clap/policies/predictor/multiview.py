"""Multi-View Transformer: attention within each view, then over all views and the step text (paper, section 4.2)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class MultiViewConfig:
    """``layers`` blocks, of which the first half attends within each view; ``heads`` per block; MLP ``expansion``."""

    layers: int
    heads: int
    expansion: int = 3

    @property
    def view_layers(self) -> int:
        """Blocks that attend within each view."""
        return self.layers // 2


class Block(nn.Module):
    """Pre-norm transformer block."""

    def __init__(self, width: int, heads: int, expansion: int, residual_scale: float):
        super().__init__()
        self.heads = heads
        self.attention_norm, self.mlp_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.up = nn.Linear(width, expansion * width)
        self.down = nn.Linear(expansion * width, width)
        for layer, scale in ((self.qkv, 1.0), (self.out, residual_scale), (self.up, 1.0), (self.down, residual_scale)):
            nn.init.normal_(layer.weight, std=scale / math.sqrt(layer.in_features))
            nn.init.zeros_(layer.bias)

    def forward(self, tokens: Tensor, mask: Tensor | None = None) -> Tensor:
        """Tokens (B, N, width); ``mask`` broadcastable to (B, heads, N, N), True where attention is allowed."""
        q, k, v = self.qkv(self.attention_norm(tokens)).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=mask).transpose(1, 2).flatten(2)
        tokens = tokens + self.out(mixed)
        return tokens + self.down(F.gelu(self.up(self.mlp_norm(tokens))))


class MultiViewTransformer(nn.Module):
    """Fuses the image tokens of three views and the text tokens; gives back the image tokens."""

    def __init__(self, width: int, config: MultiViewConfig):
        super().__init__()
        scale = 1 / math.sqrt(2 * config.layers)
        self.view_blocks, self.joint_blocks = (
            nn.ModuleList(Block(width, config.heads, config.expansion, scale) for _ in range(count))
            for count in (config.view_layers, config.layers - config.view_layers)
        )
        self.norm = nn.LayerNorm(width)

    def forward(self, tokens: Tensor, words: Tensor, word_mask: Tensor) -> Tensor:
        """Image tokens (B, V, N, width), text tokens (B, T, width) and mask (B, T) bool to (B, V, N, width)."""
        batch, views, count, _ = tokens.shape
        tokens = tokens.flatten(0, 1)
        for block in self.view_blocks:
            tokens = block(tokens)
        tokens = tokens.unflatten(0, (batch, views)).flatten(1, 2)
        everything = torch.cat([tokens, words.to(tokens.dtype)], 1)
        allowed = torch.cat([word_mask.new_ones(batch, views * count), word_mask], 1)[:, None, None]
        # An expanded mask of the full shape takes PyTorch's fused CPU kernel, a broadcast one may not.
        allowed = allowed.expand(-1, -1, everything.shape[1], -1)
        for block in self.joint_blocks:
            everything = block(everything, allowed)
        return self.norm(everything[:, : views * count]).unflatten(1, (views, count))
