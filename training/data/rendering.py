"""An observation as the views of a training record, moved as a whole: a turn about the vertical and a shift, applied to
cloud and labels alike.

Paper, appendix A.2: "Transformations (translation and rotation) are also applied on the transitions". Bounds are
narrower than RVT-2's (45 degrees, 12.5 cm) because the arm of this world always stands at the same place.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clap.errors import ClapError
from clap.geometry.frames import Pose, Workspace
from clap.geometry.observation import Observation, PointCloud, fuse
from clap.geometry.views import CanonicalViews, render_views

Array = NDArray[np.floating]

WIDE = Workspace((-0.6, -0.8, 0.6), (1.0, 0.8, 1.6))
"""The workspace with a margin around it, so that a shifted scene has no bare edges."""
MARGIN = 0.02
"""Metres inside the workspace that moved things and targets stay."""

ZOOM_SIZE = 112
"""Pixels a side of the fine stage's views, as clap-mini sees them; SigLIP and DINOv2 at the paper's size take 224."""
ZOOM_NOISE = (0.05, 0.02)
"""Half width of the zoom centre's uniform noise, metres: RVT-2's 5 cm, and a closer one as at test time."""

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

    def pose(self, pose: Pose) -> Pose:
        """Move a pose."""
        return Pose.from_rotation(self.points(pose.position), self.rotation @ pose.rotation)


def draw_motion(points: dict[str, np.ndarray], extra: list[np.ndarray], rng: np.random.Generator) -> RigidMotion:
    """A random motion that keeps all points in the workspace; none after 20 tries."""
    workspace = Workspace()
    low, high = (tuple(v + m for v in side) for side, m in ((workspace.low, MARGIN), (workspace.high, -MARGIN)))
    inner = Workspace(low, high)  # type: ignore[arg-type]
    for _ in range(20):
        motion = RigidMotion.draw(rng)
        if inner.contains(np.array([motion.points(point) for point in (*points.values(), *extra)])).all():
            return motion
    return RigidMotion()


def moved_views(observation: Observation, motion: RigidMotion) -> tuple[PointCloud, CanonicalViews] | None:
    """The moved cloud of an observation, and its canonical views; None if nothing of the workspace is seen."""
    try:
        cloud = fuse(observation, WIDE)
        cloud = PointCloud(motion.points(cloud.points).astype(np.float32), cloud.colors)
        return cloud, render_views(cloud, Workspace())
    except ClapError:
        return None


def zoom(
    cloud: PointCloud,
    keypoint: np.ndarray,
    workspace: Workspace,
    noise: float,
    rng: np.random.Generator,
    size: int = ZOOM_SIZE,
) -> CanonicalViews:
    """The fine stage's views of a window around a keypoint, off it by up to ``noise`` metres on each axis."""
    low, high = np.asarray(workspace.low) + 1e-3, np.asarray(workspace.high) - 1e-3
    while True:
        center = np.clip(keypoint + rng.uniform(-noise, noise, 3), low, high)
        try:
            return render_views(cloud, workspace.zoomed(center), size, splat=2)
        except ClapError:
            # Nothing to see from a centre high in the air: draw another, further away.
            noise *= 1.2
