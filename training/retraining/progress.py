"""What a retraining does, as lines of JSON that a reader can follow while it runs.

Every line has "time" (seconds since 1970) and "phase": "demonstrations", "rehearsal", "planner", "predictor",
"checkpoint", "evaluation", "done", "cancelled" or "failed". The two trainings add "step", "share" of their budget,
"minutes_left" and their losses, now and then "new" and "old": shares of held-out decisions that are right, on the
demonstrations and on what is rehearsed.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

ENDED = ("done", "cancelled", "failed")


class Progress:
    """Appends lines. Several processes may write one file: a line is one write."""

    def __init__(self, path: Path):
        self._path = path

    def tell(self, phase: str, **figures: Any) -> None:
        """Append a line, and print it."""
        line = json.dumps({"time": round(time.time(), 2), "phase": phase, **figures})
        end = b"" if _ends_whole(self._path) else b"\n"
        handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(handle, end + line.encode() + b"\n")
        finally:
            os.close(handle)
        print(line, flush=True)


def _ends_whole(path: Path) -> bool:
    """False if a kill has cut the last line."""
    try:
        with path.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read(1) == b"\n"
    except OSError:  # no file, or nothing in it
        return True


def read_progress(path: Path) -> list[dict[str, Any]]:
    """The lines so far; what is cut or no object is left out."""
    out = []
    for line in path.read_bytes().split(b"\n") if path.exists() else ():
        try:
            found = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(found, dict) and isinstance(found.get("phase"), str):
            out.append(found)
    return out
