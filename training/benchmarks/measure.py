"""Rows of the benchmark's tables, and how a CPU time is taken."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Settings:
    """What every section is given: timed repetitions, the seed of the scene, a checkpoint (None: the shipped one)."""

    repeats: int = 15
    seed: int = 0
    checkpoint: str | None = None


@dataclass(frozen=True)
class Row:
    """One measured thing: median CPU ms of ours, and of each rival by its name; ``note`` says what cannot be seen."""

    what: str
    cpu_ms: float
    baselines: Mapping[str, float] = field(default_factory=dict)
    limit_ms: float | None = None
    note: str = ""


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


def total(what: str, rows: list[Row], limit_ms: float | None = None, note: str = "") -> Row:
    """The sum of rows; where a row lacks a rival that another has, ours counts for it."""
    names = dict.fromkeys(name for row in rows for name in row.baselines)
    baselines = {name: sum(row.baselines.get(name, row.cpu_ms) for row in rows) for name in names}
    return Row(what, sum(row.cpu_ms for row in rows), baselines, limit_ms, note)


def table(rows: list[Row]) -> str:
    """The rows as text, aligned: ours, then each rival with how many times our CPU time it takes."""
    names = list(dict.fromkeys(name for row in rows for name in row.baselines))
    lines = [f"  {'':38} {'CPU ms':>8}" + "".join(f" {name:>16}" for name in names) + "  limit"]
    for row in rows:
        cells = ""
        for name in names:
            other = row.baselines.get(name)
            times = "" if other is None else f"{_ms(other)} {other / max(row.cpu_ms, 1e-6):6.2f}x"
            cells += f" {times:>16}"
        limit = ""
        if row.limit_ms is not None:
            limit = f"{row.limit_ms:.0f} ms: {'met' if row.cpu_ms <= row.limit_ms else 'MISSED'}"
        lines.append(f"  {row.what:38} {_ms(row.cpu_ms):>8}{cells}  {limit}".rstrip())
    lines.extend(f"  {row.what}: {row.note}" for row in rows if row.note)
    return "\n".join(lines)


def _ms(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:.1f}"
