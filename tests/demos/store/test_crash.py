"""Killed at any instant, a set is as before or as after, every committed episode opens, and no person is needed.

CLAP_KILLS=100 makes the long form: a hundred random kills, and every single step of every change.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest

from demos.store.episode_record import EpisodeRecord
from demos.store.store import DemonstrationStore
from tests.support.demonstration_crashes import OPERATIONS

KILLS = int(os.environ.get("CLAP_KILLS", "12"))
LONG = KILLS >= 100
SCRIPT = Path(__file__).parents[2] / "support" / "demonstration_crashes.py"
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(SCRIPT.parents[2]), "OMP_NUM_THREADS": "1"}
LOST_AT_MOST = 1.0
"""Seconds of the take in progress."""


def test_killed_at_its_steps_a_change_is_whole_or_not_at_all(tmp_path):
    command = [sys.executable, SCRIPT, "points", tmp_path, "1" if LONG else "7"]
    ran = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True)
    print(ran.stdout)
    assert ran.returncode == 0, ran.stderr[-3000:]
    counts = [json.loads(line) for line in ran.stdout.splitlines()]
    assert [one["operation"] for one in counts] == list(OPERATIONS)
    for which in ("as before", "as after"):
        assert sum(one[which] for one in counts) >= len(counts)


def test_killed_at_random_instants_no_committed_episode_is_lost(tmp_path):
    rng = np.random.default_rng(0)
    totals = dict.fromkeys(("kills", "committed", "opened", "resumed", "completed", "undone", "torn take"), 0)
    log, worst = tmp_path / "log", 0.0
    found: dict[str, EpisodeRecord] = {}
    with _workers(tmp_path, log) as workers:
        for kill in range(KILLS):
            log.write_text("")
            killed_at = _killed(workers, log, kill, int(rng.integers(1, 60)), rng.uniform(0, 0.3))
            events = [json.loads(line) for line in log.read_text().splitlines() if line.endswith("}")]
            with DemonstrationStore.open(tmp_path / "set", deep_check=True) as store:
                names = [finding.name for finding in store.report.findings]
                assert set(names) <= {"completed", "undone", "torn take", "empty take", "part", "marker"}, store.report
                committed = _committed(events, found)
                found = {entry.id: entry for entry in store.episodes()}
                assert committed.keys() <= found.keys(), f"lost: {committed.keys() - found.keys()}"
                for entry in found.values():
                    assert committed.get(entry.id, entry.length) == entry.length
                    store.read(entry.id).frame(entry.length - 1)
                (waiting,) = store.unfinished() or (None,)
                worst = max(worst, _lost(events, waiting, found, killed_at))
            totals["kills"] += 1
            totals["committed"] += sum("committed" in event for event in events)
            totals["opened"] += len(found)
            totals["resumed"] += waiting is not None
            for name in names:
                totals[name] = totals.get(name, 0) + 1
    print({**totals, "seconds lost at most": round(worst, 3)})
    assert worst <= LOST_AT_MOST
    assert totals["kills"] == KILLS and totals["committed"] > 0 and totals["resumed"] > 0


@contextmanager
def _workers(folder: Path, log: Path) -> Iterator[subprocess.Popen]:
    """The program that forks the workers: to import everything once takes longer than a worker lives."""
    command = [sys.executable, SCRIPT, "work", folder, log]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, env=ENVIRONMENT, text=True, bufsize=1, **pipes) as workers:
        try:
            yield workers
        finally:
            workers.stdin.close()


def _killed(workers: subprocess.Popen, log: Path, seed: int, lines: int, after: float) -> float:
    """Have a worker work, and kill it ``after`` so many seconds from its log's ``lines``-th line on; when that was."""
    workers.stdin.write(f"{seed}\n")
    process = int(workers.stdout.readline() or pytest.fail(workers.stderr.read()[-2000:]))
    deadline = time.monotonic() + 120
    try:
        while log.read_text().count("\n") < lines:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        time.sleep(after)
    finally:
        when = time.time()
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    assert workers.stdout.readline() == "killed\n"
    return when


def _committed(events: list[dict], before: dict[str, EpisodeRecord]) -> dict[str, int]:
    """Length by id of the episodes that must be there: committed now or before, and not being removed since."""
    there = {entry.id: entry.length for entry in before.values()}
    for event in events:
        if "committed" in event:
            there[event["committed"]] = event["length"]
        there.pop(event.get("removing"), None)
    return there


def _lost(events: list[dict], waiting, found: dict, killed_at: float) -> float:
    """Seconds between the first frame that was handed over and is not there, and the kill."""
    begun = [event for event in events if "begun" in event]
    if not begun or any(event.get("removing") == begun[-1]["begun"] for event in events):
        return 0.0
    take, earlier = begun[-1]["begun"], begun[-1]["frames"]
    times = [event["time"] for event in events if event.get("frame") == take]
    kept = found[take].length if take in found else waiting.frames if waiting and waiting.id == take else 0
    missing = times[max(0, kept - earlier) :]
    return killed_at - missing[0] if missing else 0.0
