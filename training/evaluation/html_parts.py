"""Pieces of the HTML report: tables of rates, and bars of failures as inline SVG."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

from training.evaluation.failure_classes import CLASSES
from training.evaluation.reported_run import Cell, ReportedRun

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


def percent(value: float | None, digits: int = 0) -> str:
    """A share as "93 %"; a dash for None."""
    return "–" if value is None else f"{100 * value:.{digits}f} %"


def share(cell: Cell) -> float:
    """The success rate of a cell."""
    return float(cell["successes"]) / float(cell["episodes"])


def interval(cell: Cell) -> str:
    """Wilson's interval as "88–96"."""
    low, high = cell["interval"]
    return f"{100 * low:.0f}–{100 * high:.0f}"


def difference(a: Cell, b: Cell) -> tuple[float, float, float]:
    """The rate of ``a`` minus that of ``b`` with Newcombe's 95 % interval (his method 10, from Wilson's): shares."""
    (low_a, high_a), (low_b, high_b) = a["interval"], b["interval"]
    rate_a, rate_b = share(a), share(b)
    apart = rate_a - rate_b
    return (
        apart,
        apart - math.hypot(rate_a - low_a, high_b - rate_b),
        apart + math.hypot(high_a - rate_a, rate_b - low_b),
    )


def table(head: Sequence[str], rows: Sequence[str]) -> str:
    """A table from header texts and ready rows."""
    cells = "".join(f"<th>{escape(text)}</th>" for text in head)
    return f'<div class="card"><table><thead><tr>{cells}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'


def row(cells: Sequence[str], kind: str = "") -> str:
    """A table row of ready cells."""
    return f'<tr class="{kind}">' + "".join(cells) + "</tr>"


def text_cell(text: str, small: str = "") -> str:
    """A cell of plain text with a second, smaller line."""
    return f"<td>{escape(text)}" + (f"<small>{escape(small)}</small>" if small else "") + "</td>"


def rate_cell(cell: Cell | None, paper: float | None = None) -> str:
    """A coloured cell: the rate, the counts with the interval, and the paper's figure where there is one."""
    if cell is None:
        return "<td>–</td>"
    small = f"{cell['successes']}/{cell['episodes']}, {interval(cell)}"
    if paper is not None:
        small += f"<br>paper {paper:.0f} %"
    rate = share(cell)
    return f'<td class="heat" style="--rate:{rate:.2f}">{percent(rate)}<small>{small}</small></td>'


def rates_table(run: ReportedRun) -> str:
    """Tasks by conditions, with the averages of the trained, the never trained and all tasks."""
    rows = []
    for trained, title in ((True, "Trained tasks"), (False, "Never trained tasks")):
        tasks = [task for task in run.tasks if task["trained"] is trained]
        if not tasks:
            continue
        rows.append(row([f'<td colspan="{len(run.conditions) + 2}">{title}</td>'], "part"))
        rows += [_task_row(run, task) for task in tasks]
        rows.append(_average_row(run, "average", [task["task"] for task in tasks], trained=trained))
    rows.append(_average_row(run, "average of all tasks", [task["task"] for task in run.tasks]))
    return table(["task", *run.conditions, "all conditions"], rows)


def _task_row(run: ReportedRun, task: Cell) -> str:
    key = task["task"]
    cells = [rate_cell(run.rate(task=key, condition=c), run.paper(key, c)) for c in run.conditions]
    return row([text_cell(task["title"]), *cells, rate_cell(run.rate(task=key), _paper(run, [key], run.conditions))])


def _average_row(run: ReportedRun, title: str, tasks: list[str], **where: bool) -> str:
    cells = [rate_cell(run.rate(condition=c, **where), _paper(run, tasks, [c])) for c in run.conditions]
    return row([text_cell(title), *cells, rate_cell(run.rate(**where), _paper(run, tasks, run.conditions))], "sum")


def _paper(run: ReportedRun, tasks: list[str], conditions: list[str]) -> float | None:
    figures = [run.paper(task, condition) for task in tasks for condition in conditions]
    known = [figure for figure in figures if figure is not None]
    return sum(known) / len(known) if known and len(known) == len(figures) else None


WIDTH, LABEL, BAR, PITCH = 1000, 330, 20, 30
"""Of the failure bars, SVG units: whole width, room for the labels, height of a bar, distance of two."""


def failure_bars(bars: Sequence[tuple[str, Mapping[str, int], int]]) -> str:
    """Stacked bars: label, failures by class, and the episodes that the shares are of; all to the same scale."""
    shares = [sum(counts.values()) / episodes for _, counts, episodes in bars]
    scale = (WIDTH - LABEL - 100) / max([*shares, 0.05])
    parts = []
    for k, (label, counts, episodes) in enumerate(bars):
        y, x = k * PITCH, float(LABEL)
        parts.append(f'<text x="{LABEL - 12}" y="{y + 15}" text-anchor="end">{escape(label)}</text>')
        for name, count in counts.items():
            width = scale * count / episodes
            parts.append(
                f'<rect x="{x:.1f}" y="{y}" width="{max(width - 1, 1):.1f}" height="{BAR}" rx="2" '
                f'fill="var(--{COLORS[name]})"><title>{escape(name)}: {count} of {episodes}</title></rect>'
            )
            x += width
        total = sum(counts.values())
        parts.append(f'<text class="dim" x="{x + 7:.1f}" y="{y + 15}">{percent(total / episodes)} ({total})</text>')
    title = "Share of episodes that failed, by class"
    height = PITCH * len(bars)
    return f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{title}">{"".join(parts)}</svg>'


def legend(names: Sequence[str]) -> str:
    """The classes with their colours and definitions."""
    swatch = '<i style="background:var(--{})"></i>'
    items = (
        f'<li>{swatch.format(COLORS[name])}<b>{name}</b> <span class="dim">{CLASSES[name]}</span></li>'
        for name in names
    )
    return f'<ul class="legend">{"".join(items)}</ul>'
