"""Quaternions and the fine stage's rotation bins. Pure numpy.

A rotation is three Euler angles about the fixed axes x, y, z (R = Rz Ry Rx), each in one of 72 bins of 5 degrees, as in
RVT-2, which CLAP follows (paper, section 4.2). Bin ``k`` stands for the angle ``5 k - 180`` degrees.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from clap.geometry.frames import Array, quaternion_to_matrix

BIN_DEGREES = 5.0
BIN_COUNT = 72
AXES = ("x", "y", "z")
"""The order in which the angles are stored and predicted."""

GIMBAL_PITCH = 90.0 - BIN_DEGREES / 2
"""Degrees. A pitch beyond it falls into the bin of +-90, where roll and yaw turn about the same axis."""


def quaternion_to_euler(quaternion: Array) -> Array:
    """Unit quaternions xyzw (..., 4) to fixed-axis Euler angles (..., 3) degrees, x and z in [-180, 180].

    Near a pitch of +-90 degrees only the sum or the difference of roll and yaw is defined: the pitch is snapped to
    +-90 and roll absorbs yaw, so that one rotation has one label (RVT-2's gimbal fix, widened to the whole bin).
    """
    matrix = quaternion_to_matrix(quaternion)
    pitch = np.degrees(np.arcsin(np.clip(-matrix[..., 2, 0], -1, 1)))
    roll = np.degrees(np.arctan2(matrix[..., 2, 1], matrix[..., 2, 2]))
    yaw = np.degrees(np.arctan2(matrix[..., 1, 0], matrix[..., 0, 0]))
    locked = np.abs(pitch) > GIMBAL_PITCH
    sign = np.sign(pitch)
    roll_locked = np.degrees(np.arctan2(sign * matrix[..., 0, 1], matrix[..., 1, 1]))
    return np.stack(
        [np.where(locked, roll_locked, roll), np.where(locked, 90 * sign, pitch), np.where(locked, 0.0, yaw)], -1
    )


def euler_to_quaternion(euler: Array) -> Array:
    """Fixed-axis Euler angles (..., 3) degrees to unit quaternions xyzw (..., 4) with w >= 0."""
    half = np.radians(np.asarray(euler, float)) / 2
    (cx, cy, cz), (sx, sy, sz) = np.moveaxis(np.cos(half), -1, 0), np.moveaxis(np.sin(half), -1, 0)
    quaternion = np.stack(
        [
            sx * cy * cz - cx * sy * sz,
            cx * sy * cz + sx * cy * sz,
            cx * cy * sz - sx * sy * cz,
            cx * cy * cz + sx * sy * sz,
        ],
        -1,
    )
    return np.where(quaternion[..., 3:] < 0, -quaternion, quaternion)


def quaternion_to_bins(quaternion: Array) -> NDArray[np.int64]:
    """Unit quaternions xyzw (..., 4) to rotation bins (..., 3) in 0 .. 71."""
    return np.round((quaternion_to_euler(quaternion) + 180) / BIN_DEGREES).astype(np.int64) % BIN_COUNT


def bins_to_quaternion(bins: NDArray[np.integer]) -> Array:
    """Rotation bins (..., 3) to unit quaternions xyzw (..., 4)."""
    return euler_to_quaternion(np.asarray(bins) * BIN_DEGREES - 180)


def rotation_angle(a: Array, b: Array) -> Array:
    """Angle (...,) in degrees between unit quaternions (..., 4)."""
    dot = np.abs(np.sum(np.asarray(a) * np.asarray(b), -1))
    return np.degrees(2 * np.arccos(np.clip(dot, 0, 1)))
