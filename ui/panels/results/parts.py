"""What the panels are made of: sections of tables, facts and charts, each chart with its numbers as a table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import Any

Json = dict[str, Any]

# Okabe and Ito's colours, which colour-blind people tell apart, light enough for the dark theme.
COLORS = ("#56b4e9", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#0072b2", "#f0e442")
MARKERS = ("circle", "square", "diamond", "triangle-up", "cross", "x", "star")
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
PATTERNS = ("", "/", "x", ".", "\\", "+", "-")

ROOT = Path(__file__).parents[3]


def section(title: str, note: str = "", **content: Any) -> Json:
    """A part of a panel: any of "charts", "table", "facts" (name, value), "films" and "commands", in this order."""
    return {"title": title, "note": note, **content}


def chart(title: str, data: Sequence[Json], layout: Json, height: int, table: Json, width: int | None = None) -> Json:
    """A Plotly figure with its ``height`` and largest ``width`` in pixels, and what it shows as a table."""
    figure = {"data": list(data), "layout": layout}
    return {"title": title, "figure": figure, "height": height, "width": width, "table": table}


def table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> Json:
    """A table of texts; of each row the first cell is its heading."""
    return {"head": list(head), "rows": [[_cell(value) for value in row] for row in rows]}


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def label(text: str) -> str:
    """Text for a Plotly figure, which would take tags in it for markup."""
    return escape(text, quote=False)


def shown(path: Path) -> str:
    """A path as a command takes it: from the project's folder where it lies there."""
    resolved = path.resolve()
    return str(resolved.relative_to(ROOT)) if resolved.is_relative_to(ROOT) else str(path)


def percent(share: float) -> str:
    """A share as "93 %"."""
    return f"{100 * share:.0f} %"
