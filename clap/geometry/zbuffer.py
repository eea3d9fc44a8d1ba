"""Points to the nearest point of every pixel of the canonical views: the z-buffer under ``clap.geometry.views``."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from clap.geometry.compiled import compiled
from clap.geometry.frames import VIEWS, Workspace

EMPTY = np.uint64(0x7F80_0000_FFFF_FFFF)
"""Key of a pixel without a point: an infinite depth, and no index."""

AXES = np.array([[v.u_axis, v.u_sign, v.v_axis, v.v_sign, v.depth_axis, v.depth_sign] for v in VIEWS], np.int64)
"""``geometry.VIEWS`` for compiled loops: (3, 6) of axis and sign of u, v and depth."""

_BLOCK = 1024
"""Points taken at a time: their pixels and depths stay in the first-level cache."""


def nearest_keys(
    points: NDArray[np.float32], workspace: Workspace, size: int, border: int = 0
) -> tuple[NDArray[np.uint64], int]:
    """Keys (3, S + 2 border, S + 2 border) of the nearest point per pixel, and how many points lie in the cube.

    ``points`` (N, 3) world metres, C-contiguous. A key holds the bits of the depth, float32 metres from the face of
    the cube that the view looks through, above the index of the point: non-negative floats order as their bits do,
    so one comparison finds the nearest point, and of points equally near the first in the cloud. The ``border``
    around each view stays ``EMPTY``, as do pixels without a point; points outside the cube, or not finite, have none.

    262,144 points take 2 ms, about ten times as long as memory takes to move as many bytes (`python -m
    training.benchmark projection`): the rest is the 3 N updates of single pixels, in no order that memory likes.
    """
    keys = np.full((len(VIEWS), size + 2 * border, size + 2 * border), EMPTY)
    inside = _fill(points, workspace.center, workspace.half_extent, AXES, border, keys)
    return keys, inside


@compiled
def _fill(points, center, half, axes, border, keys):
    """Lower the keys of the pixels that points fall in; returns how many points are inside."""
    raw = np.empty((3, _BLOCK), np.float32)
    local = np.empty((3, _BLOCK))
    inside = np.empty(_BLOCK, np.uint8)
    pixel = np.empty((3, _BLOCK), np.uint32)
    depth = np.empty((3, _BLOCK), np.float32)
    bits = depth.view(np.uint32)
    flat = keys.reshape(3, -1)
    total = 0
    for start in range(0, points.shape[0], _BLOCK):
        block = points[start : start + _BLOCK]
        count = _locate(block, center, half, raw, local, inside)
        if count == 0:
            continue
        total += count
        _quantise(len(block), half, axes, keys.shape[1], border, local, pixel, depth)
        for j in range(len(block)):
            if inside[j]:
                for k in range(3):
                    # Without a branch: whether a point is nearer than the last one cannot be predicted.
                    key = (np.uint64(bits[k, j]) << np.uint64(32)) | np.uint64(start + j)
                    before = flat[k, pixel[k, j]]
                    flat[k, pixel[k, j]] = key if key < before else before
    return total


@compiled
def _locate(block, center, half, raw, local, inside):
    """Local coordinates (3, block) of the points of a block, and 1 for each that is in the cube; their number.

    Points are taken apart into axes first, for the vector units. Doubles, as in ``geometry.to_pixels``: with
    float32 a point close to the edge of a pixel would fall into another than it says.
    """
    x, y, z = raw[0], raw[1], raw[2]
    for j in range(len(block)):
        x[j], y[j], z[j] = block[j, 0], block[j, 1], block[j, 2]
    scale = 1 / half
    cx, cy, cz = center[0], center[1], center[2]
    count = 0
    for j in range(len(block)):
        a, b, c = (x[j] - cx) * scale, (y[j] - cy) * scale, (z[j] - cz) * scale
        local[0, j], local[1, j], local[2, j] = a, b, c
        # Written so that NaN fails it.
        inside[j] = (abs(a) <= 1) & (abs(b) <= 1) & (abs(c) <= 1)
        count += inside[j]
    return count


@compiled
def _quantise(count, half, axes, stride, border, local, pixel, depth):
    """Pixel, as an index into a view with its border, and depth of each point of a block in the three views."""
    size = stride - 2 * border
    last = float(size - 1)
    for k in range(3):
        u_sign, v_sign, depth_sign = axes[k, 1], axes[k, 3], axes[k, 5]
        u, v, d = local[axes[k, 0]], local[axes[k, 2]], local[axes[k, 4]]
        for j in range(count):
            column, row = size / 2 * (1 + u_sign * u[j]), size / 2 * (1 + v_sign * v[j])
            # Points outside are clipped too (NaN to 0): no integer could hold what they may be.
            column, row = column if column > 0 else 0.0, row if row > 0 else 0.0
            column, row = column if column < last else last, row if row < last else last
            pixel[k, j] = np.uint32((np.int32(row) + border) * stride + np.int32(column) + border)
            depth[k, j] = half * (1 + depth_sign * d[j])
