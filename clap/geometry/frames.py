"""Workspace, poses, and the table of view axes: project, lift, zoom. Pure numpy.

Units are metres and radians, the world frame is RLBench's (x away from the robot, y to the robot's left, z up),
quaternions are xyzw. Pixel convention, decided once: image coordinates are continuous, pixel ``k`` is the
half-open cell ``[k, k + 1)``, an integer pixel stands for its centre ``k + 0.5``, and row 0 is the top row.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from clap.errors import OutOfWorkspaceError

Array = NDArray[np.floating]

IMAGE_SIZE = 224
"""Side of a canonical view in pixels (paper, section 5.1)."""

TABLE_TOP = 0.752
"""Height of the table top in the world frame, metres (RLBench's scene)."""

ZOOM_FACTOR = 4.0
"""Magnification of the fine stage: RVT-2's second stage, which CLAP follows."""


@dataclass(frozen=True)
class Workspace:
    """An axis-aligned box in the world frame, viewed as a cube with local coordinates in [-1, 1].

    ``low`` and ``high`` are (x, y, z) corners in metres. A box that is no cube is embedded in the smallest cube
    with the same centre, so that all views share one scale.
    """

    low: tuple[float, float, float] = (-0.3, -0.5, 0.6)
    high: tuple[float, float, float] = (0.7, 0.5, 1.6)

    def __post_init__(self) -> None:
        if not all(a < b for a, b in zip(self.low, self.high, strict=True)):
            raise ValueError(f"workspace needs low < high on every axis, got low={self.low} high={self.high}")

    @property
    def center(self) -> Array:
        """(3,) centre, world metres."""
        return (np.asarray(self.low, float) + np.asarray(self.high, float)) / 2

    @property
    def half_extent(self) -> float:
        """Half the edge of the cube, metres."""
        return float(np.max(np.asarray(self.high) - np.asarray(self.low)) / 2)

    def to_local(self, points: Array) -> Array:
        """World metres (..., 3) to local coordinates, [-1, 1] inside."""
        return (np.asarray(points) - self.center) / self.half_extent

    def to_world(self, local: Array) -> Array:
        """Local coordinates (..., 3) to world metres."""
        return np.asarray(local) * self.half_extent + self.center

    def contains(self, points: Array) -> NDArray[np.bool_]:
        """(...,) True where the world point (..., 3) lies inside the box (bounds included)."""
        points = np.asarray(points)
        return np.all((points >= np.asarray(self.low)) & (points <= np.asarray(self.high)), axis=-1)

    def zoomed(self, center: Array, factor: float = ZOOM_FACTOR) -> Workspace:
        """The cube around ``center`` (3,) world metres, ``factor`` times smaller: the fine stage's window.

        Raises OutOfWorkspaceError if the centre is not inside this workspace.
        """
        center = np.asarray(center, float)
        if not np.all(np.isfinite(center)) or not bool(self.contains(center)):
            raise OutOfWorkspaceError(f"The keypoint {np.round(center, 3).tolist()} m lies outside the workspace.")
        half = self.half_extent / factor
        return Workspace(tuple((center - half).tolist()), tuple((center + half).tolist()))


@dataclass(frozen=True)
class ViewAxes:
    """How one orthographic view maps the local cube: signs and axes of column u, row v and depth.

    A local coordinate c maps to u = size/2 * (1 + u_sign * c[u_axis]), likewise v; depth grows away from the eye.
    """

    name: str
    eye: str
    u_axis: int
    u_sign: int
    v_axis: int
    v_sign: int
    depth_axis: int
    depth_sign: int


VIEWS: tuple[ViewAxes, ...] = (
    ViewAxes("front", "+x", u_axis=1, u_sign=+1, v_axis=2, v_sign=-1, depth_axis=0, depth_sign=-1),
    ViewAxes("left", "+y", u_axis=0, u_sign=-1, v_axis=2, v_sign=-1, depth_axis=1, depth_sign=-1),
    ViewAxes("top", "+z", u_axis=0, u_sign=+1, v_axis=1, v_sign=-1, depth_axis=2, depth_sign=-1),
)
"""The three canonical views, in the order in which every array of views is stored."""

VIEW_NAMES: tuple[str, ...] = tuple(view.name for view in VIEWS)


def project(points: Array, workspace: Workspace, size: int = IMAGE_SIZE) -> Array:
    """Project world points (..., 3) into the three views: (..., 3 views, 2) continuous pixels (u, v)."""
    local = workspace.to_local(points)
    out = np.empty((*local.shape[:-1], len(VIEWS), 2))
    for k, view in enumerate(VIEWS):
        out[..., k, 0] = size / 2 * (1 + view.u_sign * local[..., view.u_axis])
        out[..., k, 1] = size / 2 * (1 + view.v_sign * local[..., view.v_axis])
    return out


def to_pixels(points: Array, workspace: Workspace, size: int = IMAGE_SIZE) -> NDArray[np.int64]:
    """The integer pixel cells (..., 3, 2) that hold the projections, clipped to the image."""
    return np.clip(np.floor(project(points, workspace, size)), 0, size - 1).astype(np.int64)


@dataclass(frozen=True)
class Lifted:
    """A 3D point recovered from one pixel per view.

    ``position`` (3,) world metres; ``disagreement`` (3,) pixels: how far the two views that see an axis differ on
    it, or the looks at either of them. Its maximum is the keypoint's agreement figure (small is good).
    """

    position: Array
    disagreement: Array = field(repr=False)

    @property
    def agreement_px(self) -> float:
        """Largest disagreement over the three axes, pixels."""
        return float(np.max(self.disagreement))


def lift(pixels: Array, workspace: Workspace, size: int = IMAGE_SIZE, spread: Array | None = None) -> Lifted:
    """Lift one continuous pixel per view, (3, 2), to the world: each axis is the mean of the two views that see it.

    ``spread`` (3, 2) pixels: how far several looks at each coordinate lay apart; it counts as disagreement.
    Integer pixels must be passed as their centres (``k + 0.5``). Paper, section 4.1 ("we follow the prior work to
    map them to a 3D position"): the mean is where three equal Gaussian heatmaps have their joint maximum.
    """
    pixels = np.asarray(pixels, float)
    if pixels.shape != (len(VIEWS), 2):
        raise ValueError(f"lift needs one (u, v) per view, shape (3, 2), got {pixels.shape}")
    seen: list[list[float]] = [[], [], []]
    apart = np.zeros(3)
    for view, looks in zip(VIEWS, np.zeros((len(VIEWS), 2)) if spread is None else spread, strict=True):
        np.maximum.at(apart, [view.u_axis, view.v_axis], looks)
    for view, (u, v) in zip(VIEWS, pixels, strict=True):
        seen[view.u_axis].append(view.u_sign * (2 * u / size - 1))
        seen[view.v_axis].append(view.v_sign * (2 * v / size - 1))
    local = np.array([np.mean(values) for values in seen])
    between_views = np.array([abs(values[0] - values[1]) for values in seen]) * size / 2
    return Lifted(workspace.to_world(local), np.maximum(between_views, apart))


def quaternion_to_matrix(quaternion: Array) -> Array:
    """Unit quaternion xyzw (..., 4) to rotation matrix (..., 3, 3)."""
    q = np.asarray(quaternion, float)
    x, y, z, w = np.moveaxis(q / np.linalg.norm(q, axis=-1, keepdims=True), -1, 0)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.stack([np.stack(row, -1) for row in rows], -2)


def matrix_to_quaternion(matrix: Array) -> Array:
    """Rotation matrix (3, 3) to unit quaternion xyzw (4,) with w >= 0."""
    m = np.asarray(matrix, float)
    k = np.array(
        [
            [m[0, 0] - m[1, 1] - m[2, 2], 0, 0, 0],
            [m[1, 0] + m[0, 1], m[1, 1] - m[0, 0] - m[2, 2], 0, 0],
            [m[2, 0] + m[0, 2], m[2, 1] + m[1, 2], m[2, 2] - m[0, 0] - m[1, 1], 0],
            [m[2, 1] - m[1, 2], m[0, 2] - m[2, 0], m[1, 0] - m[0, 1], m[0, 0] + m[1, 1] + m[2, 2]],
        ]
    )
    # Bar-Itzhack: the quaternion is the top eigenvector of this symmetric matrix (eigh reads the lower triangle).
    _, vectors = np.linalg.eigh(k / 3)
    q = vectors[:, -1]
    return q if q[3] >= 0 else -q


@dataclass(frozen=True)
class Pose:
    """A rigid pose in the world frame: ``position`` (3,) metres, ``quaternion`` (4,) xyzw."""

    position: Array
    quaternion: Array

    @property
    def rotation(self) -> Array:
        """(3, 3) rotation matrix: columns are the body axes in the world frame."""
        return quaternion_to_matrix(self.quaternion)

    @property
    def matrix(self) -> Array:
        """(4, 4) homogeneous matrix, body to world."""
        out = np.eye(4)
        out[:3, :3], out[:3, 3] = self.rotation, self.position
        return out

    @staticmethod
    def from_rotation(position: Array, rotation: Array) -> Pose:
        """From a position (3,) metres and a rotation matrix (3, 3)."""
        return Pose(np.asarray(position, float).copy(), matrix_to_quaternion(rotation))

    @staticmethod
    def from_matrix(matrix: Array) -> Pose:
        """From a homogeneous matrix (4, 4)."""
        return Pose.from_rotation(np.asarray(matrix)[:3, 3], np.asarray(matrix)[:3, :3])

    def distance(self, other: Pose) -> tuple[float, float]:
        """Distance to another pose: (metres, radians)."""
        trace = float(np.trace(self.rotation.T @ other.rotation))
        angle = float(np.arccos(np.clip((trace - 1) / 2, -1, 1)))
        return float(np.linalg.norm(np.asarray(self.position) - np.asarray(other.position))), angle
