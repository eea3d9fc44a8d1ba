"""What the world shows: RGB-D frames, the robot's state, and the fused cloud."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clap.errors import EmptyCloudError
from clap.geometry.compiled import compiled
from clap.geometry.frames import Pose, Workspace

OPEN_FROM = 0.8


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

    @property
    def gripper_is_open(self) -> bool:
        """True from an opening of 0.8 on: what the gripper holds keeps it between 0.3 and 0.65."""
        return self.gripper_open > OPEN_FROM


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


def fuse(observation: Observation, workspace: Workspace) -> PointCloud:
    """Fuse all cameras into one cloud in the world frame, cropped to the workspace (bounds included).

    Pixels without a valid depth (0, negative, NaN or infinite) give no point; the others keep the order of the
    cameras and of their pixels, row by row. Raises EmptyCloudError if no valid point lies inside (in RVT's code
    this passes silently and the arm swings down; see its issue 67).
    """
    if not observation.frames:
        raise EmptyCloudError("The observation has no camera frame.")
    pixels = sum(frame.depth.size for frame in observation.frames)
    points, colors = np.empty((pixels, 3), np.float32), np.empty((pixels, 3), np.uint8)
    low, high = np.asarray(workspace.low, float), np.asarray(workspace.high, float)
    count = 0
    for frame in observation.frames:
        if frame.rgb.shape != (*frame.depth.shape, 3):
            raise ValueError(f"camera {frame.name}: depth {frame.depth.shape} does not match rgb {frame.rgb.shape}")
        count = _unproject(
            np.ascontiguousarray(frame.rgb, np.uint8),
            np.ascontiguousarray(frame.depth, np.float32),
            np.ascontiguousarray(frame.intrinsics, np.float64),
            np.ascontiguousarray(frame.cam2world, np.float64),
            low,
            high,
            points,
            colors,
            count,
        )
    if count == 0:
        raise EmptyCloudError(
            f"None of the {pixels:,} camera pixels has a valid depth inside the workspace "
            f"{list(workspace.low)} .. {list(workspace.high)} m."
        )
    return PointCloud(points[:count], colors[:count])


@compiled
def _unproject(rgb, depth, intrinsics, cam2world, low, high, points, colors, count):
    """Append the world points of a frame that lie inside the box to ``points`` from ``count`` on; the new count.

    Each row is unprojected whole, by the vector units, before what is inside is kept.
    """
    fx, fy, cx, cy = intrinsics[0, 0], intrinsics[1, 1], intrinsics[0, 2], intrinsics[1, 2]
    height, width = depth.shape
    x_ray = (np.arange(width) + 0.5 - cx) / fx
    world = np.empty((3, width), np.float32)
    inside = np.empty(width, np.uint8)
    for row in range(height):
        y_ray = (row + 0.5 - cy) / fy
        for column in range(width):
            # Written so that NaN fails it; infinite points fail the box below.
            inside[column] = depth[row, column] > 0
        for a in range(3):
            of_x, of_y, of_z, origin = cam2world[a, 0], cam2world[a, 1], cam2world[a, 2], cam2world[a, 3]
            least, most = low[a], high[a]
            for column in range(width):
                z = depth[row, column]
                value = np.float32(of_x * (x_ray[column] * z) + of_y * (y_ray * z) + of_z * z + origin)
                world[a, column] = value
                inside[column] &= (value >= least) & (value <= most)
        for column in range(width):
            if inside[column]:
                for a in range(3):
                    points[count, a] = world[a, column]
                    colors[count, a] = rgb[row, column, a]
                count += 1
    return count
