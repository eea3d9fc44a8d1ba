"""An observation's cloud and views as Open3D does them: no splats, no ``xyz``, and no orthographic camera."""

from __future__ import annotations

import numpy as np
import open3d as o3d
from numpy.typing import ArrayLike, NDArray

from clap.geometry.frames import VIEWS, ViewAxes, Workspace
from clap.geometry.observation import CameraFrame

FAR = 1000.0
"""Metres from which a pinhole looks, since Open3D projects by pinholes only: at most a tenth of a pixel from
orthographic in a cube of 1 m, with float32 depths that are still good to 0.1 mm."""

HALF_PIXEL = 0.5
"""Open3D rounds to pixels: its pixel k has its centre at k, ours at k + 0.5."""


def fuse(frames: tuple[CameraFrame, ...], workspace: Workspace) -> o3d.t.geometry.PointCloud:
    """Frames unprojected one by one, joined, then cropped by a box."""
    clouds = []
    for frame in frames:
        images = (o3d.t.geometry.Image(o3d.core.Tensor.from_numpy(image)) for image in (frame.rgb, frame.depth))
        clouds.append(
            o3d.t.geometry.PointCloud.create_from_rgbd_image(
                o3d.t.geometry.RGBDImage(*images),
                _tensor(frame.intrinsics - HALF_PIXEL * np.array([[0, 0, 1], [0, 0, 1], [0, 0, 0]])),
                _tensor(np.linalg.inv(frame.cam2world)),
                depth_scale=1.0,
                depth_max=float(np.inf),
            )
        )
    joined = clouds[0]
    for cloud in clouds[1:]:
        joined = joined.append(cloud)
    box = o3d.t.geometry.AxisAlignedBoundingBox(*(_tensor(corner) for corner in (workspace.low, workspace.high)))
    return joined.crop(box)


def cloud_of(points: NDArray[np.float32], colors: NDArray[np.uint8]) -> o3d.t.geometry.PointCloud:
    """An Open3D cloud, colours as the floats from 0 to 1 that its cameras give."""
    cloud = o3d.t.geometry.PointCloud(o3d.core.Tensor.from_numpy(points))
    cloud.point.colors = o3d.core.Tensor.from_numpy(colors.astype(np.float32) / 255)
    return cloud


def views(cloud: o3d.t.geometry.PointCloud, workspace: Workspace, size: int) -> tuple[NDArray, NDArray]:
    """Colour (3, S, S, 3) float32 from 0 to 1 and depth (3, S, S) metres from the face, 0 = empty, without splats."""
    rgb, depth = [], []
    for view in VIEWS:
        image = cloud.project_to_rgbd_image(*_camera(view, workspace, size))
        rgb.append(image.color.as_tensor().numpy())
        depth.append(_from_face(image.depth))
    return np.stack(rgb), np.stack(depth)


def depths(cloud: o3d.t.geometry.PointCloud, workspace: Workspace, size: int) -> NDArray:
    """The depths of ``views`` alone: Open3D's z-buffer, which does not keep whose depth it is."""
    return np.stack([_from_face(cloud.project_to_depth_image(*_camera(view, workspace, size))) for view in VIEWS])


def _from_face(depth: o3d.t.geometry.Image) -> NDArray:
    metres = depth.as_tensor().numpy()[..., 0]
    return np.where(metres > 0, metres - np.float32(FAR), np.float32(0))


def _camera(view: ViewAxes, workspace: Workspace, size: int) -> tuple:
    """Width, height, intrinsics, world-to-camera, depth scale and largest depth of the far pinhole of a view."""
    half = workspace.half_extent
    world2cam = np.eye(4)
    world2cam[:3, :3] = 0
    for row, axis, sign in (
        (0, view.u_axis, view.u_sign),
        (1, view.v_axis, view.v_sign),
        (2, view.depth_axis, view.depth_sign),
    ):
        world2cam[row, axis] = sign
    world2cam[:3, 3] = -world2cam[:3, :3] @ workspace.center
    world2cam[2, 3] += FAR + half
    focal = size / (2 * half) * (FAR + half)
    middle = size / 2 - HALF_PIXEL
    intrinsics = np.array([[focal, 0, middle], [0, focal, middle], [0, 0, 1]])
    return size, size, _tensor(intrinsics), _tensor(world2cam), 1.0, FAR + 3 * half


def _tensor(array: ArrayLike) -> o3d.core.Tensor:
    return o3d.core.Tensor.from_numpy(np.ascontiguousarray(array, np.float64))
