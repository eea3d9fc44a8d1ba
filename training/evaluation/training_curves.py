"""The curves of a checkpoint's trainings: thinned from the logs of both, kept in the checkpoint, read by the console.

A point is the mean of the log's lines since the point before, at their last line's minutes and samples. What was
measured on held-out data is kept as it was logged.

    {"planner": {"facts": {...}, "training": {"minutes": [...], "samples": [...], "loss": [...], ...},
                 "held_out": {"minutes": [...], "samples": [...], "keypoints_within_8px": [...], ...}},
     "predictor": {...}}
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from clap.errors import ClapError
from clap.policies.checkpoint import PLANNER, PREDICTOR
from training.trainer.json_log import read_json_log

POINTS = 200
MAX_BYTES = 60_000
MAX_READ_BYTES = 1_000_000
MAX_SERIES, MAX_NAME = 80, 60
TIME, SAMPLES = "minutes", "samples"
PARTS, KINDS = (PLANNER, PREDICTOR), ("training", "held_out")

Row = dict[str, float]
Series = dict[str, list[float | None]]
Curves = dict[str, dict[str, dict[str, Any]]]

_PROGRESS = {"step", "stage_step", "joint", "scenes", "plans", "evaluations", "seconds", "cpu_seconds"}
_PROGRESS |= {"samples_per_second", "minutes_left", TIME, SAMPLES}
_FACTS = ("parameters", "train", "held_out", "shards")


class CurvesError(ClapError):
    """A file of curves is not what ``curves_of`` makes."""

    name = "training curves not usable"
    default_next_move = "Put the checkpoint together again with `python -m training.mini --resume`."


def curves_of(run: Path) -> Curves:
    """The curves of a run's folder, from planner/log.jsonl and predictor/log.jsonl; a part that logged nothing is left
    out."""
    parts = {part: _part(part, read_json_log(run / part / "log.jsonl")) for part in PARTS}
    return {part: found for part, found in parts.items() if any(found[kind][TIME] for kind in KINDS)}


def curves_text(curves: Curves) -> str:
    """The file's text, at most MAX_BYTES: thinned further where that many series are too long."""
    points, text = POINTS, _text(curves)
    while len(text) > MAX_BYTES and points > 1:
        points //= 2
        for part in curves.values():
            part["training"] = _columns(_thinned(_rows(part["training"]), points))
        text = _text(curves)
    return text


def read_curves(path: Path) -> Curves:
    """The curves in a checkpoint, {} if it has none. The file is not trusted. Raises CurvesError."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_READ_BYTES + 1)
        if len(content) > MAX_READ_BYTES:
            raise CurvesError(f"{path.name} is larger than {MAX_READ_BYTES // 1000} kB; no curves are.")
        found = json.loads(content)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise CurvesError(f"{path.name} cannot be read as JSON ({type(error).__name__}).") from error
    if not isinstance(found, dict) or not set(found) <= set(PARTS):
        raise CurvesError(f"{path.name} must be a JSON object with the parts {' and '.join(PARTS)}.")
    for part, kinds in found.items():
        if not isinstance(kinds, dict) or set(kinds) != {"facts", *KINDS}:
            raise CurvesError(f'The part "{part}" of {path.name} must have facts, {" and ".join(KINDS)}.')
        if not isinstance(kinds["facts"], dict) or not all(_is_number(value) for value in kinds["facts"].values()):
            raise CurvesError(f'The facts of "{part}" in {path.name} must be numbers by name.')
        for kind in KINDS:
            _check(kinds[kind], f'"{part}", "{kind}" in {path.name}')
    return found


def _check(series: Any, what: str) -> None:
    """Raises CurvesError unless these are few series, of one length, of numbers and nothing else."""
    if not isinstance(series, dict) or len(series) > MAX_SERIES or not {TIME, SAMPLES} <= set(series):
        raise CurvesError(f"{what} must be at most {MAX_SERIES} series with their {TIME} and {SAMPLES}.")
    if any(len(name) > MAX_NAME or not isinstance(values, list) for name, values in series.items()):
        raise CurvesError(f"{what} must be lists of numbers by short names.")
    lengths = {len(values) for values in series.values()}
    if len(lengths) != 1 or max(lengths) > POINTS:
        raise CurvesError(f"{what} must be series of one length, of at most {POINTS} points.")
    if not all(value is None or _is_number(value) for values in series.values() for value in values):
        raise CurvesError(f"{what} holds something that is no finite number.")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e15


def _part(part: str, lines: Iterable[dict[str, Any]]) -> dict[str, Any]:
    training: list[Row] = []
    held_out: list[Row] = []
    facts: dict[str, float] = {}
    for line in lines:
        facts |= {name: line[name] for name in _FACTS if name in line}
        minutes = line.get(TIME, line.get("cpu_seconds", 0.0) / 60)
        if _measures_held_out(line):
            # The planner's log counts the scenes of the evaluation itself in such a line.
            samples = training[-1][SAMPLES] if training and part == PLANNER else line.get(SAMPLES, 0)
            _append(held_out, {"step": line.get("step", 0), TIME: minutes, SAMPLES: samples, **_figures(line)})
        elif "event" not in line and _figures(line):
            samples = line.get(SAMPLES, line.get("scenes", 0))
            _append(training, {"step": line.get("step", 0), TIME: minutes, SAMPLES: samples, **_figures(line)})
    columns = {"training": _columns(_thinned(training, POINTS)), "held_out": _columns(_thinned(held_out, POINTS))}
    return {"facts": facts, **columns}


def _measures_held_out(line: Mapping[str, Any]) -> bool:
    return line.get("event") in ("evaluation", "end") or "step_accuracy" in line


def _append(rows: list[Row], row: Row) -> None:
    """A training that was resumed logs again what came after its checkpoint: the later line counts."""
    while rows and rows[-1]["step"] >= row["step"]:
        rows.pop()
    rows.append(row)


def _figures(line: Mapping[str, Any]) -> Row:
    """The numbers of a log's line that are neither progress nor facts; of pairs (median, 90 % quantile) the median."""
    named = {name: value[0] if isinstance(value, list) and value else value for name, value in line.items()}
    skipped = {*_PROGRESS, *_FACTS, "count"}
    return {name: value for name, value in named.items() if name not in skipped and _is_number(value)}


def _thinned(rows: Sequence[Row], points: int) -> list[Row]:
    ends = [round(k * len(rows) / points) for k in range(points + 1)] if len(rows) > points else range(len(rows) + 1)
    return [_mean(rows[first:last]) for first, last in itertools.pairwise(ends)]


def _mean(rows: Sequence[Row]) -> Row:
    out = {}
    for name in dict.fromkeys(name for row in rows for name in row):
        values = [row[name] for row in rows if name in row]
        out[name] = values[-1] if name in (TIME, SAMPLES) else math.fsum(values) / len(values)
    return out


def _columns(rows: Sequence[Row]) -> Series:
    names = dict.fromkeys([TIME, SAMPLES, *(name for row in rows for name in row if name != "step")])
    return {name: [_short(row.get(name)) for row in rows] for name in names}


def _rows(columns: Series) -> list[Row]:
    count = len(columns[TIME])
    return [{name: v for name, values in columns.items() if (v := values[k]) is not None} for k in range(count)]


def _short(value: float | None) -> float | None:
    return value if value is None or isinstance(value, int) else float(f"{value:.4g}")


def _text(curves: Curves) -> str:
    return json.dumps(curves, separators=(",", ":")) + "\n"
