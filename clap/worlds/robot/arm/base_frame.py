"""Where an arm's base stands in the world: poses and velocities from one frame to the other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from clap.geometry.frames import Pose

Array = NDArray[np.floating]


class BaseFrame:
    """The base at ``position`` (3,) metres in the world, turned by ``yaw`` radians about the vertical."""

    def __init__(self, position: tuple[float, float, float], yaw: float):
        cosine, sine = np.cos(yaw), np.sin(yaw)
        self.position = np.asarray(position, float)
        self.rotation = np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1.0]])

    def to_base(self, pose: Pose) -> Pose:
        """A pose of the world, as the arm's base sees it."""
        position = self.rotation.T @ (np.asarray(pose.position) - self.position)
        return Pose.from_rotation(position, self.rotation.T @ pose.rotation)

    def to_world(self, pose: Pose) -> Pose:
        """A pose in the frame of the arm's base, in the world."""
        position = self.rotation @ np.asarray(pose.position) + self.position
        return Pose.from_rotation(position, self.rotation @ pose.rotation)

    def points_to_base(self, points: Array) -> Array:
        """Points (n, 3) of the world, as the arm's base sees them."""
        return (np.asarray(points, float) - self.position) @ self.rotation

    def points_to_world(self, points: Array) -> Array:
        """Points (n, 3) in the frame of the arm's base, in the world."""
        return np.asarray(points, float) @ self.rotation.T + self.position

    def turn_to_base(self, vector: Array) -> Array:
        """A velocity or direction (3,) of the world, along the base's axes."""
        return self.rotation.T @ np.asarray(vector, float)
