"""The old and the new checkpoint side by side: success by task, with Wilson's intervals, as JSON and as Markdown."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from clap.worlds.tabletop.phrasing import instruction_templates
from clap.worlds.tabletop.tasks import all_task_infos, sample_task
from training.evaluation.rates import difference, rate
from training.evaluation.summary import counted_text
from training.retraining.evaluation import NEW, OLD, Cell
from training.retraining.settings import RetrainSettings

Counted = Sequence[tuple[Cell, list[dict[str, Any]]]]
KINDS = {NEW: "Shown in the demonstrations", OLD: "All other tasks"}


def compare(settings: RetrainSettings, before: Counted, after: Counted, seconds: Mapping[str, float]) -> dict[str, Any]:
    """The comparison as JSON values. ``seconds``: wall time of each stage.

    Rows and sums hold "old" and "new", each with successes, episodes and interval, and "difference": [share, low, high]
    by Newcombe.
    """
    titles = {info.key: info.title for info in all_task_infos()}
    rows = []
    for (cell, old), (_, new) in zip(before, after, strict=True):
        rows.append({"kind": cell.kind, "task": cell.task, "variation": cell.variation,
                     "title": f"{titles[cell.task]}{_which(cell)}", **_pair(old, new)})  # fmt: skip
    sums = {}
    for kind in KINDS:
        old = [record for cell, records in before if cell.kind == kind for record in records]
        new = [record for cell, records in after if cell.kind == kind for record in records]
        if old:
            sums[kind] = _pair(old, new)
    return {
        "date": datetime.date.today().isoformat(),
        "settings": settings.to_json(),
        "seconds": {name: round(value, 1) for name, value in seconds.items()},
        "rows": rows,
        "sums": sums,
    }


def _which(cell: Cell) -> str:
    if cell.variation is not None:
        words = sample_task(cell.task, 0, cell.variation)
        return f": {words.subtasks[-1].thing or instruction_templates(cell.task)[0]}"
    return ", the other variations" if cell.without else ""


def _pair(old: list[dict[str, Any]], new: list[dict[str, Any]]) -> dict[str, Any]:
    before, after = rate(old), rate(new)
    return {"old": before, "new": after, "difference": [round(value, 4) for value in difference(after, before)]}


def report(comparison: Mapping[str, Any], command: str, more: Sequence[str] = ()) -> str:
    """The comparison as Markdown: a table of what was shown, one of all other tasks, and what there is ``more``."""
    settings = comparison["settings"]
    lines = [
        "# Retraining from recorded demonstrations",
        "",
        f"{comparison['date']}: {len(settings['episodes'])} demonstrations, method {settings['method']}, "
        f"{settings['minutes']:g} minutes of CPU time for each part, from {Path(settings['checkpoint']).name}. Both "
        f"acted in the same scenes, of seeds from {settings['first_seed']} on, unseen in training. Successes/episodes "
        "with Wilson 95 % intervals; differences in points with Newcombe's.",
        "",
    ]
    for kind, title in KINDS.items():
        rows = [row for row in comparison["rows"] if row["kind"] == kind]
        if not rows:
            continue
        lines += [f"## {title}", "", "| task | old checkpoint | new checkpoint | difference |", "|---|---|---|---|"]
        lines += [_line(row["title"], row) for row in rows]
        lines += [_line("**together**", comparison["sums"][kind]), ""]
    took = ", ".join(f"{name} {value / 60:.1f} min" for name, value in comparison["seconds"].items())
    return "\n".join([*lines, *more, f"Time: {took}.", "", f"`{command}`", ""])


def _line(title: str, row: Mapping[str, Any]) -> str:
    share, low, high = (100 * value for value in row["difference"])
    apart = f"{share:+.0f} ({low:+.0f} to {high:+.0f})"
    return f"| {title} | {counted_text(row['old'])} | {counted_text(row['new'])} | {apart} |"


def comparison_text(comparison: Mapping[str, Any]) -> str:
    """As it is written to disk."""
    return json.dumps(comparison, indent=1) + "\n"
