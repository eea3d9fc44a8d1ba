"""An observation with its views as one writes it first: two render passes a camera, and a sort for each view."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from clap.geometry import VIEWS, Workspace, to_pixels
from clap.observation import CameraFrame, PointCloud

if TYPE_CHECKING:
    import mujoco


def capture(renderer: mujoco.Renderer, data: mujoco.MjData, names: tuple[str, ...]) -> list[NDArray]:
    """Colour and then depth of each camera, each in a pass of its own."""
    images = []
    for name in names:
        renderer.update_scene(data, name)
        images.append(renderer.render())
        renderer.enable_depth_rendering()
        images.append(renderer.render())
        renderer.disable_depth_rendering()
    return images


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


def render(cloud: PointCloud, workspace: Workspace, size: int) -> tuple[NDArray, NDArray, NDArray]:
    """The three views without splats: rgb (3, S, S, 3), depth (3, S, S) metres, xyz (3, S, S, 3).

    Points are sorted from far to near, so that the last one written to a pixel is the nearest.
    """
    rgb = np.zeros((len(VIEWS), size, size, 3), np.uint8)
    depth = np.zeros((len(VIEWS), size, size), np.float32)
    xyz = np.zeros((len(VIEWS), size, size, 3), np.float32)
    local = workspace.to_local(cloud.points)
    keep = np.all(np.abs(local) <= 1, axis=-1)
    local, points, colors = local[keep], cloud.points[keep], cloud.colors[keep]
    pixels = to_pixels(points, workspace, size)
    for k, view in enumerate(VIEWS):
        distance = workspace.half_extent * (1 + view.depth_sign * local[:, view.depth_axis])
        order = np.argsort(-distance)
        rows, columns = pixels[order, k, 1], pixels[order, k, 0]
        rgb[k, rows, columns] = colors[order]
        depth[k, rows, columns] = distance[order]
        xyz[k, rows, columns] = points[order]
    return rgb, depth, xyz
