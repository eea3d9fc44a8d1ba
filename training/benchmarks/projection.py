"""Projection alone: 262,144 points (four cameras of 256 x 256 pixels) into the three views.

The z-buffer finds the depth and the index of the nearest point of every pixel; the views are it and what is painted
from it: colour, depth, position and mask, with splats of one pixel. Two clouds: points on surfaces, in the order in
which cameras see them, as in the console; and points anywhere in the cube in no order, the hardest case.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from clap.errors import RenderingError
from clap.geometry.frames import IMAGE_SIZE, VIEWS, Workspace
from clap.geometry.observation import PointCloud, fuse
from clap.geometry.views import render_views
from clap.geometry.zbuffer import nearest_keys
from clap.worlds.tabletop.world import TabletopWorld
from training.benchmarks import baseline_numpy as baseline_numpy
from training.benchmarks import baseline_open3d as baseline_open3d
from training.benchmarks import baseline_torch as baseline_torch
from training.benchmarks.baselines import NUMPY, OPEN3D, TORCH, use_one_thread
from training.benchmarks.measure import Row, SectionUnavailable, Settings, median_cpu_ms

LIMIT_MS = 6.0
TASK = "block_in_same_cup"
POINTS = 4 * 256 * 256
COPY = "copy"
"""The column of the bound: ``np.copyto`` touching as many bytes, every point and every pixel once."""

PIXELS = len(VIEWS) * IMAGE_SIZE**2
ZBUFFER_BYTES = POINTS * 12 + PIXELS * 8
VIEWS_BYTES = POINTS * (12 + 3) + PIXELS * (3 + 4 + 12 + 1)
BEYOND_CACHES = 128 << 20
NOISE = 0.002


def rows(settings: Settings) -> list[Row]:
    """For both clouds a row for the z-buffer and one for the views; the limit counts for what cameras see."""
    use_one_thread()
    rng = np.random.default_rng(settings.seed)
    workspace = Workspace()
    surfaces = PointCloud(_seen_by_cameras(workspace, settings.seed, rng), _colors(rng))
    anywhere = PointCloud(rng.uniform(workspace.low, workspace.high, (POINTS, 3)).astype(np.float32), _colors(rng))
    gigabytes = BEYOND_CACHES / 1e6 / _copy_ms(BEYOND_CACHES, settings.repeats)
    small, large = ZBUFFER_BYTES / 1e6, VIEWS_BYTES / 1e6
    note = (
        f"copy touches as many bytes, {small:.1f} and {large:.1f} MB, which stay in the cache; "
        f"from memory, at {gigabytes:.1f} GB/s, it takes {small / gigabytes:.2f} and {large / gigabytes:.2f} ms"
    )
    return [
        *_measured(surfaces, workspace, "of cameras", settings.repeats, LIMIT_MS),
        *_measured(anywhere, workspace, "in no order", settings.repeats, None, note),
    ]


def _seen_by_cameras(workspace: Workspace, seed: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """The cameras' points of a tabletop, the first of them twice, with the noise of a depth camera."""
    try:
        world = TabletopWorld()
        try:
            world.reset(TASK, seed=seed)
            seen = fuse(world.observe(), workspace).points
        finally:
            world.close()
    except RenderingError as error:
        raise SectionUnavailable(str(error)) from error
    noisy = np.resize(seen, (POINTS, 3)) + rng.normal(0, NOISE, (POINTS, 3))
    return noisy.clip(workspace.low, workspace.high).astype(np.float32)


def _colors(rng: np.random.Generator) -> NDArray[np.uint8]:
    return rng.integers(0, 256, (POINTS, 3), dtype=np.uint8)


def _copy_ms(touched: int, repeats: int) -> float:
    """Time to touch so many bytes: ``np.copyto`` reading half of them and writing the other half."""
    source = np.ones(touched // 2, np.uint8)
    target = np.empty_like(source)
    return median_cpu_ms(lambda: np.copyto(target, source), repeats)


def _measured(
    cloud: PointCloud, workspace: Workspace, which: str, repeats: int, limit_ms: float | None, note: str = ""
) -> list[Row]:
    points, size = cloud.points, IMAGE_SIZE
    open3d_cloud = baseline_open3d.cloud_of(points, cloud.colors)
    zbuffer = {
        NUMPY: median_cpu_ms(lambda: baseline_numpy.nearest_keys(points, workspace, size), repeats),
        TORCH: median_cpu_ms(lambda: baseline_torch.nearest_keys(points, workspace, size), repeats),
        OPEN3D: median_cpu_ms(lambda: baseline_open3d.depths(open3d_cloud, workspace, size), repeats),
        COPY: _copy_ms(ZBUFFER_BYTES, repeats),
    }
    views = {
        NUMPY: median_cpu_ms(lambda: baseline_numpy.views(cloud, workspace, size), repeats),
        TORCH: median_cpu_ms(lambda: baseline_torch.views(cloud, workspace, size), repeats),
        OPEN3D: median_cpu_ms(lambda: baseline_open3d.views(open3d_cloud, workspace, size), repeats),
        COPY: _copy_ms(VIEWS_BYTES, repeats),
    }
    ours_zbuffer = median_cpu_ms(lambda: nearest_keys(points, workspace, size), repeats)
    ours_views = median_cpu_ms(lambda: render_views(cloud, workspace), repeats)
    return [
        Row(f"z-buffer, points {which}", ours_zbuffer, zbuffer, limit_ms),
        Row(f"views, points {which}", ours_views, views, limit_ms, note),
    ]
