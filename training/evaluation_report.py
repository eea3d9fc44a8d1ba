"""From episode records to success rates: a summary as JSON values, and its Markdown table."""

from __future__ import annotations

import datetime
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from clap.worlds.world import TaskInfo

CONFIDENCE_Z = 1.959964
"""Normal quantile of a two-sided 95 % interval."""


def wilson(successes: int, episodes: int) -> tuple[float, float]:
    """Wilson's 95 % score interval of a success rate: usable at 0 %, at 100 %, and for few episodes."""
    if not 0 <= successes <= episodes or episodes == 0:
        raise ValueError(f"wilson needs 0 <= successes <= episodes, episodes > 0, got {successes} of {episodes}")
    z2 = CONFIDENCE_Z**2
    rate = successes / episodes
    center = (rate + z2 / (2 * episodes)) / (1 + z2 / episodes)
    spread = math.sqrt(rate * (1 - rate) / episodes + z2 / (4 * episodes**2)) * CONFIDENCE_Z / (1 + z2 / episodes)
    return max(0.0, center - spread), min(1.0, center + spread)


def summary(records: list[dict[str, Any]], tasks: Mapping[str, TaskInfo], command: str) -> dict[str, Any]:
    """Rates by task and condition, averages over trained and untrained tasks, and what the numbers stand for."""
    cells = []
    for task, condition in dict.fromkeys((record["task"], record["condition"]) for record in records):
        cell = [r for r in records if (r["task"], r["condition"]) == (task, condition)]
        info = tasks[task]
        about = {"task": task, "title": info.title, "trained": info.trained, "condition": condition}
        cells.append({**about, **_rate(cell), "failures": dict(Counter(_failure(r) for r in cell if not r["success"]))})
    averages = []
    for trained in (True, False):
        for condition in dict.fromkeys(cell["condition"] for cell in cells):
            chosen = [r for r in records if tasks[r["task"]].trained is trained and r["condition"] == condition]
            if chosen:
                averages.append({"trained": trained, "condition": condition, **_rate(chosen)})
    seeds = [record["seed"] for record in records]
    return {
        "date": datetime.date.today().isoformat(),
        "command": command,
        "policy": records[0]["policy"],
        "model": records[0]["model"],
        "seeds": [min(seeds), max(seeds)],
        "seconds_per_episode": round(sum(record["seconds"] for record in records) / len(records), 2),
        "cells": cells,
        "averages": averages,
    }


def _rate(records: list[dict[str, Any]]) -> dict[str, Any]:
    successes = sum(record["success"] for record in records)
    low, high = wilson(successes, len(records))
    return {"successes": successes, "episodes": len(records), "interval": [round(low, 4), round(high, 4)]}


def _failure(record: dict[str, Any]) -> str:
    return record["failure"]["name"] if record["failure"] else "finished without reaching the goal"


def markdown(result: dict[str, Any]) -> str:
    """The summary as a Markdown table of tasks by conditions, with its date, seeds and command."""
    conditions = list(dict.fromkeys(cell["condition"] for cell in result["cells"]))
    lines = [
        "| task | trained | " + " | ".join(conditions) + " |",
        "|---" * (2 + len(conditions)) + "|",
    ]
    for title, trained in dict.fromkeys((cell["title"], cell["trained"]) for cell in result["cells"]):
        row = [cell for cell in result["cells"] if cell["title"] == title]
        lines.append(_row(title, "yes" if trained else "no", row, conditions))
    for trained in dict.fromkeys(average["trained"] for average in result["averages"]):
        row = [average for average in result["averages"] if average["trained"] is trained]
        title = f"**average of the {'trained' if trained else 'untrained'} tasks**"
        lines.append(_row(title, "", row, conditions))
    model = f" {result['model']}" if result["model"] else ""
    first, last = result["seeds"]
    lines += [
        "",
        f"Policy {result['policy']}{model}, {result['date']}, seeds {first} to {last}, successes / episodes with "
        f"Wilson 95 % intervals: `{result['command']}`",
    ]
    return "\n".join(lines)


def _row(title: str, trained: str, cells: Iterable[dict[str, Any]], conditions: list[str]) -> str:
    by_condition = {cell["condition"]: cell for cell in cells}
    values = [_cell(by_condition[condition]) if condition in by_condition else "" for condition in conditions]
    return f"| {title} | {trained} | " + " | ".join(values) + " |"


def _cell(cell: dict[str, Any]) -> str:
    low, high = cell["interval"]
    rate = 100 * cell["successes"] / cell["episodes"]
    return f"{cell['successes']}/{cell['episodes']} = {rate:.0f} % ({100 * low:.0f} to {100 * high:.0f})"
