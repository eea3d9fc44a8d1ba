"""How a calibration goes, as the pages are told it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clap.worlds.robot.config import Mount
from ui.protocol.messages import (
    BoardSeen,
    CalibrationResult,
    CalibrationState,
    JudgedSample,
    Lacks,
    Sample,
)
from ui.protocol.messages import Change as MovedBy
from ui.station import episode_messages

if TYPE_CHECKING:  # what calibrates needs OpenCV, which a console without a robot does without
    from clap.worlds.robot.calibration.bench import CalibrationBench, Change
    from clap.worlds.robot.calibration.calibrate import CalibrationReport
    from clap.worlds.robot.calibration.live_view import LiveView

WHERE_THE_BOARD_IS = {
    Mount.FIXED: "The camera stands still: fix the board to the gripper.",
    Mount.HAND: "The camera is on the gripper: fix the board to the table.",
}


def board(camera: str, seen: LiveView) -> BoardSeen:
    """What one look says; ``target`` is the suggested pose of the tool."""
    return BoardSeen(
        camera=camera,
        sentence=seen.sentence,
        ready=seen.ready,
        way=seen.way,
        near=seen.near,
        target=None if seen.target is None else episode_messages.pose(seen.target),
    )


def state(bench: CalibrationBench, name: str, answered: int) -> CalibrationState:
    """All that is known of one camera's calibration but its picture. Raises as the bench does."""
    in_use, warns = bench.in_use(name)
    lacks, result = bench.quality(name), bench.result(name)
    layout = bench.config.calibration.board
    residuals = {} if result is None else {r.name: r for r in result[0].calibration.residuals}
    samples: list[JudgedSample | Sample] = []
    for sample, corners in bench.samples(name).items():
        left = residuals.get(sample)
        if left is None:
            samples.append(Sample(name=sample, corners=corners))
            continue
        samples.append(
            JudgedSample(
                name=sample,
                corners=corners,
                pixels=left.pixels,
                mm=left.millimetres,
                degrees=left.degrees,
                outlier=left.outlier,
            )
        )
    return CalibrationState(
        camera=name,
        cameras=[camera.name for camera in bench.config.cameras],
        setting=WHERE_THE_BOARD_IS[bench.camera(name).mount],
        board=f"{layout.columns} × {layout.rows} squares of {layout.square_mm:g} mm",
        in_use=in_use,
        warns=warns,
        samples=samples,
        lacks=None if lacks is None else Lacks(sentence=lacks.sentence, next_move=lacks.next_move),
        result=None if result is None else _result(*result),
        answered=answered,
    )


def _result(report: CalibrationReport, change: Change | None, saved: str) -> CalibrationResult:
    found = report.calibration
    return CalibrationResult(
        mm=found.uncertainty_mm,
        degrees=found.uncertainty_degrees,
        pixels=found.rms_pixels,
        position=list(found.position),
        change=None if change is None else MovedBy(mm=change.millimetres, degrees=change.degrees),
        warnings=list(report.warnings),
        saved=saved,
    )
