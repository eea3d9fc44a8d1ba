"""The evaluation report as one HTML page: light and dark, no script, film strips in files beside it.

``templates/report.html`` is the page, with a file for each section; here is what these ask for beyond the runs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from clap.templates import fill_template
from training.evaluation.failure_bars import COLORS, failure_chart
from training.evaluation.failure_classes import CLASSES
from training.evaluation.rates import difference, percent, share
from training.evaluation.reported_run import Cell, ReportedRun
from training.evaluation.summary import correction_text, seeds_text
from training.evaluation.taxonomy import step_fault
from training.evaluation.thresholds import CLOSE_PX

Filmstrip = tuple[ReportedRun, dict[str, Any], str]
"""A run, the record of an episode that failed, and the address of its film strip."""


def html_report(runs: Sequence[ReportedRun], films: Sequence[Filmstrip], command: str) -> str:
    """The whole page. The first run is the one that the report is about; others stand beside it."""
    return fill_template(
        "training.evaluation",
        "report.html",
        runs=runs,
        films=films,
        command=command,
        headline=_headline(runs[0]),
        classes=CLASSES,
        shown_classes=[name for name in CLASSES if any(run.classes()[name] for run in runs)],
        colors=COLORS,
        close_px=CLOSE_PX,
        failures_by=failure_chart,
        interval=_interval,
        lead=_lead,
        step_text=_step_text,
        correction_text=correction_text,
        percent=percent,
        seeds_text=seeds_text,
        share=share,
    )


def _interval(cell: Cell) -> str:
    """Wilson's interval as "88–96"."""
    low, high = cell["interval"]
    return f"{100 * low:.0f}–{100 * high:.0f}"


def _headline(run: ReportedRun) -> list[tuple[str, str, str]]:
    """The figures at the top of the page: of what, the figure, and what it was counted on."""
    cards = []
    for title, where in (
        ("all tasks", {}),
        ("trained tasks", {"trained": True}),
        ("never trained", {"trained": False}),
    ):
        cell = run.rate(**where)
        if cell is not None:
            cards.append((title, percent(share(cell), 1), f"{cell['episodes']} episodes, {_interval(cell)} %"))
    counted = [(row["keypoints"], row["keypoints_close"] or 0.0) for row in run.summary["accuracy"].values()]
    total = sum(count for count, _ in counted)
    if total:
        close = sum(count * part for count, part in counted) / total
        cards.append((f"keypoints within {CLOSE_PX:g} px", percent(close, 1), f"{total} decisions"))
    return cards


def _lead(first: ReportedRun, run: ReportedRun) -> tuple[str, str]:
    """By how many points the first run is ahead in the tasks never trained, and the interval."""
    ours, theirs = first.rate(trained=False), run.rate(trained=False)
    if run is first or ours is None or theirs is None:
        return "–", ""
    apart, low, high = (100 * value for value in difference(ours, theirs))
    return f"{apart:+.0f} points", f"{low:+.0f} to {high:+.0f}, never trained"


def _step_text(facts: Mapping[str, Any], at_fault: bool) -> str:
    """A step of a film strip: what it was, how far off, and what was wrong if it is the one at fault."""
    measured = [
        f"{facts[field]:g} {unit}"
        for field, unit in (("keypoint_px", "px"), ("position_mm", "mm"), ("rotation_deg", "°"))
        if facts[field] is not None
    ]
    found = step_fault(facts) if at_fault else None
    notes = [*measured, facts["motion"], *([found[1]] if found else [])]
    # A policy that knows the sentence alone names no steps: the wanted one tells more.
    step = facts["step"] if facts["step_right"] is not None else facts["wanted"] or facts["step"]
    return f"{step}: {', '.join(notes)}"
