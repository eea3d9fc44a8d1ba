"""Options of a run of ``training.predictor.train``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

INPUTS: dict[str, dict[str, Any]] = {
    "rgb": {"use_depth": False, "use_position": False},
    "rgb+depth": {"use_position": False},
    "rgb+depth+position": {},
}
"""The rows of the paper's table 12."""


@dataclass(frozen=True)
class Settings:
    """Options of a run. ``minutes`` is wall time over all resumes; ``samples``, if given, is the budget instead.

    ``validation`` is a folder whose zooms are all held out; ``inputs`` one of ``INPUTS``; ``encoder`` one of
    ``clap.policies.predictor.network.ENCODERS``.
    """

    data: Path
    out: Path
    minutes: float = 30.0
    samples: int | None = None
    validation: Path | None = None
    inputs: str = "rgb+depth+position"
    encoder: str = "clap"
    threads: int = 1
    seed: int = 0
    resume: bool = False
    batch: int = 16
    learning_rate: float = 2e-3
    warmup_steps: int = 60
    decay_share: float = 0.3
    sigma: float = 1.75
    checkpoint_seconds: float = 120.0
    evaluate_seconds: float = 240.0
    evaluate_samples: int = 256


@dataclass
class Progress:
    """How far the run is: optimiser steps, samples seen, wall seconds and this process's CPU seconds spent."""

    step: int = 0
    samples: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
