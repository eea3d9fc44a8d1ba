"""How a calibration goes, as the pages are told it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clap.worlds.robot.config import Mount

if TYPE_CHECKING:  # what calibrates needs OpenCV, which a console without a robot does without
    from clap.worlds.robot.calibration.bench import CalibrationBench, Change
    from clap.worlds.robot.calibration.calibrate import CalibrationReport
    from clap.worlds.robot.calibration.live_view import Look

Json = dict[str, Any]

WHERE_THE_BOARD_IS = {
    Mount.FIXED: "The camera stands still: fix the board to the hand.",
    Mount.HAND: "The camera is on the hand: fix the board to the table.",
}


def look(seen: Look) -> Json:
    """What one look says; ``target`` is the suggested pose of the tool, world metres and xyzw."""
    target = seen.target
    return {
        "sentence": seen.sentence,
        "ready": seen.ready,
        "way": seen.way,
        "near": seen.near,
        "target": None
        if target is None
        else {"position": [float(x) for x in target.position], "quaternion": [float(x) for x in target.quaternion]},
    }


def state(bench: CalibrationBench, name: str) -> Json:
    """All that is known of one camera's calibration but its picture. Raises as the bench does."""
    in_use, warns = bench.in_use(name)
    lacks, result = bench.quality(name), bench.result(name)
    board = bench.config.calibration.board
    residuals = {} if result is None else {r.name: r for r in result[0].calibration.residuals}
    samples: list[Json] = []
    for sample, corners in bench.samples(name).items():
        row: Json = {"name": sample, "corners": corners}
        if sample in residuals:
            found = residuals[sample]
            row |= {"pixels": found.pixels, "mm": found.millimetres, "degrees": found.degrees, "outlier": found.outlier}
        samples.append(row)
    return {
        "type": "calibration",
        "camera": name,
        "cameras": [camera.name for camera in bench.config.cameras],
        "setting": WHERE_THE_BOARD_IS[bench.camera(name).mount],
        "board": f"{board.columns} × {board.rows} squares of {board.square_mm:g} mm",
        "in_use": in_use,
        "warns": warns,
        "samples": samples,
        "lacks": None if lacks is None else {"sentence": lacks.sentence, "next_move": lacks.next_move},
        "result": None if result is None else _result(*result),
    }


def _result(report: CalibrationReport, change: Change | None, saved: str) -> Json:
    found = report.calibration
    return {
        "mm": found.uncertainty_mm,
        "degrees": found.uncertainty_degrees,
        "pixels": found.rms_pixels,
        "position": list(found.position),
        "change": None if change is None else {"mm": change.millimetres, "degrees": change.degrees},
        "warnings": list(report.warnings),
        "saved": saved,
    }
