"""Is a calibration to be believed? What is wrong with its samples or its fit, each in a sentence."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from clap.geometry.frames import Pose
from clap.worlds.robot.calibration.hand_eye import HandEye, solve
from clap.worlds.robot.calibration.hand_eye_fit import Sample, board_poses
from clap.worlds.robot.config import BoardConfig, Mount
from clap.worlds.robot.errors import CalibrationError
from clap.worlds.teleoperation import rotation_vector

FEWEST_POSES = 8
FEWEST_CORNERS = 6
LAYOUT_PX = 2.5
"""If even one image alone does not fit the board better than this, in the median of the images, it is another board."""

ALIKE_METRES, ALIKE_DEGREES = 0.01, 3.0
"""Two poses nearer than both say the same."""

SECOND_AXIS_DEGREES = 6.0
"""RMS turn between poses about the second of their axes. With turns about one axis only, the camera's place along that
axis cannot be known."""

LARGEST_RMS_PX = 2.0
WRONG_SCALE = 0.01
UNCERTAIN_MM, UNCERTAIN_DEGREES = 2.0, 0.2
MOST_OUTLIERS = 0.3

_MORE_POSES = "Add poses that differ more, tilted by 20 to 40 degrees about different axes: see the suggested ones."


def check_samples(samples: Sequence[Sample], intrinsics: np.ndarray, board: BoardConfig) -> None:
    """Raises CalibrationError if the samples cannot give a calibration: too few, too alike, or of another board."""
    distinct = _distinct([sample.tool for sample in samples])
    if len(samples) < FEWEST_POSES:
        raise CalibrationError(
            f"The board was found in {len(samples)} images; at least {FEWEST_POSES} are needed, and 15 are good.",
            _MORE_POSES,
        )
    if distinct < FEWEST_POSES:
        raise CalibrationError(
            f"The {len(samples)} images were taken from only {distinct} different poses; {FEWEST_POSES} are needed.",
            _MORE_POSES,
        )
    second = _second_axis(samples)
    if second < SECOND_AXIS_DEGREES:
        raise CalibrationError(
            f"The poses are too alike: but for turns about one axis they turn by {second:.1f} degrees only "
            f"(at least {SECOND_AXIS_DEGREES:g} are needed).",
            _MORE_POSES,
        )
    alone = float(np.median([_rms_alone(sample, intrinsics) for sample in samples]))
    if alone > LAYOUT_PX:
        raise CalibrationError(
            f"The corners do not lie as on a board of {board.columns} x {board.rows} squares with these markers: an "
            f"image alone is {alone:.1f} px off.",
            "Measure the board and correct columns, rows and marker_mm, or print it anew with print-board.",
        )


def check_fit(fit: HandEye, samples: Sequence[Sample], intrinsics: np.ndarray, board: BoardConfig) -> None:
    """Raises CalibrationError if images and arm contradict each other, and says how if that can be told."""
    wrong = sum(residual.outlier for residual in fit.residuals)
    contradicts = fit.rms_pixels > LARGEST_RMS_PX or wrong > MOST_OUTLIERS * len(samples)
    off = abs(fit.scale - 1)
    if off > WRONG_SCALE and off > 4 * fit.scale_uncertainty and fit.scaled_rms_pixels < LARGEST_RMS_PX:
        raise CalibrationError(
            f"The board's size is wrong: by the arm's motion its squares measure {fit.scale * board.square_mm:.1f} mm, "
            f"not {board.square_mm:g} mm.",
            "Measure the printed squares and correct square_mm and marker_mm, or print the board again at 100 %.",
        )
    if contradicts:
        other = Mount.HAND if fit.mount is Mount.FIXED else Mount.FIXED
        hint = "Check that each image was taken at its pose, at rest, and that poses are the tool's in the world."
        if solve(samples, intrinsics, other).rms_pixels < LARGEST_RMS_PX:
            hint = f"They do agree for mount: {other.value}. Correct that key of the camera."
        raise CalibrationError(
            f"Images and poses contradict each other: {fit.rms_pixels:.1f} px remain, {wrong} of {len(samples)} poses "
            "are outliers.",
            hint,
        )


def warnings(fit: HandEye) -> tuple[str, ...]:
    """What the operator should know of a calibration that can be used."""
    said = [
        f"{r.name} was left out: it is {r.pixels:.1f} px, {r.millimetres:.1f} mm and {r.degrees:.2f} degrees off. "
        "Did the arm or the board move while the image was taken?"
        for r in fit.residuals
        if r.outlier
    ]
    if fit.uncertainty_mm > UNCERTAIN_MM or fit.uncertainty_degrees > UNCERTAIN_DEGREES:
        said.append(
            f"The camera's pose is certain to {fit.uncertainty_mm:.1f} mm and {fit.uncertainty_degrees:.2f} degrees "
            f"only ({UNCERTAIN_MM:g} mm and {UNCERTAIN_DEGREES:g} degrees are good). {_MORE_POSES}"
        )
    return tuple(said)


def _distinct(poses: Sequence[Pose]) -> int:
    kept: list[Pose] = []
    for pose in poses:
        apart = (pose.distance(other) for other in kept)
        if all(metres > ALIKE_METRES or np.degrees(radians) > ALIKE_DEGREES for metres, radians in apart):
            kept.append(pose)
    return len(kept)


def _second_axis(samples: Sequence[Sample]) -> float:
    """RMS degrees of the turns between all pairs of poses, about the second of their principal axes."""
    rotations = [sample.tool.rotation for sample in samples]
    turns = [rotation_vector(a.T @ b) for k, a in enumerate(rotations) for b in rotations[:k]]
    return float(np.degrees(np.linalg.svd(np.array(turns), compute_uv=False)[1] / np.sqrt(len(turns))))


def _rms_alone(sample: Sample, intrinsics: np.ndarray) -> float:
    pose = board_poses(sample, intrinsics)[0]
    seen = sample.points @ pose[:3, :3].T + pose[:3, 3]
    pixels = seen[:, :2] / seen[:, 2:] * np.diag(intrinsics)[:2] + intrinsics[:2, 2]
    return float(np.sqrt(((pixels - sample.pixels) ** 2).sum(1).mean()))
