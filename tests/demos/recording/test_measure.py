"""The benchmark of the demonstrations measures real takes, and says plainly whether the limit is met."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from training.benchmarks.demonstrations import FRAMES, LEROBOT, live_row, rows_of

ROOT = Path(__file__).parents[3]


def test_a_take_of_the_tabletop_is_measured(tmp_path):
    command = [sys.executable, "-m", "demos.recording.measure", tmp_path / "new", "--takes", "1", "--frames", "6"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if "RenderingError" in ran.stderr:
        pytest.skip("nothing can be rendered here")
    assert ran.returncode == 0, ran.stderr[-2000:]
    measured = json.loads(ran.stdout)
    assert len(measured["add_ms"]) == 6 and len(measured["commit_s"]) == 1
    # Four cameras of 256 x 256 RGB-D: more than a thumbnail, less than what they are without compression.
    assert 40_000 < measured["bytes_per_frame"][0] < 4 * 256 * 256 * 5


def measured(commit_s):
    return {
        "add_ms": [0.1] * FRAMES,
        "encode_cpu_ms": [11.0],
        "commit_s": [commit_s],
        "commit_cpu_ms": [120.0],
        "bytes_per_frame": [107_000.0],
        "dropped": [0],
    }


@pytest.mark.parametrize("commit_s, verdict", [(0.39, "met"), (0.41, "MISSED")])
def test_the_limit_is_one_of_wall_time(commit_s, verdict):
    commit, frame = rows_of(measured(commit_s), None)
    assert f"of 400: {verdict}" in commit.note and "107,000 bytes a frame; 0 of 30 frames dropped" in commit.note
    assert (commit.cpu_ms, frame.cpu_ms, commit.baselines) == (120.0, 11.0, {})


def test_lerobot_stands_beside_it_where_it_ran():
    theirs = {
        "add_cpu_ms": [40.0],
        "commit_s": [3.5],
        "commit_cpu_ms": [2700.0],
        "bytes_per_frame": [99_000.0],
        "version": "0.4.4",
    }
    commit, frame = rows_of(measured(0.1), theirs)
    assert (commit.baselines, frame.baselines) == ({LEROBOT: 2700.0}, {LEROBOT: 40.0})
    assert "LeRobot 0.4.4: 3500 ms" in commit.note


def test_recording_beside_the_simulation_is_measured(tmp_path):
    ran = subprocess.run(
        [sys.executable, "-m", "demos.recording.measure_live", tmp_path / "new", "--runs", "1"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if "RenderingError" in ran.stderr:
        pytest.skip("nothing can be rendered here")
    assert ran.returncode == 0, ran.stderr[-2000:]
    measured = json.loads(ran.stdout)
    (take,) = measured["takes"]
    assert take["frames"] + take["dropped"] == pytest.approx(0.4 * len(measured["gaps"]), rel=0.2)
    assert len(measured["gaps"]) == pytest.approx(len(measured["gaps_without"]), rel=0.2)
    assert 0 < take["tick_ms"] <= take["worst_tick_ms"]


@pytest.mark.parametrize("dropped, verdict", [(0, "0.0% of 1%: met"), (2, "1.0% of 1%: MISSED")])
def test_its_limit_is_one_of_dropped_frames(dropped, verdict):
    take = {"frames": 200 - dropped, "dropped": dropped, "rate": 20.0, "tick_ms": 0.5, "worst_tick_ms": 3.0}
    row = live_row({"gaps": [0.02] * 9 + [0.05], "gaps_without": [0.02] * 10, "takes": [take]})
    assert verdict in row.note
    assert "10.0% of 10, without recording 0.0%" in row.note
    assert row.cpu_ms == 0.5
