"""Evaluations as the real command leaves them, for tests of those who read them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

from clap.worlds.tabletop.tasks import TASK_KEYS, task_infos
from training.evaluation.episode_job import KEY_FIELDS
from training.evaluation.results import strip_name, strips_folder
from training.evaluation.summary import summary

SEEDS = range(20_000, 20_004)
MILLISECONDS = {"views": 10, "planner": 200, "predictor": 20}


def record(policy: str, task: str, condition: str, seed: int, fault: str | None, **run: str) -> dict[str, Any]:
    """An episode's record; its decision took the times in MILLISECONDS."""
    about = {"policy": policy, "model": "abc123abc123", "cameras": "four", "correction": "on", **run}
    named = {**about, "task": task, "condition": condition, "seed": seed}
    return {
        **{field: named[field] for field in KEY_FIELDS},
        "instruction": "put <it> there & then",
        "success": fault is None,
        "failure": None,
        "fault": fault and {"name": fault, "step": 0, "why": "because of <this>"},
        "log": [{"seconds": {stage: ms / 1000 for stage, ms in MILLISECONDS.items()}}],
        "facts": [],
        "corrections": [],
        "seconds": 1.5,
    }


def write_evaluation(
    path: Path, policy: str = "clap", faults: Sequence[str | None] = (None, "grasp", "wrong plan"), **run: str
) -> None:
    """A summary, its records and film strips: four seeds, of which the last fails for the ``faults`` in turn."""
    cells = [(task, condition) for task in TASK_KEYS for condition in ("none", "distractors")]
    records = [
        record(policy, *cell, seed, faults[k % len(faults)] if seed == SEEDS[-1] else None, **run)
        for k, cell in enumerate(cells)
        for seed in SEEDS
    ]
    result = summary(records, {info.key: info for info in task_infos()}, f"python -m training.evaluate # {path.stem}")
    path.write_text(json.dumps(result), "utf-8")
    path.with_suffix(".jsonl").write_text("".join(json.dumps(one) + "\n" for one in records), "utf-8")
    strips_folder(path).mkdir(exist_ok=True)
    picture = BytesIO()
    Image.new("RGB", (480, 128), (90, 120, 90)).save(picture, "webp")
    for one in records:
        if one["fault"]:
            (strips_folder(path) / strip_name(one)).write_bytes(picture.getvalue())
