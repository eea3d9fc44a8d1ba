"""An observation's cloud and views as well as torch does them: the same results as ours, one operator at a time."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from clap.geometry.frames import VIEWS, Workspace
from clap.geometry.observation import CameraFrame, PointCloud
from clap.geometry.views import NEAREST_DEPTH, SPLAT_MARGIN, CanonicalViews
from clap.geometry.zbuffer import EMPTY


@torch.no_grad()
def fuse(frames: tuple[CameraFrame, ...], workspace: Workspace) -> PointCloud:
    """Frames unprojected in float32, joined, then masked."""
    points, colors = [], []
    for frame in frames:
        height, width = frame.depth.shape
        k, pose = frame.intrinsics, torch.as_tensor(frame.cam2world, dtype=torch.float32)
        depth = torch.from_numpy(frame.depth)
        x = (torch.arange(width) + float(0.5 - k[0, 2])) / float(k[0, 0]) * depth
        y = ((torch.arange(height) + float(0.5 - k[1, 2])) / float(k[1, 1]))[:, None] * depth
        points.append(torch.addmm(pose[:3, 3], torch.stack([x, y, depth], -1).reshape(-1, 3), pose[:3, :3].T))
        colors.append(torch.from_numpy(frame.rgb).reshape(-1, 3))
    valid = torch.cat([torch.from_numpy(frame.depth).reshape(-1) > 0 for frame in frames])
    joined = torch.cat(points)
    low, high = (torch.tensor(corner, dtype=torch.float32) for corner in (workspace.low, workspace.high))
    inside = valid & ((joined >= low) & (joined <= high)).all(-1)
    return PointCloud(joined[inside].numpy(), torch.cat(colors)[inside].numpy())


@torch.no_grad()
def nearest_keys(points: np.ndarray, workspace: Workspace, size: int) -> Tensor:
    """Keys (3, S * S) int64 as of ``clap.geometry.zbuffer``, by ``scatter_reduce`` with ``amin``."""
    half = workspace.half_extent
    local = (torch.from_numpy(points) - torch.from_numpy(workspace.center)) / half
    index = (local.abs() <= 1).all(-1).nonzero()[:, 0]
    axes = local[index].T.contiguous()
    keys = torch.full((len(VIEWS), size * size), int(EMPTY), dtype=torch.int64)
    for k, view in enumerate(VIEWS):
        column = (size / 2 * (1 + view.u_sign * axes[view.u_axis])).long().clamp_(max=size - 1)
        row = (size / 2 * (1 + view.v_sign * axes[view.v_axis])).long().clamp_(max=size - 1)
        depth = (half * (1 + view.depth_sign * axes[view.depth_axis])).float()
        key = (depth.view(torch.int32).long() << 32) | index
        keys[k].scatter_reduce_(0, row * size + column, key, "amin")
    return keys


@torch.no_grad()
def views(cloud: PointCloud, workspace: Workspace, size: int) -> CanonicalViews:
    """The three views with splats of one pixel, which a max pooling of the negative depth finds."""
    keys = nearest_keys(cloud.points, workspace, size)
    own = (keys >> 32).int().view(torch.float32)
    pooled, source = functional.max_pool2d(-own.view(len(VIEWS), size, size), 3, 1, 1, return_indices=True)
    splatted = -pooled.flatten(1) < own - SPLAT_MARGIN
    source = torch.where(splatted, source.flatten(1), torch.arange(size * size))
    depth, key = own.gather(1, source), keys.gather(1, source)
    mask = depth < torch.inf
    winner = (key & 0xFFFF_FFFF)[mask]
    rgb, xyz = torch.zeros((*mask.shape, 3), dtype=torch.uint8), torch.zeros((*mask.shape, 3))
    rgb[mask], xyz[mask] = torch.from_numpy(cloud.colors)[winner], torch.from_numpy(cloud.points)[winner]
    centers = (torch.arange(size, dtype=torch.float64) + 0.5) * (2 * workspace.half_extent / size)
    centers -= workspace.half_extent
    for k, view in enumerate(VIEWS):
        cells = (splatted[k] & mask[k]).nonzero()[:, 0]
        u, v = centers[cells % size], centers[cells // size]
        xyz[k, cells, view.u_axis] = (workspace.center[view.u_axis] + view.u_sign * u).float()
        xyz[k, cells, view.v_axis] = (workspace.center[view.v_axis] + view.v_sign * v).float()
    depth = torch.where(mask, depth.clamp(min=NEAREST_DEPTH), 0)
    image = (len(VIEWS), size, size)
    return CanonicalViews(
        rgb.view(*image, 3).numpy(),
        depth.view(image).numpy(),
        xyz.view(*image, 3).numpy(),
        mask.view(image).numpy(),
        workspace,
    )
