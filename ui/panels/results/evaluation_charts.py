"""The Evaluation panel's charts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from training.evaluation.failure_classes import CLASSES
from training.evaluation.reported_run import Cell, ReportedRun, paper_table3
from ui.panels.results.parts import COLORS, PATTERNS, Json, chart, label, percent, table

ROW_PX, FRAME_PX = 40, 40
NAMES_PX, COLUMN_PX = 290, 170
DARK = "#10161f"
FAMILIES = (
    ("#56b4e9", ("refused request", "wrong plan", "wrong step")),
    ("#cc79a7", ("wrong object", "views disagree", "keypoint off")),
    ("#e69f00", ("action off", "motion", "grasp", "goal not held")),
    ("#8a94a3", ("finished too early", "never finished", "no answer")),
)
"""A colour for language, seeing, acting and ending; a pattern tells the causes of one colour apart."""

STAGES = {"views": "three views", "planner": "planner", "predictor": "predictor"}


def condition_name(condition: str) -> str:
    """A condition's name in words."""
    return "as trained" if condition == "none" else condition


def _task_name(task: Cell) -> str:
    return label(task["title"]) + ("" if task["trained"] else " ·&nbsp;new")


def averages_chart(
    rows: Sequence[tuple[str, str, Mapping[str, Cell | None]]],
    paper: Mapping[str, Mapping[str, float | None]],
    groups: Sequence[str],
    numbers: Json,
) -> Json:
    """Bars with 95 % intervals for our runs, hatched bars without for the paper's policies. ``numbers``: the table."""
    data: list[Json] = []
    for k, (name, where, cells) in enumerate(rows):
        shown = [(group, cell) for group in groups if (cell := cells[group]) is not None]
        shares = [100 * cell["successes"] / cell["episodes"] for _, cell in shown]
        high = [100 * cell["interval"][1] - share for (_, cell), share in zip(shown, shares, strict=True)]
        low = [share - 100 * cell["interval"][0] for (_, cell), share in zip(shown, shares, strict=True)]
        error = {"type": "data", "symmetric": False, "array": high, "arrayminus": low, "thickness": 1.5}
        bar = {"type": "bar", "name": f"{label(name)} ({where})", "x": [group for group, _ in shown], "y": shares}
        text = {"textposition": "inside", "insidetextanchor": "start", "insidetextfont": {"color": DARK}}
        data.append({**bar, "error_y": error, "marker": {"color": COLORS[k % 3]}, **_numbers(shares), **text})
    for k, (name, by_group) in enumerate(paper.items()):
        known = [(group, 100 * share) for group in groups if (share := by_group[group]) is not None]
        values = [value for _, value in known]
        bar = {"type": "bar", "name": f"{name} (real robot)", "x": [group for group, _ in known], "y": values}
        marker = {"color": "#8f9bad", "pattern": _pattern("/" if k == 0 else "x")}
        data.append({**bar, "marker": marker, **_numbers(values), "textposition": "outside"})
    layout = {
        "barmode": "group",
        "yaxis": {"title": {"text": "success, %"}, "range": [0, 105]},
        "xaxis": {"showgrid": False},
    }
    return chart("", data, layout, 330, numbers)


def _pattern(shape: str) -> Json:
    return {"shape": shape, "fillmode": "overlay", "fgcolor": DARK, "fgopacity": 0.55, "solidity": 0.25, "size": 7}


def _numbers(values: Sequence[float]) -> Json:
    return {
        "text": [f"{value:.0f}" for value in values],
        "textangle": 0,
        "hovertemplate": "%{x}: %{y:.1f} %<extra>%{fullData.name}</extra>",
    }


def success_chart(run: ReportedRun) -> Json:
    """A heat map of tasks by conditions, in each cell the rate and its 95 % interval."""
    conditions, tasks = run.conditions, run.tasks
    cells = {(cell["task"], cell["condition"]): cell for cell in run.cells}
    grid = [[cells.get((task["task"], condition)) for condition in conditions] for task in tasks]
    data = {
        "type": "heatmap",
        "x": [label(condition_name(condition)) for condition in conditions],
        "y": [_task_name(task) for task in tasks],
        "z": [[None if cell is None else 100 * cell["successes"] / cell["episodes"] for cell in row] for row in grid],
        "customdata": [["" if cell is None else _hover(run, cell) for cell in row] for row in grid],
        "hovertemplate": "%{y}, %{x}<br>%{customdata}<extra></extra>",
        "colorscale": "Cividis",
        "zmin": 0,
        "zmax": 100,
        "xgap": 2,
        "ygap": 2,
        "showscale": False,
    }
    axes = {"yaxis": {"autorange": "reversed", "ticks": ""}, "xaxis": {"side": "top", "ticks": ""}}
    layout = {**axes, "annotations": _rate_texts(grid)}
    rows = [
        [task["title"], "yes" if task["trained"] else "no", *(_counted(cell) for cell in row)]
        for task, row in zip(tasks, grid, strict=True)
    ]
    numbers = table(["task", "trained on", *map(condition_name, conditions)], rows)
    height, width = ROW_PX * len(tasks) + FRAME_PX, NAMES_PX + COLUMN_PX * len(conditions)
    return chart(run.label, [data], layout, height, numbers, width)


