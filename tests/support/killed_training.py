"""Kills a training at an instant that a test chooses, as an operating system does: without a word."""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections.abc import Callable
from pathlib import Path

PATIENCE_S = 300.0


def kill_at(train: Callable[[], object], appears: Path) -> None:
    """Run a training in a process of its own, and kill it (SIGKILL) as soon as the file or folder ``appears``."""
    process = multiprocessing.get_context("fork").Process(target=train, daemon=True)
    process.start()
    until = time.monotonic() + PATIENCE_S
    while not appears.exists() and process.is_alive() and time.monotonic() < until:
        time.sleep(0.002)
    process.kill()
    process.join()
    assert appears.parent.exists() and process.exitcode == -signal.SIGKILL, "it ended before it was killed"
