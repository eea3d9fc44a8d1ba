"""Bars of failures by class: where each piece lies, for the report's SVG."""

from __future__ import annotations

from dataclasses import dataclass

from training.evaluation.rates import pooled
from training.evaluation.reported_run import ReportedRun

COLORS = {
    "refused request": "language-1",
    "wrong plan": "language-2",
    "wrong step": "language-3",
    "wrong object": "seeing-1",
    "views disagree": "seeing-2",
    "keypoint off": "seeing-3",
    "action off": "acting-1",
    "motion": "acting-2",
    "grasp": "acting-3",
    "finished too early": "ending-1",
    "goal not held": "acting-4",
    "never finished": "ending-2",
    "no answer": "ending-3",
}
"""Colour variable of every class in report.css: blue language, purple seeing, amber acting, grey ending."""

WIDTH, LABEL, BAR, PITCH, TOTAL = 1000, 330, 20, 30, 100
"""SVG units: whole width, room for the labels, height of a bar, distance of two, room for a bar's total."""


@dataclass(frozen=True)
class Piece:
    """The failures of one class."""

    name: str
    count: int
    x: float
    width: float


@dataclass(frozen=True)
class Bar:
    """The failures among ``episodes`` that ``label`` names; the pieces reach from the labels to ``end``."""

    label: str
    y: int
    pieces: list[Piece]
    end: float
    failures: int
    episodes: int


@dataclass(frozen=True)
class Chart:
    """Bars below each other, all to the same scale."""

    bars: list[Bar]
    height: int
    width: int = WIDTH
    bar_height: int = BAR
    label_end: int = LABEL - 12


def failure_chart(run: ReportedRun, field: str) -> Chart:
    """A bar for each "task" or each "condition" of a run."""
    if field == "task":
        labels = {task["task"]: task["title"] for task in run.tasks}
    else:
        labels = {condition: condition for condition in run.conditions}
    counted = [
        (label, run.classes(**{field: value}), pooled(run.cells_where(**{field: value}))["episodes"])
        for value, label in labels.items()
    ]
    most = max(classes.total() / episodes for _, classes, episodes in counted)
    scale = (WIDTH - LABEL - TOTAL) / max(most, 0.05)
    bars = []
    for k, (label, classes, episodes) in enumerate(counted):
        pieces, x = [], float(LABEL)
        for name, count in classes.items():
            width = scale * count / episodes
            pieces.append(Piece(name, count, x, max(width - 1, 1)))
            x += width
        bars.append(Bar(label, k * PITCH, pieces, x, classes.total(), episodes))
    return Chart(bars, PITCH * len(bars))
