"""Committing a take of 30 frames of four cameras, what recording costs control, and LeRobot's own writer beside ours.

The store is measured in a process of its own, as the console's is. LeRobot runs where CLAP_LEROBOT_PYTHON names a
Python that has it: no release of it goes with our PyTorch. Its writer is given the same images, depth as 16-bit PNG,
which is the only form in which 0.4.4 keeps it, and the joints; ours writes poses, calibration, texts and a journal too.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from training.benchmarks.measure import Row, SectionUnavailable, Settings

COMMIT_LIMIT_MS = 400.0
DROPPED_LIMIT = 0.01
LATE_S = 0.04
"""Seconds between two control ticks, which are meant to be 0.02, from which on the later one is late."""

FRAMES = 30
LEROBOT = "LeRobot"
LEROBOT_TAKES = 3
WRITER = Path(__file__).with_name("demonstrations_lerobot.py")


def rows(settings: Settings) -> list[Row]:
    """Rows of CPU time; the wall time, which is what is limited, and the bytes are in the notes."""
    with tempfile.TemporaryDirectory() as folder:
        options = ["--takes", str(settings.repeats), "--frames", str(FRAMES), "--seed", str(settings.seed)]
        ours = _run([sys.executable, "-m", "demos.recording.measure", folder, *options])
        live = _run(
            [sys.executable, "-m", "demos.recording.measure_live", f"{folder}/live", "--seed", str(settings.seed)]
        )
        theirs = None
        if python := os.environ.get("CLAP_LEROBOT_PYTHON"):
            command = [python, str(WRITER), f"{folder}/frames.npz", f"{folder}/lerobot", str(LEROBOT_TAKES)]
            theirs = _run(command, HF_HUB_OFFLINE="1", HF_HOME=f"{folder}/cache")
    return [*rows_of(ours, theirs), live_row(live)]


def rows_of(ours: dict[str, Any], theirs: dict[str, Any] | None) -> list[Row]:
    """The table's rows from what both measured; ``theirs`` is None where LeRobot was not at hand."""
    wall = 1000 * statistics.median(ours["commit_s"])
    note = (
        f"wall time {wall:.0f} ms in the median, {1000 * max(ours['commit_s']):.0f} at most, of {COMMIT_LIMIT_MS:.0f}: "
        f"{'met' if wall <= COMMIT_LIMIT_MS else 'MISSED'}; {statistics.median(ours['bytes_per_frame']):,.0f} bytes a "
        f"frame; {sum(ours['dropped']):.0f} of {len(ours['add_ms'])} frames dropped at 20 Hz"
    )
    adds = sorted(ours["add_ms"])
    hand_over = (
        f"to hand a frame over keeps control for {statistics.median(adds):.2f} ms of wall time, {adds[-1]:.2f} at most"
    )
    commit, frame = {}, {}
    if theirs is not None:
        commit[LEROBOT] = statistics.median(theirs["commit_cpu_ms"])
        frame[LEROBOT] = statistics.median(theirs["add_cpu_ms"])
        note += (
            f"; {LEROBOT} {theirs['version']}: {1000 * statistics.median(theirs['commit_s']):.0f} ms of wall time, "
            f"{statistics.median(theirs['bytes_per_frame']):,.0f} bytes"
        )
    return [
        Row(f"commit of {FRAMES} frames, 4 cameras", statistics.median(ours["commit_cpu_ms"]), commit, None, note),
        Row("record one frame", statistics.median(ours["encode_cpu_ms"]), frame, None, hand_over),
    ]


def live_row(live: dict[str, Any]) -> Row:
    """What recording takes of a control tick at 20 Hz beside the simulation, and what it does to the ticks' punctuality
    and to the frames."""
    takes = live["takes"]
    frames, dropped = (sum(take[key] for take in takes) for key in ("frames", "dropped"))
    share = dropped / max(1, frames + dropped)
    late, late_without = (
        sum(gap > LATE_S for gap in live[key]) / max(1, len(live[key])) for key in ("gaps", "gaps_without")
    )
    note = (
        f"{dropped} of {frames + dropped} frames dropped at {statistics.mean(take['rate'] for take in takes):.1f} Hz, "
        f"{share:.1%} of {DROPPED_LIMIT:.0%}: {'met' if share < DROPPED_LIMIT else 'MISSED'}; ticks more than a period "
        f"late: {late:.1%} of {len(live['gaps'])}, without recording {late_without:.1%}; a tick held up for "
        f"{max(take['worst_tick_ms'] for take in takes):.1f} ms at most"
    )
    return Row("20 Hz beside the simulation, per tick", statistics.mean(take["tick_ms"] for take in takes), note=note)


def _run(command: list[str], **environment: str) -> dict[str, Any]:
    """The JSON that a program prints last. Raises SectionUnavailable if it fails."""
    ran = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment}, check=False)
    if ran.returncode != 0:
        last = (ran.stderr.strip().splitlines() or ["no message"])[-1]
        raise SectionUnavailable(f"{' '.join(command[:3])} ended with {ran.returncode}: {last}")
    return json.loads(ran.stdout.strip().splitlines()[-1])
