"""A run as the report shows it: its summary, its failures with their film strips, and the paper's figures."""

from __future__ import annotations

import functools
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from clap.errors import ClapError
from training.evaluation.episode_job import RUN_FIELDS
from training.evaluation.failure_classes import CLASSES
from training.evaluation.rates import pooled
from training.evaluation.results import read_records, strip_name, strips_folder

Cell = dict[str, Any]
PAPER_NAMES = {"clap": "CLAP", "rvt2": "RVT2"}
SUMMARY_FIELDS = ("cells", "averages", "accuracy", "overall", "findings", "seed_blocks", "blocks")


class ResultsError(ClapError):
    """A results file cannot be read as an evaluation's summary."""

    name = "results not usable"
    default_next_move = "Give the FILE.json that `python -m training.evaluate --out FILE.json` wrote."


@dataclass(frozen=True)
class ReportedRun:
    """``label`` names the run in tables; ``failures`` are the records of its failed episodes, in the file's order."""

    label: str
    summary: dict[str, Any]
    failures: tuple[dict[str, Any], ...]
    strips: Path

    @staticmethod
    def load(text: str) -> ReportedRun:
        """From "FILE.json" or "LABEL=FILE.json", with the records and the strips beside it where there are any.

        Raises ResultsError.
        """
        label, _, name = text.rpartition("=")
        path = Path(name)
        try:
            summary = json.loads(path.read_text("utf-8"))
            missing = {*RUN_FIELDS, *SUMMARY_FIELDS} - set(summary)
        except (OSError, ValueError, TypeError) as error:
            raise ResultsError(f"{path} cannot be read: {error}.") from error
        if missing:
            raise ResultsError(f"{path} is no summary of this form: it lacks {', '.join(sorted(missing))}.")
        return ReportedRun(label or run_label(summary), summary, failures_of(path, summary), strips_folder(path))

    @property
    def cells(self) -> list[Cell]:
        """The summary's cells, one for each task and condition."""
        return list(self.summary["cells"])

    @property
    def conditions(self) -> list[str]:
        """In the order of the summary."""
        return list(dict.fromkeys(cell["condition"] for cell in self.cells))

    @property
    def tasks(self) -> list[Cell]:
        """One cell for each task, for its key, title and ``trained``."""
        return list({cell["task"]: cell for cell in reversed(self.cells)}.values())[::-1]

    def cells_where(self, **fields: Any) -> list[Cell]:
        """The cells whose fields have these values."""
        return [cell for cell in self.cells if all(cell[field] == value for field, value in fields.items())]

    def rate(self, **where: Any) -> Cell | None:
        """The pooled rate of the cells whose fields have these values, None if there is no such cell."""
        cells = self.cells_where(**where)
        return pooled(cells) if cells else None

    def classes(self, **where: Any) -> Counter[str]:
        """Failures by class over the cells whose fields have these values, in the order of ``CLASSES``."""
        cells = self.cells_where(**where)
        counts = Counter({name: sum(cell["classes"].get(name, 0) for cell in cells) for name in CLASSES})
        return +counts

    def paper(self, task: str, condition: str) -> int | None:
        """The paper's figure for this cell, percent."""
        column = paper_table3().get(PAPER_NAMES.get(self.summary["policy"], ""), {}).get(task)
        return column[paper_table3()["conditions"].index(condition)] if column else None

    def paper_average(self, tasks: Sequence[str], conditions: Sequence[str]) -> float | None:
        """The mean of the paper's figures over these tasks and conditions; None unless it has all of them."""
        figures = [self.paper(task, condition) for task in tasks for condition in conditions]
        known = [figure for figure in figures if figure is not None]
        return sum(known) / len(known) if known and len(known) == len(figures) else None


@functools.cache
def paper_table3() -> dict[str, Any]:
    """Table 3 of the paper: policy -> task -> percent for each of "conditions"."""
    text = resources.files(__package__).joinpath("paper_table3.json").read_text("utf-8")
    return dict(json.loads(text))


def strip_file(run: ReportedRun, record: dict[str, Any]) -> Path:
    """The film strip of a failure; it need not exist."""
    return run.strips / strip_name(record)


def choose_filmstrips(
    runs: Iterable[ReportedRun], per_cell: int, budget: int
) -> list[tuple[ReportedRun, dict[str, Any]]]:
    """Failures with a film strip, at most ``per_cell`` of a run's cell, ``budget`` bytes in all.

    Every cell gets its first film before any gets its second, so that a small budget still shows all of them.
    """
    ranked = []
    for order, run in enumerate(runs):
        taken: Counter[tuple[str, str]] = Counter()
        for record in run.failures:
            cell = record["task"], record["condition"]
            if taken[cell] < per_cell and strip_file(run, record).exists():
                taken[cell] += 1
                ranked.append((taken[cell], order, run, record))
    chosen, spent = [], 0
    for _, _, run, record in sorted(ranked, key=lambda film: film[:2]):
        spent += strip_file(run, record).stat().st_size
        if spent > budget:
            break
        chosen.append((run, record))
    return chosen


def failures_of(path: Path, summary: dict[str, Any]) -> tuple[dict[str, Any], ...]:
    """The records beside the summary at ``path`` of those of its episodes that failed."""
    chosen = (record for record in read_records(path.with_suffix(".jsonl")) if _belongs(record, summary))
    return tuple(record for record in chosen if record["fault"])


def _belongs(record: dict[str, Any], summary: dict[str, Any]) -> bool:
    cells = {(cell["task"], cell["condition"]) for cell in summary["cells"]}
    return (
        all(record.get(field) == summary[field] for field in RUN_FIELDS)
        and (record["task"], record["condition"]) in cells
        and any(first <= record["seed"] <= last for first, last in summary["seed_blocks"])
    )


def run_label(summary: dict[str, Any]) -> str:
    """ "CLAP, single camera, without self-correction", by the summary's own fields."""
    names = {"clap": "CLAP", "rvt2": "RVT-2", "expert": "Scripted expert"}
    camera = "" if summary["cameras"] == "four" else f", {summary['cameras']} camera"
    uncorrected = ", without self-correction" if summary["policy"] == "clap" and summary["correction"] == "off" else ""
    return names[summary["policy"]] + camera + uncorrected
