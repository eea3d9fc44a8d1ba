"""From episode records to success rates: a summary as JSON values, and its Markdown table."""

from __future__ import annotations

import datetime
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from clap.worlds.base import TaskInfo
from training.evaluation.accuracy import accuracy
from training.evaluation.episode_job import RUN_FIELDS
from training.evaluation.rates import rate


def summary(records: list[dict[str, Any]], tasks: Mapping[str, TaskInfo], command: str) -> dict[str, Any]:
    """Rates by task and condition, averages over trained and untrained tasks, and what the numbers stand for.

    ``failures`` counts an episode's named failure, ``classes`` its class in ``training.evaluation.taxonomy``;
    ``blocks`` is the success rate of each block of seeds; ``accuracy`` is that of the single decisions by condition,
    ``decision_seconds`` the time that each stage of them took.
    ``corrected`` counts the episodes in which self-correction did something, ``corrected_successes`` those of them that
    succeeded, ``findings`` its decisions by what was found and what was done.
    """
    cells = []
    for task, condition in dict.fromkeys((record["task"], record["condition"]) for record in records):
        cell = [r for r in records if (r["task"], r["condition"]) == (task, condition)]
        info = tasks[task]
        about = {"task": task, "title": info.title, "trained": info.trained, "condition": condition}
        failed = [r for r in cell if not r["success"]]
        counts = {"failures": dict(Counter(map(_failure, failed))), "classes": dict(Counter(map(_class, failed)))}
        cells.append({**about, **rate(cell), **counts, **corrected(cell)})
    averages = []
    for trained in (True, False):
        for condition in dict.fromkeys(cell["condition"] for cell in cells):
            chosen = [r for r in records if tasks[r["task"]].trained is trained and r["condition"] == condition]
            if chosen:
                averages.append({"trained": trained, "condition": condition, **rate(chosen)})
    seeds = sorted({record["seed"] for record in records})
    conditions = dict.fromkeys(cell["condition"] for cell in cells)
    return {
        "date": datetime.date.today().isoformat(),
        "command": command,
        **{field: records[0][field] for field in RUN_FIELDS},
        "seeds": [seeds[0], seeds[-1]],
        "seed_blocks": _blocks(seeds),
        "seconds_per_episode": round(sum(record["seconds"] for record in records) / len(records), 2),
        "decision_seconds": decision_seconds(records),
        "cells": cells,
        "averages": averages,
        "overall": {**rate(records), **corrected(records)},
        "findings": dict(Counter(_decision(one) for r in records for one in r["corrections"]).most_common()),
        "blocks": [rate([r for r in records if first <= r["seed"] <= last]) for first, last in _blocks(seeds)],
        "accuracy": {
            condition: accuracy(r for r in records if r["condition"] == condition) for condition in conditions
        },
    }


def decision_seconds(records: Iterable[dict[str, Any]]) -> dict[str, list[float]]:
    """Median and 90 % quantile of the time that each stage of a decision took: "views", "planner", "predictor"."""
    taken = defaultdict(list)
    for record in records:
        for step in record.get("log", ()):
            for stage, seconds in step["seconds"].items():
                taken[stage].append(seconds)
    return {stage: [round(float(q), 4) for q in np.quantile(values, (0.5, 0.9))] for stage, values in taken.items()}


def _blocks(seeds: list[int]) -> list[list[int]]:
    """First and last seed of each unbroken row of seeds, sorted."""
    firsts = [seed for k, seed in enumerate(seeds) if k == 0 or seeds[k - 1] != seed - 1]
    lasts = [seed for k, seed in enumerate(seeds) if k + 1 == len(seeds) or seeds[k + 1] != seed + 1]
    return [[first, last] for first, last in zip(firsts, lasts, strict=True)]


def corrected(records: Iterable[dict[str, Any]]) -> dict[str, int]:
    """In how many episodes self-correction did something, and how many of these succeeded."""
    chosen = [record for record in records if record["corrections"]]
    return {"corrected": len(chosen), "corrected_successes": sum(record["success"] for record in chosen)}


def _decision(correction: Mapping[str, Any]) -> str:
    return f"{correction['finding']}: {correction['remedy']}"


def _class(record: dict[str, Any]) -> str:
    return str(record["fault"]["name"])


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
    lines += [
        "",
        f"Policy {result['policy']}{model}, {result['date']}, {seeds_text(result)}, successes / episodes with "
        f"Wilson 95 % intervals: `{result['command']}`",
        "",
        correction_text(result),
    ]
    return "\n".join(lines)


def correction_text(result: Mapping[str, Any]) -> str:
    """ "Self-correction on: it acted in 5 of 40 episodes, 3 of which succeeded (nothing grasped: retry 4, ...)." """
    if result["correction"] == "off":
        return "Self-correction off."
    overall = result["overall"]
    kinds = ", ".join(f"{name} {count}" for name, count in result["findings"].items())
    return (
        f"Self-correction on: it acted in {overall['corrected']} of {overall['episodes']} episodes, "
        f"{overall['corrected_successes']} of which succeeded{f' ({kinds})' if kinds else ''}."
    )


def seeds_text(result: Mapping[str, Any]) -> str:
    """ "seeds 10000 to 10019, 11000 to 11019"; a summary of an older form knows one block only."""
    blocks = result.get("seed_blocks", [result["seeds"]])
    return "seeds " + ", ".join(f"{first} to {last}" for first, last in blocks)


def _row(title: str, trained: str, cells: Iterable[dict[str, Any]], conditions: list[str]) -> str:
    by_condition = {cell["condition"]: cell for cell in cells}
    values = [counted_text(by_condition[condition]) if condition in by_condition else "" for condition in conditions]
    return f"| {title} | {trained} | " + " | ".join(values) + " |"


def counted_text(cell: Mapping[str, Any]) -> str:
    """Counts, rate and interval: "15/25 = 60 % (41 to 77)"."""
    low, high = cell["interval"]
    rate = 100 * cell["successes"] / cell["episodes"]
    return f"{cell['successes']}/{cell['episodes']} = {rate:.0f} % ({100 * low:.0f} to {100 * high:.0f})"
