"""Cloud to canonical views: orthographic z-buffer rendering of the three views (paper, section 3)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clap.compiled import compiled
from clap.failures import EmptyCloudError
from clap.geometry import IMAGE_SIZE, VIEWS, Workspace
from clap.observation import PointCloud

SPLAT_MARGIN = 0.02
"""Metres by which a splat must be nearer to cover a point that falls in the pixel itself: less than the thickness of
a block, so that its far side never shows through its sparse near side, and more than the noise of a surface."""

NEAREST_DEPTH = 1e-4
"""Depth in metres given to points on the near face itself: positive in float16 too, since 0 means empty."""

_AXES = np.array([[v.u_axis, v.u_sign, v.v_axis, v.v_sign, v.depth_axis, v.depth_sign] for v in VIEWS], np.int64)


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
    zbuffer = np.full((len(VIEWS), size, size), np.inf, np.float32)
    winner = np.full((len(VIEWS), size, size), -1, np.int32)
    if _fill_zbuffer(points, center, half, _AXES, zbuffer, winner) == 0:
        raise EmptyCloudError(
            f"None of the {len(points):,} points of the cloud lies inside the window "
            f"{np.round(center - half, 3).tolist()} .. {np.round(center + half, 3).tolist()} m."
        )
    rgb = np.zeros((len(VIEWS), size, size, 3), np.uint8)
    depth = np.zeros((len(VIEWS), size, size), np.float32)
    xyz = np.zeros((len(VIEWS), size, size, 3), np.float32)
    mask = np.zeros((len(VIEWS), size, size), np.bool_)
    _paint(points, colors, center, half, _AXES, zbuffer, winner, splat, SPLAT_MARGIN, rgb, depth, xyz, mask)
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
    _lift_pixels(depth, workspace.center, workspace.half_extent, _AXES, xyz)
    return CanonicalViews(np.ascontiguousarray(rgb), depth, xyz, depth > 0, workspace)


@compiled
def _fill_zbuffer(points, center, half, axes, zbuffer, winner):
    """Nearest depth and point index per pixel, (3, S, S) each, in one pass; returns how many points are inside."""
    size = zbuffer.shape[1]
    local = np.empty(3)
    inside = 0
    for i in range(points.shape[0]):
        for a in range(3):
            local[a] = (points[i, a] - center[a]) / half
        # Written so that NaN fails it.
        if not (abs(local[0]) <= 1 and abs(local[1]) <= 1 and abs(local[2]) <= 1):
            continue
        inside += 1
        for k in range(axes.shape[0]):
            column = min(int(size / 2 * (1 + axes[k, 1] * local[axes[k, 0]])), size - 1)
            row = min(int(size / 2 * (1 + axes[k, 3] * local[axes[k, 2]])), size - 1)
            depth = np.float32(half * (1 + axes[k, 5] * local[axes[k, 4]]))
            if depth < zbuffer[k, row, column]:
                zbuffer[k, row, column] = depth
                winner[k, row, column] = i
    return inside


@compiled
def _paint(points, colors, center, half, axes, zbuffer, winner, splat, margin, rgb, depth, xyz, mask):
    """Write the winner of every pixel, its own or a neighbour's splat, into the zeroed arrays of the views."""
    size = zbuffer.shape[1]
    cell = 2 * half / size
    for k in range(axes.shape[0]):
        for row in range(size):
            for column in range(size):
                best_row, best_column = row, column
                nearest = zbuffer[k, row, column] - np.float32(margin)
                for r in range(max(row - splat, 0), min(row + splat + 1, size)):
                    for c in range(max(column - splat, 0), min(column + splat + 1, size)):
                        if zbuffer[k, r, c] < nearest:
                            nearest = zbuffer[k, r, c]
                            best_row, best_column = r, c
                i = winner[k, best_row, best_column]
                if i < 0:
                    continue
                mask[k, row, column] = True
                depth[k, row, column] = max(zbuffer[k, best_row, best_column], np.float32(NEAREST_DEPTH))
                for a in range(3):
                    rgb[k, row, column, a] = colors[i, a]
                    xyz[k, row, column, a] = points[i, a]
                if best_row != row or best_column != column:
                    u, v = axes[k, 0], axes[k, 2]
                    xyz[k, row, column, u] = center[u] + axes[k, 1] * ((column + 0.5) * cell - half)
                    xyz[k, row, column, v] = center[v] + axes[k, 3] * ((row + 0.5) * cell - half)


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
