"""What a retraining does, as lines of JSON that a reader can follow while it runs.

Every line has "time" (seconds since 1970) and "phase": "demonstrations", "rehearsal", "planner", "predictor",
"checkpoint", "evaluation", "done", "cancelled" or "failed". The two trainings add "step", "share" of their budget,
"minutes_left" and their losses, now and then "new" and "old": shares of held-out decisions that are right, on the
demonstrations and on what is rehearsed.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from training.trainer.json_log import JsonLog, read_json_log

ENDED = ("done", "cancelled", "failed")


class RetrainingProgress:
    """Appends lines."""

    def __init__(self, path: Path):
        self._log = JsonLog(path)

    def publish(self, phase: str, **figures: Any) -> None:
        """Append a line, and print it."""
        self._log.append({"time": round(time.time(), 2), "phase": phase, **figures})


def read_progress(path: Path) -> list[dict[str, Any]]:
    """The lines so far; what is cut or says no phase is left out."""
    return [line for line in read_json_log(path) if isinstance(line.get("phase"), str)]
