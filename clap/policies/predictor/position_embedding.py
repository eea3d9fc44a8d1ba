"""The 3D position embedding of patches: where in the window, and how high above the table (paper, section 4.2)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from clap.geometry.frames import VIEWS


def patch_positions(depth: Tensor, patch: int) -> tuple[Tensor, Tensor]:
    """Mean local position of each patch's non-empty pixels, and whether it has any.

    ``depth`` (B, 3, S, S) in units of the window's edge, 0 = empty. Returns positions (B, 3, N, 3) in the window's
    local cube [-1, 1], 0 where empty, and mask (B, 3, N) bool.
    """
    batch, views, size, _ = depth.shape
    grid = size // patch
    centers = (torch.arange(size, device=depth.device, dtype=depth.dtype) + 0.5) * (2 / size) - 1
    patches = depth.view(batch, views, grid, patch, grid, patch)
    seen = (patches > 0).to(depth.dtype)
    count = seen.sum((3, 5))
    per_row = (seen.sum(5) * centers.view(grid, patch)[:, :, None]).sum(3)
    per_column = (seen.sum(3) * centers.view(grid, patch)).sum(4)
    sums = (per_column, per_row, patches.sum((3, 5)))
    u, v, away = (total / count.clamp(min=1) for total in sums)
    positions = depth.new_zeros(batch, views, grid, grid, 3)
    for k, view in enumerate(VIEWS):
        positions[:, k, ..., view.u_axis] = view.u_sign * u[:, k]
        positions[:, k, ..., view.v_axis] = view.v_sign * v[:, k]
        positions[:, k, ..., view.depth_axis] = view.depth_sign * (2 * away[:, k] - 1)
    mask = count > 0
    return (positions * mask[..., None]).flatten(2, 3), mask.flatten(2)


class PositionEmbedding(nn.Module):
    """3D position embedding: sines and cosines of the local position in octaves, then an MLP; a vector for empty."""

    def __init__(self, width: int, bands: int):
        super().__init__()
        self.frequencies: Tensor
        self.register_buffer("frequencies", math.pi * 2.0 ** torch.arange(bands) / 2, persistent=False)
        self.mlp = nn.Sequential(nn.Linear(3 + 6 * bands, width), nn.GELU(), nn.Linear(width, width))
        self.empty = nn.Parameter(torch.zeros(width))

    def forward(self, positions: Tensor, mask: Tensor) -> Tensor:
        """(..., 3) positions and (...) mask to (..., width)."""
        waves = (positions[..., None] * self.frequencies).flatten(-2)
        embedded = self.mlp(torch.cat([positions, waves.sin(), waves.cos()], -1))
        return torch.where(mask[..., None], embedded, self.empty.to(embedded.dtype))


def patch_heights(height: Tensor, grid: int) -> Tensor:
    """(B,) heights of windows' centres to (B, 3, grid * grid) heights of their patches' centres, in window edges.

    Where rows run along z a patch has a height of its own, seen or empty; in the top view it has the window's.
    """
    rows = (torch.arange(grid, device=height.device, dtype=height.dtype) + 0.5) / grid - 0.5
    upright = [view.v_sign * rows if view.v_axis == 2 else torch.zeros_like(rows) for view in VIEWS]
    return (height[:, None, None] + torch.stack(upright))[..., None].expand(-1, -1, -1, grid).flatten(2)


class HeightEmbedding(nn.Module):
    """The part of the 3D position embedding in the world frame: the height of each patch.

    Positions inside the window are relative to it, so that a window in free air shows nothing that tells its height:
    the lifts, which end at a fixed height, missed by 5 mm in the median and 25 mm in the worst tenth along z, and by
    1 mm across. Only the height is given: along x and y the policy should not care where on the table it is.
    """

    MIDDLE = 4.0
    """Height in window edges (1 m in the tabletop) around which the linear input is centred."""

    def __init__(self, width: int, bands: int):
        super().__init__()
        self.frequencies: Tensor
        # Periods of 8, 4, 2 ... window edges: 2 m down to a patch.
        self.register_buffer("frequencies", 2 * math.pi * 2.0 ** torch.arange(bands) / 8, persistent=False)
        self.mlp = nn.Sequential(nn.Linear(1 + 2 * bands, width), nn.GELU(), nn.Linear(width, width))

    def forward(self, heights: Tensor) -> Tensor:
        """(...) heights in window edges to (..., width)."""
        waves = heights[..., None] * self.frequencies
        return self.mlp(torch.cat([heights[..., None] - self.MIDDLE, waves.sin(), waves.cos()], -1))