def _rate_texts(grid: Sequence[Sequence[Cell | None]]) -> list[Json]:
    """Each cell's text: Plotly's own choice of its colour is hard to read on the scale's middle."""
    return [
        {
            "x": k,
            "y": row,
            "text": _rate_text(cell, "<br>"),
            "showarrow": False,
            "font": {"color": DARK if 2 * cell["successes"] >= cell["episodes"] else "#ffffff"},
        }
        for row, cells in enumerate(grid)
        for k, cell in enumerate(cells)
        if cell is not None
    ]


def _rate_text(cell: Cell, between: str) -> str:
    low, high = cell["interval"]
    return f"{percent(cell['successes'] / cell['episodes'])}{between}{100 * low:.0f} to {100 * high:.0f}"


def _counted(cell: Cell | None) -> str:
    return "–" if cell is None else f"{_rate_text(cell, ', ')} ({cell['successes']} of {cell['episodes']})"


def _hover(run: ReportedRun, cell: Cell) -> str:
    paper = run.paper(cell["task"], cell["condition"]) if cell["condition"] in paper_table3()["conditions"] else None
    return _counted(cell) + ("" if paper is None else f"<br>the paper, real robot: {paper} %")


def failures_chart(run: ReportedRun) -> Json:
    """Stacked bars of failed episodes by cause, a row a task."""
    tasks = run.tasks
    names = [_task_name(task) for task in tasks]
    counts = {task["task"]: run.classes(task=task["task"]) for task in tasks}
    styles = {name: (color, PATTERNS[k]) for color, family in FAMILIES for k, name in enumerate(family)}
    present = [name for name in CLASSES if any(found[name] for found in counts.values())]
    data = [
        {
            "type": "bar",
            "orientation": "h",
            "name": name,
            "y": names,
            "x": [counts[task["task"]][name] for task in tasks],
            "marker": {
                "color": styles[name][0],
                "pattern": _pattern(styles[name][1]),
                "line": {"width": 1, "color": DARK},
            },
            "hovertemplate": f"%{{y}}<br>{name}: %{{x}}<br>{label(CLASSES[name])}<extra></extra>",
        }
        for name in present
    ]
    layout = {
        "barmode": "stack",
        "yaxis": {"autorange": "reversed"},
        "xaxis": {"title": {"text": "failed episodes"}, "rangemode": "tozero"},
        "legend": {"traceorder": "normal"},
    }
    rows = [[task["title"], *(counts[task["task"]][name] for name in present)] for task in tasks]
    total = ["all", *(sum(found[name] for found in counts.values()) for name in present)]
    height = (ROW_PX - 10) * len(tasks) + FRAME_PX + 80
    return chart(run.label, data, layout, height, table(["task", *present], [*rows, total]))


def times_chart(runs: Sequence[ReportedRun]) -> Json:
    """Bars to the median time of each stage of a decision, with a line to the 90 % quantile."""
    stages = [stage for stage in STAGES if any(stage in run.summary["decision_seconds"] for run in runs)]
    data: list[Json] = []
    rows = []
    for k, run in enumerate(runs):
        times = run.summary["decision_seconds"]
        known = [(STAGES[stage], [1000 * q for q in times[stage]]) for stage in stages if stage in times]
        bar = {
            "type": "bar",
            "orientation": "h",
            "name": label(run.label),
            "marker": {"color": COLORS[k % len(COLORS)]},
        }
        error = {
            "type": "data",
            "symmetric": False,
            "array": [q[1] - q[0] for _, q in known],
            "arrayminus": [0] * len(known),
        }
        axes = {"y": [stage for stage, _ in known], "x": [q[0] for _, q in known]}
        data.append(
            {**bar, **axes, "error_x": error, "hovertemplate": "%{y}: %{x:.0f} ms<extra>%{fullData.name}</extra>"}
        )
        rows += [[f"{run.label}: {stage}", f"{q[0]:.0f}", f"{q[1]:.0f}"] for stage, q in known]
    layout = {
        "barmode": "group",
        "yaxis": {"autorange": "reversed"},
        "xaxis": {"title": {"text": "milliseconds"}, "rangemode": "tozero"},
    }
    height = 22 * len(stages) * len(runs) + 40 * len(stages) + 60
    return chart("", data, layout, height, table(["stage", "median, ms", "slowest tenth from, ms"], rows))
