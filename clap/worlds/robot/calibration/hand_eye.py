"""Hand-eye calibration: where a camera is, from images of a board and the arm's poses.

Both ways are one equation. With T the pose of the tool centre point in the world, the camera C and the board B:

    camera fixed, board on the gripper:   cam_T_board = inv(world_T_cam) . world_T_tool . tool_T_board
    camera on the gripper, board fixed:   cam_T_board = inv(tool_T_cam) . inv(world_T_tool) . world_T_board

that is inv(X) . A . Y with X the camera, Y the board, and A known from the arm. OpenCV's closed forms give X and Y to
start from; then the pixels of all corners of all images are fitted together, which is where the accuracy comes from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clap.geometry.frames import Pose
from clap.worlds.robot.calibration.hand_eye_fit import Fit, Sample, board_poses, matrix
from clap.worlds.robot.config import Mount

Array = NDArray[np.floating]

OUTLIER_PX = 2.0
OUTLIER_TIMES = 3.0
OUTLIER_ROUNDS = 3
"""A pose is an outlier if its residual is larger than both this many pixels and this many times the median."""


@dataclass(frozen=True)
class PoseResidual:
    """How far a sample is from the fit: RMS pixels, and millimetres and degrees between the board's pose by this image
    alone and by the calibration. An ``outlier`` was left out of the fit."""

    name: str
    pixels: float
    millimetres: float
    degrees: float
    outlier: bool = False


@dataclass(frozen=True)
class HandEye:
    """``camera`` and ``board`` (4, 4): X and Y above. ``uncertainty_mm`` and ``uncertainty_degrees``: one standard
    deviation of the camera's pose. ``scale``: how large the board's squares are by the arm's motion, relative to what
    was stated, ``scale_uncertainty`` its standard deviation, and ``scaled_rms_pixels`` what remains at that size.
    ``residuals``: one for each sample, in their order."""

    mount: Mount
    camera: Array
    board: Array
    residuals: tuple[PoseResidual, ...]
    uncertainty_mm: float
    uncertainty_degrees: float
    scale: float
    scale_uncertainty: float
    scaled_rms_pixels: float

    @property
    def rms_pixels(self) -> float:
        """RMS over the poses that the fit is made from."""
        return float(np.sqrt(np.mean([r.pixels**2 for r in self.residuals if not r.outlier])))


def solve(samples: Sequence[Sample], intrinsics: Array, mount: Mount) -> HandEye:
    """The camera's pose from at least three samples; ``intrinsics`` (3, 3) in the project's convention.

    Whether there are enough samples of enough variety is not judged here, but by ``calibration_quality``. Raises
    CalibrationError if nothing fits at all.
    """
    fit = Fit(samples, intrinsics, mount)
    parameters = fit.refine(fit.start(), robust=True)
    kept, outliers = fit, np.zeros(len(samples), np.bool_)
    for turn in range(OUTLIER_ROUNDS):
        before, outliers = outliers, _outliers(fit.rms(parameters))
        if not np.array_equal(before, outliers):
            kept = Fit([s for s, out in zip(samples, outliers, strict=True) if not out], intrinsics, mount)
        elif turn > 0:
            break
        parameters = kept.refine_weighed(parameters)
    return _result(fit, parameters, outliers, kept)


def _result(fit: Fit, parameters: Array, outliers: NDArray[np.bool_], kept: Fit) -> HandEye:
    """``kept``: the fit without the outliers, that the parameters come from."""
    camera, board = matrix(parameters[:6]), matrix(parameters[6:])
    covariance = kept.covariance(parameters)
    # Weighed anew: by the other weights a wrong size has been taken for an inexact arm.
    scaled = kept.refine_weighed(np.append(parameters, 1.0))
    predicted = np.linalg.inv(camera) @ fit.known @ board
    residuals = []
    for sample, pixels, expected, out in zip(fit.samples, fit.rms(parameters), predicted, outliers, strict=True):
        alone = (Pose.from_matrix(pose) for pose in board_poses(sample, fit.intrinsics))
        metres, radians = min(pose.distance(Pose.from_matrix(expected)) for pose in alone)
        residuals.append(PoseResidual(sample.name, float(pixels), 1000 * metres, float(np.degrees(radians)), bool(out)))
    return HandEye(
        fit.mount,
        camera,
        board,
        tuple(residuals),
        1000 * float(np.sqrt(np.trace(covariance[3:6, 3:6]))),
        float(np.degrees(np.sqrt(np.trace(covariance[:3, :3])))),
        float(scaled[12]),
        float(np.sqrt(kept.covariance(scaled)[12, 12])),
        float(np.sqrt(np.mean(kept.rms(scaled) ** 2))),
    )


def _outliers(rms: Array) -> NDArray[np.bool_]:
    return rms > max(OUTLIER_PX, OUTLIER_TIMES * float(np.median(rms)))
