"""What the world shows: RGB-D frames, the robot's state, and the fused cloud."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clap.failures import EmptyCloudError
from clap.geometry import Pose, Workspace


@dataclass(frozen=True)
class CameraFrame:
    """One RGB-D image. OpenCV camera frame: x right, y down, z forward.

    ``rgb`` (H, W, 3) uint8; ``depth`` (H, W) float32 metres along z, 0 = invalid; ``intrinsics`` (3, 3) pixels, for
    continuous pixel coordinates (pixel k has its centre at k + 0.5); ``cam2world`` (4, 4); ``timestamp`` seconds.
    """

    name: str
    rgb: NDArray[np.uint8]
    depth: NDArray[np.float32]
    intrinsics: NDArray[np.floating]
    cam2world: NDArray[np.floating]
    timestamp: float


@dataclass(frozen=True)
class Observation:
    """All that the robot knows at one instant.

    ``gripper_pose`` is the tool centre point between the finger tips, world frame; ``gripper_open`` is the opening
    from 0 (closed) to 1; ``joint_positions`` (7,) rad; ``joint_velocities`` (7,) rad/s; ``timestamp`` seconds
    (simulated or wall time, as the world states).
    """

    frames: tuple[CameraFrame, ...]
    gripper_pose: Pose
    gripper_open: float
    joint_positions: NDArray[np.floating]
    joint_velocities: NDArray[np.floating]
    timestamp: float


@dataclass(frozen=True)
class PointCloud:
    """Fused cloud: ``points`` (N, 3) float32 world metres, ``colors`` (N, 3) uint8."""

    points: NDArray[np.float32]
    colors: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.points)

    def crop(self, workspace: Workspace) -> PointCloud:
        """The points inside the workspace. Raises EmptyCloudError if there is none."""
        keep = workspace.contains(self.points)
        if not keep.any():
            raise EmptyCloudError(
                f"None of the {len(self.points):,} camera points lies inside the workspace "
                f"{list(workspace.low)} .. {list(workspace.high)} m."
            )
        return PointCloud(self.points[keep], self.colors[keep])


@functools.lru_cache(maxsize=16)
def _rays(height: int, width: int, fx: float, fy: float, cx: float, cy: float) -> NDArray[np.float32]:
    """(H * W, 3) camera-frame directions with z = 1 through the pixel centres."""
    v, u = np.mgrid[0:height, 0:width].astype(np.float32)
    rays = np.stack([(u + 0.5 - cx) / fx, (v + 0.5 - cy) / fy, np.ones_like(u)], -1)
    return rays.reshape(-1, 3).astype(np.float32)


def frame_points(frame: CameraFrame) -> NDArray[np.float32]:
    """Unproject every pixel of a frame: (H * W, 3) float32 world metres; invalid depth gives NaN."""
    height, width = frame.depth.shape
    k = frame.intrinsics
    rays = _rays(height, width, float(k[0, 0]), float(k[1, 1]), float(k[0, 2]), float(k[1, 2]))
    depth = frame.depth.reshape(-1, 1)
    rotation = frame.cam2world[:3, :3].astype(np.float32)
    points = (rays * depth) @ rotation.T + frame.cam2world[:3, 3].astype(np.float32)
    points[~(depth[:, 0] > 0)] = np.nan
    return points


def fuse(observation: Observation, workspace: Workspace) -> PointCloud:
    """Fuse all cameras into one cloud in the world frame, cropped to the workspace.

    Raises EmptyCloudError if no valid point lies inside (in RVT's code this passes silently and the arm swings
    down; see its issue 67).
    """
    if not observation.frames:
        raise EmptyCloudError("The observation has no camera frame.")
    points = np.concatenate([frame_points(frame) for frame in observation.frames])
    colors = np.concatenate([frame.rgb.reshape(-1, 3) for frame in observation.frames])
    return PointCloud(points, colors).crop(workspace)
