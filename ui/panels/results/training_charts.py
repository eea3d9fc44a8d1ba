"""The Training panel's charts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ui.panels.results.parts import COLORS, DASHES, MARKERS, Json, chart, label, table

NAMES = {
    "keypoints_within_8px": "keypoint within 8 pixels",
    "objects_within_8px": "objects within 8 pixels",
    "step_accuracy": "next step named",
    "plans_exact": "plan word for word",
    "plans_exact_held_out": "plan, unseen wording",
    "plans_train_exact": "plan, known wording",
    "plans_phrasing_exact": "plan, unseen phrasing",
    "plans_composition_exact": "plan, several tasks in one",
    "plans_impossible_refused": "impossible request refused",
}
SERIES = {
    **NAMES,
    "loss": "all together",
    "dense": "where things are (image)",
    "text": "text",
    "coordinates": "coordinates",
    "attention": "attention on objects",
    "plan": "plans",
    "text_accuracy": "word of the text (training)",
    "within_8px": "pixel within 8 (training)",
    "attention_hits": "attention on the object (training)",
    "plan_accuracy": "word of the plan (training)",
    "heatmap": "position",
    "rotation": "rotation",
    "gripper": "gripper",
    "collision": "collision",
    "within_1cm": "position within 1 cm",
    "keypoint_median_p90_px": "keypoint, median",
    "object_median_p90_px": "objects, median",
    "median_mm": "position, median",
    "p90_mm": "position, nine of ten below",
}
LINES_PX = 330


def curves_chart(
    curves: Mapping[str, Mapping[str, Sequence[float | None]]],
    against: str,
    axis: str,
    title: str,
    unit: str,
    during: Sequence[str],
    held_out: Sequence[str],
    log: bool = False,
    percent: bool = False,
) -> Json | None:
    """Lines for what the training logged, dots for held-out data; None if none of these series is there.

    ``against`` names the series for the x axis, ``axis`` is its title; ``percent`` turns shares into per cent.
    """
    data: list[Json] = []
    factor = 100 if percent else 1
    columns: list[tuple[str, Mapping[float, float]]] = []
    for kind, names in (("training", during), ("held_out", held_out)):
        for name in names:
            found = curves[kind].get(name, [])
            both = zip(curves[kind][against], found, strict=False)
            points = [(x, factor * y) for x, y in both if x is not None and y is not None and (y > 0 or not log)]
            if points:
                k = len(data)
                data.append(_trace(SERIES[name], points, k, dots=kind == "held_out", unit="%" if percent else ""))
                columns.append((SERIES[name], dict(points)))
    if not data:
        return None
    at = sorted({x for _, column in columns for x in column})
    numbers = table(
        [axis, *(name for name, _ in columns)], [[x, *(column.get(x) for _, column in columns)] for x in at]
    )
    yaxis: dict[str, Any] = {"title": {"text": unit}}
    yaxis |= {"type": "log", "dtick": 1, "exponentformat": "power"} if log else {"rangemode": "tozero"}
    yaxis |= {"range": [0, 103]} if percent else {}
    layout = {"xaxis": {"title": {"text": axis}, "rangemode": "tozero"}, "yaxis": yaxis, "hovermode": "closest"}
    return chart(title, data, layout, LINES_PX + 20 * (len(data) > 4), numbers)


def _trace(name: str, points: Sequence[tuple[float, float]], k: int, dots: bool, unit: str) -> Json:
    color = COLORS[k % len(COLORS)]
    trace = {
        "type": "scatter",
        "name": name,
        "x": [x for x, _ in points],
        "y": [y for _, y in points],
        "mode": "lines+markers" if dots else "lines",
        "line": {"color": color, "width": 1.2 if dots else 2, "dash": "solid" if dots else DASHES[k % len(DASHES)]},
        "hovertemplate": f"%{{y:.3~g}} {unit}<extra>%{{fullData.name}}, %{{x:,.0f}}</extra>",
    }
    return {**trace, "marker": {"color": color, "symbol": MARKERS[k % len(MARKERS)], "size": 9}} if dots else trace


def final_shares_chart(shares: Mapping[str, float]) -> Json:
    """The planner's shares at the end of the training as bars, in per cent."""
    bar = {
        "type": "bar",
        "orientation": "h",
        "x": [100 * share for share in shares.values()],
        "y": list(shares),
        "marker": {"color": COLORS[2]},
        "texttemplate": "%{x:.0f} %",
        "textposition": "inside",
        "insidetextfont": {"color": "#ffffff"},
        "hovertemplate": "%{y}: %{x:.1f} %<extra></extra>",
    }
    layout = {"xaxis": {"title": {"text": "share, %"}, "range": [0, 103]}, "yaxis": {"autorange": "reversed"}}
    numbers = table(["measured", "share, %"], [[name, 100 * share] for name, share in shares.items()])
    return chart("At the end: share that is right, held-out data", [bar], layout, 34 * len(shares) + 90, numbers)


def position_error_chart(kinds: Mapping[str, Mapping[str, float]]) -> Json:
    """Median and ninth decile of the position error in millimetres, for each kind of step."""
    names = list(kinds)
    median, p90 = ([kinds[name][key] for name in names] for key in ("median_mm", "p90_mm"))
    shown = [label(name) for name in names]
    bar = {"type": "bar", "orientation": "h", "x": median, "y": shown, "name": "median", "marker": {"color": COLORS[0]}}
    mark = {
        "type": "scatter",
        "mode": "markers",
        "x": p90,
        "y": shown,
        "name": "nine of ten below",
        "marker": {"symbol": "line-ns-open", "size": 16, "color": COLORS[1], "line": {"width": 3}},
    }
    layout = {
        "xaxis": {"title": {"text": "error, mm"}, "rangemode": "tozero"},
        "yaxis": {"autorange": "reversed"},
    }
    numbers = table(["kind of step", "median, mm", "nine of ten below, mm"], zip(names, median, p90, strict=True))
    height = 34 * len(names) + 110
    return chart("At the end: position error by kind of step, held-out data", [bar, mark], layout, height, numbers)
