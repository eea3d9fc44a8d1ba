"""Heatmaps of the fine stage: convex upsampling, targets, and the position that three of them agree on."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from clap.geometry.frames import VIEWS, Array


class ConvexUpsampler(nn.Module):
    """Tokens to a full-resolution map of logits: each pixel is a convex combination of its 3 x 3 coarse neighbours.

    RAFT's upsampling, which RVT-2 and CLAP use for their heatmaps: the coarse map and the weights both come from
    the tokens, so that a peak is placed inside its patch by the weights. No 3 x 3 convolutions before it, as RVT-2
    has: the transformer has mixed the neighbours already, and they cost a tenth of a training step.
    """

    def __init__(self, width: int, patch: int, hidden: int):
        super().__init__()
        self.patch = patch
        self.features = nn.Sequential(nn.Linear(width, hidden), nn.GELU())
        self.coarse = nn.Linear(hidden, 1)
        self.weights = nn.Linear(hidden, 9 * patch * patch)
        nn.init.normal_(self.weights.weight, std=0.5 / math.sqrt(hidden))

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens (B, grid * grid, width) to logits (B, S, S), S = grid * patch."""
        batch, count, _ = tokens.shape
        grid, patch = math.isqrt(count), self.patch
        features = self.features(tokens)
        coarse = self.coarse(features).float().view(batch, 1, grid, grid)
        neighbours = F.unfold(coarse, 3, padding=1).transpose(1, 2)[:, :, None]
        weights = self.weights(features).float().view(batch, count, 9, patch * patch).softmax(2)
        cells = (neighbours @ weights).view(batch, grid, grid, patch, patch)
        return cells.permute(0, 1, 3, 2, 4).reshape(batch, grid * patch, grid * patch)


def gaussian_targets(pixels: Tensor, size: int, sigma: float) -> Tensor:
    """Normalised Gaussians (..., S, S) around continuous pixels (..., 2), zero beyond three sigmas of each axis."""
    centers = torch.arange(size, device=pixels.device) + 0.5
    offsets = centers - pixels[..., None]
    waves = torch.exp(-0.5 * (offsets / sigma) ** 2) * (offsets.abs() <= 3 * sigma)
    waves = waves / waves.sum(-1, keepdim=True).clamp(min=1e-9)
    return waves[..., 1, :, None] * waves[..., 0, None, :]


@dataclass(frozen=True)
class Decoded:
    """``local`` (3,) position in the window's cube [-1, 1]; ``support`` (3,) share of each heatmap near it."""

    local: Array
    support: Array


SUPPORT_RADIUS = 5
"""Pixels around the projected position whose mass counts as support (11 mm in clap-mini's window)."""


def decode_position(log_heatmaps: NDArray[np.float32], radius: int = 2) -> Decoded:
    """The position where the sum of the three views' log-heatmaps (3, S, S) is greatest.

    The views are axis aligned, so the score of a voxel is the sum of three planes; the S^3 voxels are searched slab
    by slab without storing them (exact). A mean weighted by exp(score) over the ``radius`` neighbourhood then
    refines it below a pixel.
    """
    size = log_heatmaps.shape[-1]
    planes = {}
    for heatmap, view in zip(log_heatmaps, VIEWS, strict=True):
        plane = heatmap[:: view.v_sign, :: view.u_sign]
        planes[view.depth_axis] = plane.T if view.u_axis < view.v_axis else plane
    by_yz, by_xz, by_xy = planes[0], planes[1], planes[2]
    best, peak = -np.inf, (0, 0, 0)
    slab = np.empty_like(by_yz)
    for x in range(size):
        np.add(by_yz, by_xz[x][None, :], out=slab)
        slab += by_xy[x][:, None]
        where = int(slab.argmax())
        if slab.flat[where] > best:
            best, peak = float(slab.flat[where]), (x, where // size, where % size)
    spans = [np.arange(max(0, p - radius), min(size, p + radius + 1)) for p in peak]
    xs, ys, zs = np.ix_(*spans)
    score = by_xy[xs, ys].astype(float) + by_xz[xs, zs] + by_yz[ys, zs]
    weight = np.exp(score - score.max())
    cells = [float((weight * axis).sum() / weight.sum()) + 0.5 for axis in (xs, ys, zs)]
    local = np.array(cells) * 2 / size - 1
    return Decoded(local, _support(log_heatmaps, local))


def _support(log_heatmaps: NDArray[np.float32], local: Array) -> Array:
    size = log_heatmaps.shape[-1]
    shares = []
    for heatmap, view in zip(log_heatmaps, VIEWS, strict=True):
        u = int(size / 2 * (1 + view.u_sign * local[view.u_axis]))
        v = int(size / 2 * (1 + view.v_sign * local[view.v_axis]))
        rows = slice(max(0, v - SUPPORT_RADIUS), v + SUPPORT_RADIUS + 1)
        columns = slice(max(0, u - SUPPORT_RADIUS), u + SUPPORT_RADIUS + 1)
        shares.append(np.exp(heatmap[rows, columns]).sum() / np.exp(heatmap).sum())
    return np.array(shares)
