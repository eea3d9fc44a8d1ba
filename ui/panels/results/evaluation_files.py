"""The evaluations that can be shown: those in the checkpoint's folder, and those of the report in docs/evaluation.

The files are not trusted: every value that is used is checked, and a file that does not fit is told of in a sentence.
"""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from clap.policies.checkpoint import CURVES, EVALUATION, RECORD
from training.evaluation.episode_job import POLICIES
from training.evaluation.failure_classes import CLASSES
from training.evaluation.rates import wilson
from training.evaluation.reported_run import (
    ReportedRun,
    ResultsError,
    choose_filmstrips,
    failures_of,
    run_label,
    strip_file,
)
from training.evaluation.results import strips_folder
from ui.panels.results.parts import Json

MAX_FILES, MAX_CELLS, MAX_TEXT = 24, 400, 2000
MAX_BYTES, MAX_RECORD_BYTES = 4_000_000, 64_000_000
FILMSTRIPS_PER_CELL, FILMSTRIP_BYTES = 2, 8_000_000


@dataclass(frozen=True)
class Evaluation:
    """One that can be shown. ``key`` names it in addresses, ``place`` is the folder it lies in."""

    key: str
    place: str
    path: Path
    run: ReportedRun


class Evaluations:
    """Looks into the two folders at each call, and reads again what has changed."""

    def __init__(self, checkpoint: Path, report: Path):
        self.checkpoint = checkpoint
        self._folders = {"checkpoint": checkpoint, "report": report}

    def found(self) -> tuple[dict[str, Evaluation], list[str]]:
        """The evaluations by key, the checkpoint's own first, and a sentence for each file that cannot be used.

        One that the report has too is the checkpoint's own, shown with the report's film strips.
        """
        out: dict[str, Evaluation] = {}
        problems = []
        for place, folder in self._folders.items():
            for path in _candidates(folder):
                try:
                    run = _read(path, _stamp(path))
                except ResultsError as error:
                    problems.append(error.sentence)
                    continue
                if run is None:
                    continue
                same = next((one for one in out.values() if one.run.summary == run.summary), None)
                if same is not None and place != same.place:
                    out[same.key] = replace(same, path=path, run=run)
                else:
                    key = f"{place}-{path.stem}"
                    out[key] = Evaluation(key, place, path, run)
        return _told_apart(out), problems

    def films(self, key: str) -> list[Json]:
        """The records of failures with a film strip, a few of each task and condition; [] for an unknown key."""
        evaluation = self.found()[0].get(key)
        return [] if evaluation is None else _filmstrips(evaluation)

    def filmstrip_file(self, key: str, number: int) -> Path | None:
        """The file of a film strip, by its place in ``films``."""
        evaluation = self.found()[0].get(key)
        records = [] if evaluation is None else _filmstrips(evaluation)
        if evaluation is None or not 0 <= number < len(records):
            return None
        path = strip_file(evaluation.run, records[number])
        inside = path.resolve().is_relative_to(evaluation.run.strips.resolve())
        return path if inside and path.is_file() else None


def _candidates(folder: Path) -> list[Path]:
    """The JSON files of a folder that may be evaluations, the one named EVALUATION first."""
    others = {RECORD, CURVES, "config.json"}
    paths = [path for path in sorted(folder.glob("*.json")) if path.name not in others and path.is_file()]
    return sorted(paths, key=lambda path: path.name != EVALUATION)[:MAX_FILES]


