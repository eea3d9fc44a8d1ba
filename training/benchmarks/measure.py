"""Rows of the benchmark's tables, and how a CPU time is taken."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """What every section is given: timed repetitions, the seed of the scene, a checkpoint (None: the shipped one)."""

    repeats: int = 15
    seed: int = 0
    checkpoint: str | None = None


@dataclass(frozen=True)
class Row:
    """One measured thing: median CPU ms of ours, and of the naive implementation if there is one."""

    what: str
    cpu_ms: float
    naive_cpu_ms: float | None = None
    limit_ms: float | None = None
    naive: str = ""


class SectionUnavailable(Exception):
    """A section cannot run here; its text says why, and the other sections go on."""


def median_cpu_ms(function: Callable[[], object], repeats: int) -> float:
    """Median CPU time of a call in ms, over all threads of the process, after one call to warm up.

    CPU time, not wall time: it is nearly the same on a busy machine.
    """
    function()
    times = []
    for _ in range(repeats):
        start = time.process_time()
        function()
        times.append(time.process_time() - start)
    return 1000 * statistics.median(times)


def total(what: str, rows: list[Row], limit_ms: float | None = None, naive: str = "") -> Row:
    """The sum of rows, ``naive`` saying what was naive; a row without a naive time counts the same on both sides."""
    naive_ms = sum(row.cpu_ms if row.naive_cpu_ms is None else row.naive_cpu_ms for row in rows)
    return Row(what, sum(row.cpu_ms for row in rows), naive_ms, limit_ms, naive)


def table(rows: list[Row]) -> str:
    """The rows as text, aligned."""
    lines = [f"  {'':34} {'CPU ms':>9} {'naive':>9} {'times':>7}  limit"]
    for row in rows:
        naive = times = limit = ""
        if row.naive_cpu_ms is not None:
            naive, times = f"{row.naive_cpu_ms:.1f}", f"{row.naive_cpu_ms / max(row.cpu_ms, 1e-6):.1f}x"
        if row.limit_ms is not None:
            limit = f"{row.limit_ms:.0f} ms: {'met' if row.cpu_ms <= row.limit_ms else 'MISSED'}"
        lines.append(f"  {row.what:34} {row.cpu_ms:9.1f} {naive:>9} {times:>7}  {limit}".rstrip())
    lines.extend(f"  naive {row.what}: {row.naive}" for row in rows if row.naive)
    return "\n".join(lines)
