"""A camera's calibration from the world point of each of its pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SAMPLES = 2000
MOST_PIXELS_OFF = 0.5


def camera_from_points(
    points: NDArray[np.floating],
) -> tuple[NDArray[np.floating], NDArray[np.floating], NDArray[np.float32]]:
    """Intrinsics (3, 3), cam2world (4, 4) and depth (H, W) metres of an image by its points (H, W, 3), world metres.

    The direct linear transform: each point and its pixel's centre give two equations for the 3 x 4 projection, whose
    left part is triangular times a rotation. Points that coincide with many others are those of pixels without depth.
    Raises ValueError if no camera sees the points so, as when they all lie in one plane.
    """
    height, width = points.shape[:2]
    rows, columns = np.mgrid[:height, :width] + 0.5
    flat, pixels = points.reshape(-1, 3).astype(float), np.stack([columns, rows], -1).reshape(-1, 2)
    _, inverse, counts = np.unique(flat, axis=0, return_inverse=True, return_counts=True)
    alone = np.flatnonzero(counts[inverse.reshape(-1)] == 1)
    if len(alone) < 6:
        raise ValueError("a camera's points cannot be told apart")
    chosen = alone[np.linspace(0, len(alone) - 1, min(SAMPLES, len(alone))).astype(int)]
    projection = _fit(flat[chosen], pixels[chosen])
    intrinsics, cam2world = _split(projection)
    camera = (flat - cam2world[:3, 3]) @ cam2world[:3, :3]
    if np.median(camera[chosen, 2]) < 0:  # the projection is known up to its sign
        intrinsics, cam2world = _split(-projection)
        camera = (flat - cam2world[:3, 3]) @ cam2world[:3, :3]
    projected = camera[chosen] @ intrinsics.T
    error = np.abs(projected[:, :2] / projected[:, 2:] - pixels[chosen]).max()
    if not np.isfinite(error) or error > MOST_PIXELS_OFF:
        raise ValueError(f"no camera sees the points in these pixels (the best is {error:.1f} pixels off)")
    depth = np.where(counts[inverse.reshape(-1)] == 1, camera[:, 2], 0.0)
    return intrinsics, cam2world, depth.reshape(height, width).astype(np.float32)


def _fit(points: NDArray[np.floating], pixels: NDArray[np.floating]) -> NDArray[np.floating]:
    """(3, 4) projection, by points and pixels that are first brought to mean 0 and unit size."""
    center, size = points.mean(0), points.std() or 1.0
    middle, spread = pixels.mean(0), pixels.std() or 1.0
    p = np.c_[(points - center) / size, np.ones(len(points))]
    u = (pixels - middle) / spread
    zero = np.zeros_like(p)
    equations = np.r_[np.c_[p, zero, -u[:, :1] * p], np.c_[zero, p, -u[:, 1:] * p]]
    values, vectors = np.linalg.eigh(equations.T @ equations)
    if values[1] < 1e-10 * values[-1]:
        raise ValueError("a camera's points lie in one plane")
    to_pixels = np.array([[spread, 0, middle[0]], [0, spread, middle[1]], [0, 0, 1]])
    to_unit = np.eye(4)
    to_unit[:3] = np.c_[np.eye(3) / size, -center / size]
    return to_pixels @ vectors[:, 0].reshape(3, 4) @ to_unit


def _split(projection: NDArray[np.floating]) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Intrinsics with positive focal lengths, and cam2world: the RQ decomposition."""
    turn = np.eye(3)[::-1]
    q, r = np.linalg.qr((turn @ projection[:, :3]).T)
    triangular, rotation = turn @ r.T @ turn, turn @ q.T
    signs = np.diag(np.sign(np.diag(triangular)))
    triangular, rotation = triangular @ signs, signs @ rotation
    position = -np.linalg.solve(projection[:, :3], projection[:, 3])
    cam2world = np.eye(4)
    cam2world[:3, :3], cam2world[:3, 3] = rotation.T, position
    return triangular / triangular[2, 2], cam2world
