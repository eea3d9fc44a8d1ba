"""The charts of a retraining: losses, what is right on held-out data, and success before and after."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from ui.panels.results.parts import COLORS, DASHES, Json, chart, label, percent, table

MOST_POINTS = 200
PARTS = {"planner": "Planner", "predictor": "Fine action predictor"}
SETS = {"new": "on the demonstrations", "old": "on what was known before"}
FIGURE_PX = 250


def number(value: Any) -> float | None:
    """A finite number, or None for what is none."""
    plain = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if plain else None


def points(lines: Sequence[Mapping[str, Any]], phase: str, name: str) -> tuple[list[float], list[float]]:
    """Share of the budget in % and the figure under ``name``, thinned."""
    found = [
        (100 * share, value)
        for line in lines
        if line["phase"] == phase
        and (share := number(line.get("share"))) is not None
        and (value := number(line.get(name))) is not None
    ]
    step = max(1, len(found) // MOST_POINTS)
    kept = found[::step] + ([found[-1]] if found and (len(found) - 1) % step else [])
    return [round(x, 1) for x, _ in kept], [y for _, y in kept]


def loss_chart(lines: Sequence[Mapping[str, Any]]) -> Json | None:
    """The loss of each part over its budget."""
    data, rows = [], []
    for k, (phase, title) in enumerate(PARTS.items()):
        x, y = points(lines, phase, "loss")
        if x:
            line = {"color": COLORS[k], "dash": DASHES[k]}
            data.append({"type": "scatter", "mode": "lines", "name": title, "x": x, "y": y, "line": line})
            rows.append([title, y[0], y[-1]])
    if not data:
        return None
    layout = {
        "xaxis": {"title": {"text": "of its time, %"}, "range": [0, 100]},
        "yaxis": {"title": {"text": "loss, log scale"}, "type": "log"},
    }
    return chart("Loss", data, layout, FIGURE_PX, table(["part", "first", "latest"], rows))


def success_chart(lines: Sequence[Mapping[str, Any]]) -> Json | None:
    """Held-out decisions of each part that are right, on the demonstrations and on what was known before."""
    data, rows = [], []
    for k, (phase, title) in enumerate(PARTS.items()):
        for style, (name, where) in enumerate(SETS.items()):
            x, y = points(lines, phase, name)
            if x:
                data.append({
                    "type": "scatter", "mode": "lines+markers", "name": label(f"{title}, {where}"), "x": x,
                    "y": [100 * value for value in y], "line": {"color": COLORS[k], "dash": DASHES[style]},
                })  # fmt: skip
                rows.append([f"{title}, {where}", percent(y[0]), percent(y[-1])])
    if not data:
        return None
    layout = {
        "xaxis": {"title": {"text": "of its time, %"}, "range": [0, 102]},
        "yaxis": {"title": {"text": "right, %"}, "range": [0, 105]},
    }
    return chart("Held-out decisions that are right", data, layout, FIGURE_PX, table(["", "first", "latest"], rows))


def comparison_chart(rows: Sequence[Json]) -> Json:
    """Bars of success before and after, with Wilson's intervals."""
    names = [label(row["title"]) + ("" if row["kind"] == "old" else " ·&nbsp;shown") for row in rows]
    data = []
    for k, (which, title) in enumerate({"old": "before", "new": "after"}.items()):
        shares = [100 * row[which]["successes"] / row[which]["episodes"] for row in rows]
        high = [100 * row[which]["interval"][1] - share for row, share in zip(rows, shares, strict=True)]
        low = [share - 100 * row[which]["interval"][0] for row, share in zip(rows, shares, strict=True)]
        error = {"type": "data", "symmetric": False, "array": high, "arrayminus": low, "thickness": 1.5}
        data.append({
            "type": "bar", "orientation": "h", "name": title, "x": shares, "y": names, "error_x": error,
            "marker": {"color": COLORS[1 - k]}, "hovertemplate": "%{y}: %{x:.0f} %<extra>%{fullData.name}</extra>",
        })  # fmt: skip
    layout = {
        "barmode": "group",
        "xaxis": {"title": {"text": "success, %"}, "range": [0, 105]},
        "yaxis": {"autorange": "reversed"},
    }
    head = ["task", "before", "after", "difference"]
    cells = [[row["title"], counted(row["old"]), counted(row["new"]), apart(row["difference"])] for row in rows]
    return chart("", data, layout, 46 * len(rows) + 90, table(head, cells), 900)


def counted(cell: Json) -> str:
    """ "60 % (41 to 77), 15 of 25"."""
    low, high = cell["interval"]
    share = cell["successes"] / cell["episodes"]
    return f"{percent(share)} ({100 * low:.0f} to {100 * high:.0f}), {cell['successes']} of {cell['episodes']}"


def apart(difference: Sequence[float]) -> str:
    """ "+40 points (+12 to +61)", with the sign for minus."""
    share, low, high = (100 * value for value in difference)
    return f"{share:+.0f} points ({low:+.0f} to {high:+.0f})".replace("-", "\u2212")
