"""Rigid augmentation of a scene: a turn about the vertical and a shift, applied to cloud and labels alike.

Paper, appendix A.2: "Transformations (translation and rotation) are also applied on the transitions". Bounds are
narrower than RVT-2's (45 degrees, 12.5 cm) because the arm of this world always stands at the same place.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clap.geometry.frames import Pose
from clap.geometry.observation import PointCloud

Array = NDArray[np.floating]

MAX_YAW = np.deg2rad(30)
MAX_SHIFT = np.array([0.08, 0.10, 0.01])


@dataclass(frozen=True)
class RigidMotion:
    """A turn by ``yaw`` rad about the vertical through ``pivot`` (3,), then a shift (3,) metres."""

    yaw: float = 0.0
    shift: tuple[float, float, float] = (0.0, 0.0, 0.0)
    pivot: tuple[float, float, float] = (0.25, 0.0, 0.752)

    @staticmethod
    def draw(rng: np.random.Generator) -> RigidMotion:
        """A random motion within the bounds above."""
        shift = rng.uniform(-MAX_SHIFT, MAX_SHIFT)
        return RigidMotion(float(rng.uniform(-MAX_YAW, MAX_YAW)), tuple(shift.tolist()))

    @property
    def rotation(self) -> Array:
        """(3, 3) rotation matrix."""
        c, s = np.cos(self.yaw), np.sin(self.yaw)
        return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]])

    def points(self, points: Array) -> Array:
        """Move points (..., 3)."""
        pivot = np.asarray(self.pivot)
        return (np.asarray(points) - pivot) @ self.rotation.T + pivot + np.asarray(self.shift)

    def cloud(self, cloud: PointCloud) -> PointCloud:
        """Move a cloud."""
        return PointCloud(self.points(cloud.points).astype(np.float32), cloud.colors)

    def pose(self, pose: Pose) -> Pose:
        """Move a pose."""
        return Pose.from_rotation(self.points(pose.position), self.rotation @ pose.rotation)
