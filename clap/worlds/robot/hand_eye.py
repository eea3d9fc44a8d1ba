"""Hand-eye calibration: where a camera is, from images of a board and the arm's poses.

Both ways are one equation. With T the pose of the tool centre point in the world, the camera C and the board B:

    camera fixed, board on the hand:   cam_T_board = inv(world_T_cam) . world_T_tool . tool_T_board
    camera on the hand, board fixed:   cam_T_board = inv(tool_T_cam) . inv(world_T_tool) . world_T_board

that is inv(X) . A . Y with X the camera, Y the board, and A known from the arm. OpenCV's closed forms give X and Y to
start from; then the pixels of all corners of all images are fitted together, which is where the accuracy comes from.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import approx_fprime, least_squares

from clap.geometry import Pose
from clap.teleoperation import rotation_vector, turned
from clap.worlds.robot.config import Mount
from clap.worlds.robot.failures import CalibrationError

Array = NDArray[np.floating]

ROBUST_PX = 1.0
"""Residuals beyond this weigh less in the first fit, so that one wrong pose does not pull all others along."""

DETECTION_PX = 0.3
"""What a corner is off along each axis."""

ARM_MM = (0.0, 0.1, 0.3, 1.0, 3.0)
ARM_DEGREES_PER_MM = 0.1
"""What an arm's poses may be off along each axis; the samples tell which of these it is. With arms that are off by
0.5 mm the camera's error is a third of that of a fit that trusts the arm, and with exact ones it stays as small."""

CONTRADICTION_PX = 10.0
"""No inexact arm explains as much."""

MOST_STEPS = 60
"""A fit takes about ten; what takes more has nothing to converge to."""

OUTLIER_PX = 2.0
OUTLIER_TIMES = 3.0
OUTLIER_ROUNDS = 3
"""A pose is an outlier if its residual is larger than both this many pixels and this many times the median."""


@dataclass(frozen=True)
class Sample:
    """One image of the board: ``tool`` world pose of the tool centre point, ``points`` (N, 3) metres in the board's
    frame and their ``pixels`` (N, 2) in the project's convention."""

    name: str
    tool: Pose
    points: Array
    pixels: Array


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
    fit = _Fit(samples, intrinsics, mount)
    parameters = fit.refine(fit.start(), robust=True)
    kept, outliers = fit, np.zeros(len(samples), np.bool_)
    for turn in range(OUTLIER_ROUNDS):
        before, outliers = outliers, _outliers(fit.rms(parameters))
        if not np.array_equal(before, outliers):
            kept = _Fit([s for s, out in zip(samples, outliers, strict=True) if not out], intrinsics, mount)
        elif turn > 0:
            break
        parameters = kept.refine_weighed(parameters)
    return fit.result(parameters, outliers, kept)


def board_poses(sample: Sample, intrinsics: Array) -> list[Array]:
    """cam_T_board (4, 4) by one image alone, the best first. A flat board seen from afar has two."""
    found = cv2.solvePnPGeneric(sample.points, sample.pixels, intrinsics, None, flags=cv2.SOLVEPNP_IPPE)
    return [
        _matrix(np.concatenate([turn.ravel(), move.ravel()])) for turn, move in zip(found[1], found[2], strict=True)
    ]


