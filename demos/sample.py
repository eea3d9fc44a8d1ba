"""The sample set that ships: a few short takes to look at before anything is recorded."""

from __future__ import annotations

from pathlib import Path

SAMPLE = Path(__file__).parent / "sample_set"
"""A LeRobot v3 set like those that are recorded here; `python -m demos.make_sample` makes it."""