def _stamp(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
        return found.st_mtime_ns, found.st_size
    except OSError:
        return 0, 0


@functools.lru_cache(maxsize=4 * MAX_FILES)
def _read(path: Path, stamp: tuple[int, int]) -> ReportedRun | None:
    """The file as it was at ``stamp``, None if it is some other JSON object. Raises ResultsError."""
    if stamp[1] > MAX_BYTES:
        raise ResultsError(f"{path.name} is larger than {MAX_BYTES // 1_000_000} MB; no summary of an evaluation is.")
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ResultsError(f"{path.name} cannot be read as JSON ({type(error).__name__}).") from error
    if not isinstance(found, dict) or "cells" not in found:
        if path.name == EVALUATION:
            raise ResultsError(f"{path.name} is no summary of an evaluation: it has no cells.")
        return None
    try:
        summary = checked(found)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise ResultsError(f"{path.name} is no summary of an evaluation that can be shown: {error}.") from error
    return ReportedRun(run_label(summary), summary, (), strips_folder(path))


def checked(summary: Mapping[str, Any]) -> Json:
    """What the panel shows of a summary, each value of the type that it must have.

    A summary of an older form lacks what was not measured then: it is None or empty here. Raises ValueError and the
    like for a value that does not fit.
    """
    cells = [_cell(cell) for cell in _listed(summary["cells"], MAX_CELLS)]
    if not cells:
        raise ValueError("it has no cells")
    blocks = summary.get("seed_blocks", [summary.get("seeds", [])])
    times = summary.get("decision_seconds", {})
    return {
        "cells": cells,
        "policy": _one_of(summary["policy"], POLICIES),
        "model": _text(summary.get("model", "")),
        "cameras": _one_of(summary.get("cameras", "four"), ("four", "single")),
        "correction": _one_of(summary.get("correction", "on"), ("on", "off")),
        "correction_recorded": "correction" in summary,
        "date": _text(summary.get("date", "")),
        "command": _text(summary.get("command", "")),
        "seed_blocks": [[int(seed) for seed in _listed(block, 2)] for block in _listed(blocks, 100)],
        "seconds_per_episode": _number(summary.get("seconds_per_episode", 0)),
        "decision_seconds": {_text(stage): [_number(q) for q in pair[:2]] for stage, pair in times.items()},
    }


def _cell(cell: Mapping[str, Any]) -> Json:
    successes, episodes = int(_number(cell["successes"])), int(_number(cell["episodes"]))
    classes = cell.get("classes")
    counts = {} if classes is None else {name: int(_number(classes.get(name, 0))) for name in CLASSES}
    return {
        "task": _text(cell["task"]),
        "title": _text(cell["title"]),
        "condition": _text(cell["condition"]),
        "trained": cell["trained"] is True,
        "successes": successes,
        "episodes": episodes,
        "interval": list(wilson(successes, episodes)),
        "classes": counts,
        "has_classes": classes is not None,
    }


def _listed(value: Any, most: int) -> list[Any]:
    if not isinstance(value, list) or len(value) > most:
        raise ValueError(f"a list of at most {most} was expected")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        raise ValueError(f"a text of at most {MAX_TEXT} characters was expected")
    return value


def _number(value: Any) -> float:
    if not isinstance(value, (int, float)) or not math.isfinite(value) or not 0 <= value < 1e9:
        raise ValueError("a number from 0 was expected")
    return float(value)


def _one_of(value: Any, known: tuple[str, ...]) -> str:
    if value not in known:
        raise ValueError(f"one of {', '.join(known)} was expected")
    return str(value)


def _told_apart(found: dict[str, Evaluation]) -> dict[str, Evaluation]:
    """Evaluations whose labels are the same get their file's name behind it."""
    labels = [evaluation.run.label for evaluation in found.values()]
    out = {}
    for key, evaluation in found.items():
        label = evaluation.run.label
        if labels.count(label) > 1:
            label += f" ({'report, ' if evaluation.place == 'report' else ''}{evaluation.path.name})"
        out[key] = replace(evaluation, run=replace(evaluation.run, label=label))
    return out


def _filmstrips(evaluation: Evaluation) -> list[Json]:
    records = evaluation.path.with_suffix(".jsonl")
    if not evaluation.run.strips.is_dir() or _stamp(records)[1] > MAX_RECORD_BYTES:
        return []
    return list(_chosen_filmstrips(evaluation.path, _stamp(evaluation.path), _stamp(records)))


@functools.lru_cache(maxsize=MAX_FILES)
def _chosen_filmstrips(path: Path, stamp: tuple[int, int], _records: tuple[int, int]) -> tuple[Json, ...]:
    """Failures with a film strip as both files were at their stamps; none where the records do not fit."""
    run = _read(path, stamp)
    if run is None:
        return ()
    try:
        failed = replace(run, failures=failures_of(path, run.summary))
        films = [record for _, record in choose_filmstrips([failed], FILMSTRIPS_PER_CELL, FILMSTRIP_BYTES)]
        for record in films:
            for field in ("task", "condition", "instruction"):
                _text(record[field])
            _text(record["fault"]["name"]), _text(record["fault"]["why"]), int(record["seed"])
    except (AttributeError, LookupError, OSError, TypeError, ValueError, RecursionError):
        return ()
    return tuple(films)
