"""Cloud to canonical views: orthographic z-buffer rendering of the three views (paper, section 3)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clap.errors import EmptyCloudError
from clap.geometry.compiled import compiled
from clap.geometry.frames import IMAGE_SIZE, VIEWS, Workspace
from clap.geometry.observation import PointCloud
from clap.geometry.zbuffer import AXES, nearest_keys

SPLAT_MARGIN = 0.02
"""Metres by which a splat must be nearer to cover a point that falls in the pixel itself: less than the thickness of
a block, so that its far side never shows through its sparse near side, and more than the noise of a surface."""

NEAREST_DEPTH = 1e-4
"""Depth in metres given to points on the near face itself: positive in float16 too, since 0 means empty."""


@dataclass(frozen=True)
class CanonicalViews:
    """Front, left and top view of a cloud, in the order of ``geometry.VIEWS``.

    ``rgb`` (3, S, S, 3) uint8, black where nothing was seen; ``depth`` (3, S, S) float32 metres from the face of
    the workspace cube that the view looks through, 0 = empty; ``xyz`` (3, S, S, 3) float32 world metres of the
    point drawn, 0 where empty; ``mask`` (3, S, S) bool, True where a point was drawn.
    """

    rgb: NDArray[np.uint8]
    depth: NDArray[np.float32]
    xyz: NDArray[np.float32]
    mask: NDArray[np.bool_]
    workspace: Workspace

    @property
    def size(self) -> int:
        """Side of a view in pixels."""
        return int(self.rgb.shape[1])


def render_views(cloud: PointCloud, workspace: Workspace, size: int = IMAGE_SIZE, splat: int = 1) -> CanonicalViews:
    """Draw the part of a cloud inside the workspace cube into the three views, the nearest point winning.

    ``splat`` is the radius in pixels of the square that a point paints around its own pixel (0: that pixel alone).
    Empty pixels take the nearest splat; a pixel with a point of its own gives way only to a splat nearer by more
    than ``SPLAT_MARGIN``. A splatted pixel's ``xyz`` is the point shifted to the pixel's centre, parallel to the
    image: every drawn ``xyz`` projects into its own pixel. Of points equally near, the first in the cloud wins.

    Raises EmptyCloudError if no point lies inside.
    """
    if size < 1 or splat < 0:
        raise ValueError(f"render_views needs size >= 1 and splat >= 0, got size={size} splat={splat}")
    points = np.ascontiguousarray(cloud.points, np.float32)
    colors = np.ascontiguousarray(cloud.colors, np.uint8)
    center, half = workspace.center, workspace.half_extent
    # A border as wide as a splat reaches, so that no neighbourhood is cut by the edge of a view.
    keys, inside = nearest_keys(points, workspace, size, splat)
    if inside == 0:
        raise EmptyCloudError(
            f"None of the {len(points):,} points of the cloud lies inside the window "
            f"{np.round(center - half, 3).tolist()} .. {np.round(center + half, 3).tolist()} m."
        )
    rgb = np.zeros((len(VIEWS), size, size, 3), np.uint8)
    depth = np.zeros((len(VIEWS), size, size), np.float32)
    xyz = np.zeros((len(VIEWS), size, size, 3), np.float32)
    mask = np.zeros((len(VIEWS), size, size), np.bool_)
    _paint(points, colors, center, half, AXES, keys, splat, SPLAT_MARGIN, rgb, depth, xyz, mask)
    return CanonicalViews(rgb, depth, xyz, mask, workspace)


def views_from_arrays(rgb: NDArray[np.uint8], depth: NDArray[np.floating], workspace: Workspace) -> CanonicalViews:
    """Rebuild views from what is stored: ``rgb`` (3, S, S, 3) uint8, ``depth`` (3, S, S) metres, 0 = empty.

    ``xyz`` comes from the pixel centres and the depth, so it is at most half a pixel from the point drawn.
    """
    size = rgb.shape[1] if rgb.ndim == 4 else 0
    if rgb.shape != (len(VIEWS), size, size, 3) or depth.shape != (len(VIEWS), size, size):
        raise ValueError(f"views need rgb (3, S, S, 3) and depth (3, S, S), got {rgb.shape} and {depth.shape}")
    depth = np.ascontiguousarray(depth, np.float32)
    xyz = np.zeros((len(VIEWS), size, size, 3), np.float32)
    _lift_pixels(depth, workspace.center, workspace.half_extent, AXES, xyz)
    return CanonicalViews(np.ascontiguousarray(rgb), depth, xyz, depth > 0, workspace)


@compiled
def _paint(points, colors, center, half, axes, keys, splat, margin, rgb, depth, xyz, mask):
    """Write the winner of every pixel, its own or a neighbour's splat, into the zeroed arrays of the views."""
    size = mask.shape[1]
    stride = keys.shape[1]
    cell = 2 * half / size
    flat = keys.reshape(3, -1)
    own = np.empty((stride, stride), np.float32)
    bits = own.view(np.uint32)
    row_nearest, row_source = np.empty((stride, size), np.float32), np.empty((stride, size), np.uint32)
    nearest, source = np.empty(size, np.float32), np.empty(size, np.uint32)
    u_center, v_center = np.empty(size, np.float32), np.empty(size, np.float32)
    for k in range(3):
        u, v, d = axes[k, 0], axes[k, 2], axes[k, 4]
        for i in range(size):
            u_center[i] = center[u] + axes[k, 1] * ((i + 0.5) * cell - half)
            v_center[i] = center[v] + axes[k, 3] * ((i + 0.5) * cell - half)
        # The nearest of a square is the nearest of its rows' nearest: along rows first, then across them.
        for row in range(stride):
            for column in range(stride):
                bits[row, column] = np.uint32(keys[k, row, column] >> np.uint64(32))
            for column in range(size):
                row_nearest[row, column] = own[row, column]
                row_source[row, column] = np.uint32(row * stride + column)
            for shift in range(1, 2 * splat + 1):
                for column in range(size):
                    nearer = own[row, column + shift] < row_nearest[row, column]
                    there = np.uint32(row * stride + column + shift)
                    row_nearest[row, column] = own[row, column + shift] if nearer else row_nearest[row, column]
                    row_source[row, column] = there if nearer else row_source[row, column]
        for row in range(size):
            for column in range(size):
                nearest[column], source[column] = row_nearest[row, column], row_source[row, column]
            for shift in range(1, 2 * splat + 1):
                for column in range(size):
                    nearer = row_nearest[row + shift, column] < nearest[column]
                    nearest[column] = row_nearest[row + shift, column] if nearer else nearest[column]
                    source[column] = row_source[row + shift, column] if nearer else source[column]
            first = (row + splat) * stride + splat
            for column in range(size):
                here = own[row + splat, column + splat]
                splatted = nearest[column] < here - np.float32(margin)
                nearest[column] = nearest[column] if splatted else here
                source[column] = source[column] if splatted else np.uint32(first + column)
            for column in range(size):
                if nearest[column] == np.inf:
                    continue
                winner = np.uint32(flat[k, source[column]])
                splatted = source[column] != np.uint32(first + column)
                mask[k, row, column] = True
                depth[k, row, column] = max(nearest[column], np.float32(NEAREST_DEPTH))
                for a in range(3):
                    rgb[k, row, column, a] = colors[winner, a]
                xyz[k, row, column, u] = u_center[column] if splatted else points[winner, u]
                xyz[k, row, column, v] = v_center[row] if splatted else points[winner, v]
                xyz[k, row, column, d] = points[winner, d]


@compiled
def _lift_pixels(depth, center, half, axes, xyz):
    """World point (3, S, S, 3) of each non-empty pixel centre at its depth, written into the zeroed ``xyz``."""
    size = depth.shape[1]
    cell = 2 * half / size
    for k in range(axes.shape[0]):
        for row in range(size):
            for column in range(size):
                if depth[k, row, column] > 0:
                    u, v, d = axes[k, 0], axes[k, 2], axes[k, 4]
                    xyz[k, row, column, u] = center[u] + axes[k, 1] * ((column + 0.5) * cell - half)
                    xyz[k, row, column, v] = center[v] + axes[k, 3] * ((row + 0.5) * cell - half)
                    xyz[k, row, column, d] = center[d] + axes[k, 5] * (depth[k, row, column] - half)
