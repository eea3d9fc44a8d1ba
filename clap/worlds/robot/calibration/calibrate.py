"""A calibration from a folder of samples: find the board, judge the samples, fit, judge the fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from clap.worlds.robot.calibration.charuco import Board
from clap.worlds.robot.calibration.hand_eye import solve
from clap.worlds.robot.calibration.hand_eye_fit import Sample
from clap.worlds.robot.calibration.quality import FEWEST_CORNERS, check_fit, check_samples, warnings
from clap.worlds.robot.calibration.samples import SampleIndex, read_image
from clap.worlds.robot.calibration.storage import Calibration
from clap.worlds.robot.config import BoardConfig
from clap.worlds.robot.errors import CalibrationError


@dataclass(frozen=True)
class CalibrationReport:
    """The calibration, the images in which the board was not found, and what the operator should know."""

    calibration: Calibration
    without_board: tuple[str, ...]
    warnings: tuple[str, ...]


def calibrate(folder: Path, index: SampleIndex, board: BoardConfig, now: datetime | None = None) -> CalibrationReport:
    """Calibrate the camera of a folder of samples (``calibration_samples``).

    Raises CalibrationError with what is wrong: no board, too few poses or too much alike, another board or a wrong
    size, images and poses that contradict each other.
    """
    samples, without = find_board(folder, index, Board(board))
    return calibrate_from(samples, index, board, without, now)


def calibrate_from(
    samples: Sequence[Sample],
    index: SampleIndex,
    board: BoardConfig,
    without: tuple[str, ...] = (),
    now: datetime | None = None,
) -> CalibrationReport:
    """The same from boards that were found already, ``without`` the images that show none."""
    check_samples(samples, index.intrinsics, board)
    fit = solve(samples, index.intrinsics, index.mount)
    check_fit(fit, samples, index.intrinsics, board)
    made = now or datetime.now(timezone.utc)
    return CalibrationReport(Calibration.of(fit, index.serial, made), without, warnings(fit))


def find_board(folder: Path, index: SampleIndex, board: Board) -> tuple[list[Sample], tuple[str, ...]]:
    """The samples in which the board was found, and the names of the others. Raises CalibrationError if in none."""
    samples, without, markers = [], [], 0
    for entry in index.samples:
        image = read_image(folder, entry)
        view = board.find(image)
        if view is None or len(view.ids) < FEWEST_CORNERS:
            without.append(entry.image)
            markers = max(markers, board.markers_in(image))
        else:
            samples.append(Sample(entry.image, entry.tool, board.corners[view.ids], view.pixels))
    if not samples and index.samples:
        config = board.config
        seen = (
            f"though up to {markers} markers of it were: the board has another number of squares"
            if markers > 3
            else f"nor markers of {config.dictionary}: it is another board, too far away, or out of view"
        )
        raise CalibrationError(
            f"The board of {config.columns} x {config.rows} squares was not found in any of the "
            f"{len(index.samples)} images, {seen}.",
            "Correct the key board of the configuration, or bring the board nearer to the camera.",
        )
    return samples, tuple(without)
