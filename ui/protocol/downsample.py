"""Downsampling a fused cloud for the browser: one averaged point a voxel."""

from __future__ import annotations

import numpy as np

from clap.geometry.observation import PointCloud

try:
    import open3d
except ImportError:  # there is no open3d-cpu for every platform; numpy does the same in about the same time
    open3d = None  # type: ignore[assignment, unused-ignore]

MAX_POINTS = 18_000
"""Points of a cloud sent to the browser: what software WebGL still draws at 5 Hz."""

MAX_INPUT = 90_000
"""Points looked at. More would hold the interpreter for 0.1 s, and the Stop message waits for it."""

FIRST_VOXEL = 0.006
"""First voxel edge tried, metres; it grows until the cloud fits."""


def downsample(cloud: PointCloud, limit: int = MAX_POINTS) -> PointCloud:
    """At most ``limit`` points that lie in the same places, by a voxel filter whose voxel grows until they fit."""
    by_voxels = numpy_voxels if open3d is None else open3d_voxels
    stride = -(-len(cloud) // MAX_INPUT) or 1
    thinned = full = PointCloud(cloud.points[::stride], cloud.colors[::stride])
    voxel = FIRST_VOXEL
    while len(thinned) > limit:
        thinned = by_voxels(full, voxel)
        voxel *= 1.15 * max(1.0, (len(thinned) / limit) ** 0.5)
    return thinned


def open3d_voxels(cloud: PointCloud, voxel: float) -> PointCloud:
    """Average of the points and colours in every occupied voxel of edge ``voxel`` metres, by Open3D."""
    full = open3d.geometry.PointCloud(open3d.utility.Vector3dVector(cloud.points.astype(np.float64)))
    full.colors = open3d.utility.Vector3dVector(cloud.colors / 255.0)
    small = full.voxel_down_sample(voxel)
    colors = np.round(np.asarray(small.colors) * 255).astype(np.uint8)
    return PointCloud(np.asarray(small.points, np.float32), colors)


def numpy_voxels(cloud: PointCloud, voxel: float) -> PointCloud:
    """The same as :func:`open3d_voxels`, in numpy."""
    origin = cloud.points.min(axis=0).astype(np.float64) - voxel / 2
    cells = np.floor((cloud.points - origin) / voxel).astype(np.int64)
    spans = cells.max(axis=0) + 1
    keys = (cells[:, 0] * spans[1] + cells[:, 1]) * spans[2] + cells[:, 2]
    _, owner, counts = np.unique(keys, return_inverse=True, return_counts=True)
    both = np.concatenate([cloud.points, cloud.colors], axis=1)
    means = np.stack([np.bincount(owner, both[:, k]) for k in range(6)], axis=1) / counts[:, None]
    return PointCloud(means[:, :3].astype(np.float32), np.round(means[:, 3:]).astype(np.uint8))
