"""How accurate the single decisions were: plans, steps, objects, keypoints and actions over all episodes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from training.evaluation.thresholds import CLOSE_PX


def accuracy(records: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Shares and quantiles over every decision for which the right answer is known, also those after a mistake.

    ``keypoints``: decisions counted. ``keypoints_close``, ``objects_close``: share within 8 px in all views;
    ``keypoints_first_close``: of each step's first decision alone, before any correction brings the step back.
    ``keypoint_px``, ``position_mm``, ``rotation_deg``: median and 90 % quantile, the last two after the fine stage.
    ``plans_right``, ``steps_right``: shares. None where nothing was measured.
    """
    episodes = [[step for step in record.get("facts", ()) if step["wanted"]] for record in records]
    facts = [step for steps in episodes for step in steps]
    first = [step for steps in episodes for step in _first_decisions(steps)]
    keypoints = _values(facts, "keypoint_px")
    objects = np.array([px for step in facts for px in step["objects_px"].values()], float)
    return {
        "keypoints": len(keypoints),
        "keypoints_close": _share(keypoints <= CLOSE_PX),
        "keypoints_first_close": _share(_values(first, "keypoint_px") <= CLOSE_PX),
        "keypoint_px": _quantiles(keypoints),
        "objects": len(objects),
        "objects_close": _share(objects <= CLOSE_PX),
        "position_mm": _quantiles(_values(facts, "position_mm")),
        "rotation_deg": _quantiles(_values(facts, "rotation_deg")),
        "plans_right": _share(_values(facts, "plan_right")),
        "steps_right": _share(_values(facts, "step_right")),
    }


def _first_decisions(facts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of an episode's decisions the first for each step of each sub-task."""
    first: dict[tuple[int, str], dict[str, Any]] = {}
    for step in facts:
        first.setdefault((step["subtask"], step["wanted"]), step)
    return list(first.values())


def _values(facts: list[dict[str, Any]], field: str) -> np.ndarray:
    return np.array([step[field] for step in facts if step[field] is not None], float)


def _share(right: np.ndarray) -> float | None:
    return round(float(right.mean()), 4) if len(right) else None


def _quantiles(values: np.ndarray) -> list[float] | None:
    return [round(float(np.quantile(values, q)), 2) for q in (0.5, 0.9)] if len(values) else None
