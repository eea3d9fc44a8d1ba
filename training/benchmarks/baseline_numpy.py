"""An observation's cloud and views as well as numpy does them: the same results as ours, in passes over arrays."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from clap.geometry.frames import VIEWS, Workspace, to_pixels
from clap.geometry.observation import CameraFrame, PointCloud
from clap.geometry.views import NEAREST_DEPTH, SPLAT_MARGIN, CanonicalViews
from clap.geometry.zbuffer import EMPTY


def fuse(frames: tuple[CameraFrame, ...], workspace: Workspace) -> PointCloud:
    """All pixels unprojected by array operations, joined, then masked."""
    points, colors = [], []
    for frame in frames:
        height, width = frame.depth.shape
        v, u = np.mgrid[0:height, 0:width] + 0.5
        pixels = np.stack([u, v, np.ones_like(u)], -1)
        rays = pixels @ np.linalg.inv(frame.intrinsics).T
        in_camera = rays * frame.depth[..., None]
        in_world = in_camera @ frame.cam2world[:3, :3].T + frame.cam2world[:3, 3]
        valid = frame.depth > 0
        points.append(in_world[valid])
        colors.append(frame.rgb[valid])
    joined = np.concatenate(points).astype(np.float32)
    inside = workspace.contains(joined)
    return PointCloud(joined[inside], np.concatenate(colors)[inside])


def nearest_keys(points: NDArray[np.float32], workspace: Workspace, size: int) -> NDArray[np.uint64]:
    """Keys (3, S, S) as of ``clap.geometry.zbuffer``, by ``np.minimum.at``: faster than a sort for each view."""
    local = workspace.to_local(points)
    index = np.flatnonzero(np.all(np.abs(local) <= 1, axis=-1))
    local, pixels = local[index], to_pixels(points[index], workspace, size)
    keys = np.full((len(VIEWS), size * size), EMPTY)
    for k, view in enumerate(VIEWS):
        depth = workspace.half_extent * (1 + view.depth_sign * local[:, view.depth_axis])
        high = depth.astype(np.float32).view(np.uint32).astype(np.uint64) << np.uint64(32)
        np.minimum.at(keys[k], pixels[:, k, 1] * size + pixels[:, k, 0], high | index.astype(np.uint64))
    return keys.reshape(len(VIEWS), size, size)


def views(cloud: PointCloud, workspace: Workspace, size: int) -> CanonicalViews:
    """The three views with splats of one pixel: the nine shifted copies of the z-buffer compared one by one."""
    keys = nearest_keys(cloud.points, workspace, size)
    own = (keys >> np.uint64(32)).astype(np.uint32).view(np.float32)
    padded = np.pad(own, ((0, 0), (1, 1), (1, 1)), constant_values=np.inf)
    cells = np.arange(len(VIEWS) * size * size).reshape(own.shape)
    nearest, source = own - np.float32(SPLAT_MARGIN), cells
    for row in range(3):
        for column in range(3):
            there = padded[:, row : row + size, column : column + size]
            nearer = there < nearest
            nearest = np.where(nearer, there, nearest)
            source = np.where(nearer, cells + (row - 1) * size + column - 1, source)
    depth = own.ravel()[source]
    mask = depth < np.inf
    winner = (keys.ravel()[source[mask]] & np.uint64(0xFFFF_FFFF)).astype(np.int64)
    rgb, xyz = np.zeros((*own.shape, 3), np.uint8), np.zeros((*own.shape, 3), np.float32)
    rgb[mask], xyz[mask] = cloud.colors[winner], cloud.points[winner]
    centers = (np.arange(size) + 0.5) * (2 * workspace.half_extent / size) - workspace.half_extent
    for k, view in enumerate(VIEWS):
        rows, columns = np.nonzero(mask[k] & (source[k] != cells[k]))
        xyz[k, rows, columns, view.u_axis] = workspace.center[view.u_axis] + view.u_sign * centers[columns]
        xyz[k, rows, columns, view.v_axis] = workspace.center[view.v_axis] + view.v_sign * centers[rows]
    depth = np.where(mask, np.maximum(depth, np.float32(NEAREST_DEPTH)), np.float32(0))
    return CanonicalViews(rgb, depth, xyz, mask, workspace)
