"""The evaluation report as Markdown: the same tables and counts as the HTML page, and links to the film strips."""

from __future__ import annotations

from collections.abc import Sequence

from training.evaluation.failure_classes import CLASSES
from training.evaluation.html_report import Filmstrip
from training.evaluation.rates import difference, percent
from training.evaluation.reported_run import ReportedRun, paper_table3
from training.evaluation.summary import counted_text, markdown
from training.evaluation.thresholds import CLOSE_PX

SHARES = ("keypoints_first_close", "keypoints_close", "objects_close", "plans_right")


def markdown_report(runs: Sequence[ReportedRun], films: Sequence[Filmstrip], command: str) -> str:
    """The whole document, which links to ``index.html`` beside it."""
    parts = ["# CLAP evaluation", "The same with bars and film strips: [index.html](index.html)."]
    if len(runs) > 1:
        parts.append(_comparison(runs))
    for run in runs:
        parts += [f"## {run.label}", markdown(run.summary)]
    parts += ["## The paper's table 3, for context", _paper()]
    parts += ["## Why episodes fail", _classes(runs), "## Accuracy of the decisions", _accuracy(runs)]
    if films:
        parts += ["## Film strips of failures", _filmstrips(films)]
    return "\n\n".join([*parts, f"Made by `{command}`."]) + "\n"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _comparison(runs: Sequence[ReportedRun]) -> str:
    rows = []
    for run in runs:
        cells = [run.rate(**where) for where in ({"trained": True}, {"trained": False}, {})]
        ours, theirs = runs[0].rate(trained=False), cells[1]
        lead = "–"
        if run is not runs[0] and ours and theirs:
            apart, low, high = (100 * value for value in difference(ours, theirs))
            lead = f"{apart:+.0f} ({low:+.0f} to {high:+.0f})"
        rows.append([run.label, *(counted_text(cell) if cell else "–" for cell in cells), lead])
    head = ["policy", "trained tasks", "never trained", "all tasks", f"lead of {runs[0].label}, points, never trained"]
    return _table(head, rows)


def _paper() -> str:
    figures = paper_table3()
    conditions = figures["conditions"]
    rows = [
        [task, *(f"{ours} / {theirs}" for ours, theirs in zip(column, figures["RVT2"][task], strict=True))]
        for task, column in figures["CLAP"].items()
    ]
    return f"CLAP / RVT-2; {figures['source']}.\n\n" + _table(["task", *conditions], rows)


def _classes(runs: Sequence[ReportedRun]) -> str:
    counts = [run.classes() for run in runs]
    rows = [
        [name, *(str(count[name]) for count in counts), text]
        for name, text in CLASSES.items()
        if any(c[name] for c in counts)
    ]
    return _table(["class", *(run.label for run in runs), "definition"], rows) if rows else "No episode failed."


def _accuracy(runs: Sequence[ReportedRun]) -> str:
    rows = []
    for run in runs:
        for condition, figures in run.summary["accuracy"].items():
            shares = [percent(figures.get(field), 1) for field in SHARES]
            errors = [
                f"{values[0]:.1f} ({values[1]:.1f})" if values else "–"
                for values in (figures["position_mm"], figures["rotation_deg"])
            ]
            rows.append([run.label, condition, str(figures["keypoints"]), *shares, *errors])
    near = f"within {CLOSE_PX:g} px"
    head = ["policy", "condition", "decisions", f"keypoints {near}, each step's first decision", "every decision"]
    head += [f"objects {near}", "plans right"]
    return _table([*head, "action mm, median (90 %)", "action °, median (90 %)"], rows)


def _filmstrips(films: Sequence[Filmstrip]) -> str:
    ordered = sorted(films, key=lambda film: tuple(CLASSES).index(film[1]["fault"]["name"]))
    return "\n".join(
        f"- {record['fault']['name']}: [{run.label}, {record['task']}, {record['condition']}, seed {record['seed']}]"
        f"({address}): {record['fault']['why']}"
        for run, record, address in ordered
    )