class _Fit:
    """The least squares over some samples. Parameters: X and Y as rotation vector and translation, 12 numbers."""

    def __init__(self, samples: Sequence[Sample], intrinsics: Array, mount: Mount):
        self.samples, self.mount = samples, mount
        self._intrinsics = np.asarray(intrinsics, float)
        tools = np.array([sample.tool.matrix for sample in samples])
        self._known = tools if mount is Mount.FIXED else np.linalg.inv(tools)
        self._of = np.repeat(np.arange(len(samples)), [len(sample.points) for sample in samples])
        self._points = np.concatenate([sample.points for sample in samples])
        self._pixels = np.concatenate([sample.pixels for sample in samples])
        self._ends = 2 * np.cumsum([len(sample.points) for sample in samples])[:-1]
        self._weights: list[Array] = []

    def start(self) -> Array:
        """The best of OpenCV's closed forms, by the median of the residuals."""
        seen = np.array([board_poses(sample, self._intrinsics)[0] for sample in self.samples])
        inverse = np.linalg.inv(self._known)
        turns, moves = list(inverse[:, :3, :3]), list(inverse[:, :3, 3])
        seen_turns, seen_moves = list(seen[:, :3, :3]), list(seen[:, :3, 3])
        candidates = []
        for method in (cv2.CALIB_HAND_EYE_PARK, cv2.CALIB_HAND_EYE_DANIILIDIS, cv2.CALIB_HAND_EYE_TSAI):
            # Poses that contradict the images give an error with some methods, and NaN with others.
            with contextlib.suppress(cv2.error):
                candidates.append(cv2.calibrateHandEye(turns, moves, seen_turns, seen_moves, method=method))
        # In OpenCV's words the board is the "world" here and our A leads from "base" to "gripper".
        turns, moves = list(self._known[:, :3, :3]), list(self._known[:, :3, 3])
        with contextlib.suppress(cv2.error):
            back_turn, back_move = cv2.calibrateRobotWorldHandEye(seen_turns, seen_moves, turns, moves)[2:]
            candidates.append((np.transpose(back_turn), -np.transpose(back_turn) @ np.asarray(back_move)))
        starts = []
        for turn, move in candidates:
            camera = _pose(np.asarray(turn, float), np.asarray(move, float))
            if not np.isfinite(camera).all():
                continue
            boards = np.linalg.inv(self._known) @ camera @ seen
            starts += [np.concatenate([_vector(camera), _vector(board)]) for board in (_average(boards), boards[0])]
        if not starts:
            raise CalibrationError("No camera pose fits the images and the poses of the arm, not even roughly.")
        return min(starts, key=lambda parameters: float(np.median(self.rms(parameters))))

    def refine(self, parameters: Array, robust: bool = False) -> Array:
        loss = {"loss": "soft_l1", "f_scale": ROBUST_PX} if robust else {}
        return least_squares(self._weighed, parameters, x_scale="jac", max_nfev=MOST_STEPS, **loss).x

    def refine_weighed(self, parameters: Array) -> Array:
        """Refine with the weights that make the errors likeliest: they tell how exact the arm is."""
        best = np.inf, parameters, self._weights
        contradict = float(np.median(self.rms(parameters))) > CONTRADICTION_PX
        for arm_mm in ARM_MM[:1] if contradict else ARM_MM:
            log_determinant = self._weigh(parameters, arm_mm)
            refined = self.refine(parameters)
            errors = self._weighed(refined)
            # Twice the negative logarithm of the likelihood, at the best common scale of all errors.
            unlikely = len(errors) * float(np.log(np.mean(errors**2) + 1e-12)) + log_determinant
            if unlikely < best[0]:
                best = unlikely, refined, self._weights
        _, refined, self._weights = best
        return refined

    def _weigh(self, parameters: Array, arm_mm: float) -> float:
        """Weigh the errors for an arm of this accuracy, near these parameters; the covariances' log determinant.

        A pose that is off moves all corners of its image together, by more than they are off themselves. The weights
        are the inverse roots of the covariances that both kinds of errors give to the pixels of each image.
        """
        still, columns = self._errors(parameters), []
        for axis, spread in enumerate((*[np.radians(ARM_DEGREES_PER_MM * arm_mm)] * 3, *[arm_mm / 1000] * 3)):
            step = np.zeros(6)
            step[axis] = spread
            # In the frame of the tool, whichever side of A that is.
            move = _matrix(step if self.mount is Mount.FIXED else -step)
            known = self._known @ move if self.mount is Mount.FIXED else move @ self._known
            columns.append(self._errors(parameters, known) - still)
        roots = [
            np.linalg.cholesky(DETECTION_PX**2 * np.eye(len(by_arm)) + by_arm @ by_arm.T)
            for by_arm in np.split(np.stack(columns, 1), self._ends)
        ]
        self._weights = [np.linalg.inv(root) for root in roots]
        return sum(2 * float(np.log(np.diag(root)).sum()) for root in roots)

    def rms(self, parameters: Array) -> Array:
        """(samples,) RMS pixels of each."""
        squares = (self._errors(parameters).reshape(-1, 2) ** 2).sum(1)
        return np.sqrt(np.bincount(self._of, squares) / np.bincount(self._of))

    def result(self, parameters: Array, outliers: NDArray[np.bool_], kept: _Fit) -> HandEye:
        """``kept``: the fit without the outliers, that the parameters come from."""
        camera, board = _matrix(parameters[:6]), _matrix(parameters[6:])
        covariance = kept._covariance(parameters)
        # Weighed anew: by the other weights a wrong size has been taken for an inexact arm.
        scaled = kept.refine_weighed(np.append(parameters, 1.0))
        predicted = np.linalg.inv(camera) @ self._known @ board
        residuals = []
        for sample, pixels, expected, out in zip(self.samples, self.rms(parameters), predicted, outliers, strict=True):
            alone = (Pose.from_matrix(pose) for pose in board_poses(sample, self._intrinsics))
            metres, radians = min(pose.distance(Pose.from_matrix(expected)) for pose in alone)
            residuals.append(
                PoseResidual(sample.name, float(pixels), 1000 * metres, float(np.degrees(radians)), bool(out))
            )
        return HandEye(
            self.mount,
            camera,
            board,
            tuple(residuals),
            1000 * float(np.sqrt(np.trace(covariance[3:6, 3:6]))),
            float(np.degrees(np.sqrt(np.trace(covariance[:3, :3])))),
            float(scaled[12]),
            float(np.sqrt(kept._covariance(scaled)[12, 12])),
            float(np.sqrt(np.mean(kept.rms(scaled) ** 2))),
        )

    def _weighed(self, parameters: Array) -> Array:
        """(2 x corners,) errors in units of what is expected of them, or in pixels before ``weigh``."""
        errors = self._errors(parameters)
        if not self._weights:
            return errors
        of_images = np.split(errors, self._ends)
        return np.concatenate([weight @ part for weight, part in zip(self._weights, of_images, strict=True)])

    def _errors(self, parameters: Array, known: Array | None = None) -> Array:
        """(2 x corners,) pixels; a 13th parameter scales the board."""
        size = parameters[12] if len(parameters) > 12 else 1.0
        known = self._known if known is None else known
        cameras = np.linalg.inv(_matrix(parameters[:6])) @ known @ _matrix(parameters[6:12])
        turned = np.einsum("nij,nj->ni", cameras[self._of, :3, :3], size * self._points) + cameras[self._of, :3, 3]
        # A start may put the board behind the camera; there a pixel far away tells the fit to turn round.
        depth = np.where(turned[:, 2] > 1e-3, turned[:, 2], 1e-3)
        projected = turned[:, :2] / depth[:, None] * np.diag(self._intrinsics)[:2] + self._intrinsics[:2, 2]
        return (projected - self._pixels).ravel()

    def _covariance(self, parameters: Array) -> Array:
        """Covariance of the parameters: by the spread of all errors, or by that from image to image if it is larger."""
        errors = self._weighed(parameters)
        jacobian = approx_fprime(parameters, self._weighed)
        bread = np.linalg.pinv(jacobian.T @ jacobian)
        free = max(1, len(errors) - len(parameters))
        plain = bread * float(errors @ errors) / free
        count = len(self.samples)
        pulls = np.array([jacobian[of].T @ errors[of] for of in (np.repeat(self._of, 2) == k for k in range(count))])
        clustered = bread @ pulls.T @ pulls @ bread * count / max(1, count - 1)
        return clustered if np.trace(clustered) > np.trace(plain) else plain


def _outliers(rms: Array) -> NDArray[np.bool_]:
    return rms > max(OUTLIER_PX, OUTLIER_TIMES * float(np.median(rms)))


def _matrix(vector: Array) -> Array:
    return _pose(turned(vector[:3]), vector[3:])


def _pose(turn: Array, move: Array) -> Array:
    out = np.eye(4)
    out[:3, :3], out[:3, 3] = turn, np.ravel(move)
    return out


def _vector(matrix: Array) -> Array:
    return np.concatenate([rotation_vector(matrix[:3, :3]), matrix[:3, 3]])


def _average(poses: Array) -> Array:
    """The mean of poses (N, 4, 4) that are nearly the same."""
    left, _, right = np.linalg.svd(poses[:, :3, :3].mean(0))
    turn = left @ np.diag([1, 1, np.linalg.det(left @ right)]) @ right
    return _pose(turn, np.median(poses[:, :3, 3], axis=0))
