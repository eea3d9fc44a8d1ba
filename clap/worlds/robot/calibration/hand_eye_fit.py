"""The least squares of the hand-eye calibration: all corners of all images at once (see ``hand_eye``)."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import approx_fprime, least_squares

from clap.geometry.frames import Pose
from clap.worlds.robot.config import Mount
from clap.worlds.robot.errors import CalibrationError
from clap.worlds.teleoperation import rotation_vector, turned

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


@dataclass(frozen=True)
class Sample:
    """One image of the board: ``tool`` world pose of the tool centre point, ``points`` (N, 3) metres in the board's
    frame and their ``pixels`` (N, 2) in the project's convention."""

    name: str
    tool: Pose
    points: Array
    pixels: Array


def board_poses(sample: Sample, intrinsics: Array) -> list[Array]:
    """cam_T_board (4, 4) by one image alone, the best first. A flat board seen from afar has two."""
    found = cv2.solvePnPGeneric(sample.points, sample.pixels, intrinsics, None, flags=cv2.SOLVEPNP_IPPE)
    return [matrix(np.concatenate([turn.ravel(), move.ravel()])) for turn, move in zip(found[1], found[2], strict=True)]


class Fit:
    """The least squares over some samples. Parameters: X and Y as rotation vector and translation, 12 numbers.

    ``known`` (samples, 4, 4): A of each; ``intrinsics`` (3, 3) in the project's convention.
    """

    def __init__(self, samples: Sequence[Sample], intrinsics: Array, mount: Mount):
        self.samples, self.mount = samples, mount
        self.intrinsics = np.asarray(intrinsics, float)
        tools = np.array([sample.tool.matrix for sample in samples])
        self.known = tools if mount is Mount.FIXED else np.linalg.inv(tools)
        self._of = np.repeat(np.arange(len(samples)), [len(sample.points) for sample in samples])
        self._points = np.concatenate([sample.points for sample in samples])
        self._pixels = np.concatenate([sample.pixels for sample in samples])
        self._ends = 2 * np.cumsum([len(sample.points) for sample in samples])[:-1]
        self._weights: list[Array] = []

    def start(self) -> Array:
        """The best of OpenCV's closed forms, by the median of the residuals."""
        seen = np.array([board_poses(sample, self.intrinsics)[0] for sample in self.samples])
        inverse = np.linalg.inv(self.known)
        turns, moves = list(inverse[:, :3, :3]), list(inverse[:, :3, 3])
        seen_turns, seen_moves = list(seen[:, :3, :3]), list(seen[:, :3, 3])
        candidates = []
        for method in (cv2.CALIB_HAND_EYE_PARK, cv2.CALIB_HAND_EYE_DANIILIDIS, cv2.CALIB_HAND_EYE_TSAI):
            # Poses that contradict the images give an error with some methods, and NaN with others.
            with contextlib.suppress(cv2.error):
                candidates.append(cv2.calibrateHandEye(turns, moves, seen_turns, seen_moves, method=method))
        # In OpenCV's words the board is the "world" here and our A leads from "base" to "gripper".
        turns, moves = list(self.known[:, :3, :3]), list(self.known[:, :3, 3])
        with contextlib.suppress(cv2.error):
            back_turn, back_move = cv2.calibrateRobotWorldHandEye(seen_turns, seen_moves, turns, moves)[2:]
            candidates.append((np.transpose(back_turn), -np.transpose(back_turn) @ np.asarray(back_move)))
        starts = []
        for turn, move in candidates:
            camera = _pose(np.asarray(turn, float), np.asarray(move, float))
            if not np.isfinite(camera).all():
                continue
            boards = np.linalg.inv(self.known) @ camera @ seen
            starts += [np.concatenate([_vector(camera), _vector(board)]) for board in (_average(boards), boards[0])]
        if not starts:
            raise CalibrationError("No camera pose fits the images and the poses of the arm, not even roughly.")
        return min(starts, key=lambda parameters: float(np.median(self.rms(parameters))))

    def refine(self, parameters: Array, robust: bool = False) -> Array:
        """Better parameters from these, with the present weights."""
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
            move = matrix(step if self.mount is Mount.FIXED else -step)
            known = self.known @ move if self.mount is Mount.FIXED else move @ self.known
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
        known = self.known if known is None else known
        cameras = np.linalg.inv(matrix(parameters[:6])) @ known @ matrix(parameters[6:12])
        turned = np.einsum("nij,nj->ni", cameras[self._of, :3, :3], size * self._points) + cameras[self._of, :3, 3]
        # A start may put the board behind the camera; there a pixel far away tells the fit to turn round.
        depth = np.where(turned[:, 2] > 1e-3, turned[:, 2], 1e-3)
        projected = turned[:, :2] / depth[:, None] * np.diag(self.intrinsics)[:2] + self.intrinsics[:2, 2]
        return (projected - self._pixels).ravel()

    def covariance(self, parameters: Array) -> Array:
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


def matrix(vector: Array) -> Array:
    """(4, 4) of a rotation vector and a translation, six numbers."""
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
