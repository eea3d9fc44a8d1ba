"""A retraining's folder: what lies where, and who works in it.

settings.json     what was asked for
progress.jsonl    what happens, a line each (see progress)
run.log           what the programs print
lock              held by every process of the run, for as long as it lives
recorded/         the demonstrations as shards
planner/, predictor/   state of each training, from which it goes on
checkpoint/       the new checkpoint, once both trainings are over
evaluation/       episodes of the old and the new checkpoint, on the same seeds
comparison.json, README.md   both side by side
"""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from typing import IO

from training.retraining.settings import RetrainingError

LOOKING_S = 1.0


class RunFolder:
    """Names the places in a run's folder."""

    def __init__(self, path: Path):
        self.path = path
        self.settings, self.progress, self.log, self.lock = (
            path / name for name in ("settings.json", "progress.jsonl", "run.log", "lock")
        )
        self.recorded, self.checkpoint, self.evaluation = (
            path / name for name in ("recorded", "checkpoint", "evaluation")
        )
        self.comparison, self.report = path / "comparison.json", path / "README.md"

    @property
    def name(self) -> str:
        """The folder's own name, by which the run is known."""
        return self.path.name

    def part(self, name: str) -> Path:
        """The folder of a training's state."""
        return self.path / name

    @property
    def is_running(self) -> bool:
        """True while a process of the run lives."""
        return _is_held(self.lock)

    def hold(self) -> IO[str]:
        """Take the run for this process and those that it starts. Raises RetrainingError while another has it."""
        self.path.mkdir(parents=True, exist_ok=True)
        file = self.lock.open("a+")
        until = time.monotonic() + LOOKING_S
        while not _try_lock(file):  # who looks whether it is held holds it for a moment
            if time.monotonic() > until:
                file.close()
                raise RetrainingError(f"The retraining {self.name} is under way already.", "Wait, or cancel it.")
            time.sleep(0.05)
        file.seek(0)
        file.truncate()
        file.write(f"{os.getpid() if os.getpid() == os.getpgid(0) else 0}\n")
        file.flush()
        # What is started later holds it as well: what a killed run leaves behind is seen, and can be ended.
        os.set_inheritable(file.fileno(), True)
        return file

    def group(self) -> int | None:
        """The process group of a run that is under way, if it has one to itself."""
        if not self.is_running:
            return None
        try:
            number = int(self.lock.read_text("utf-8"))
        except (OSError, ValueError):
            return None
        return number or None


def _is_held(lock: Path) -> bool:
    try:
        file = lock.open("a+")
    except OSError:
        return False
    with file:
        return not _try_lock(file)


def _try_lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
