"""What decides a retraining; kept in its folder, so that it goes on as it began."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from clap.errors import ClapError
from training.trainer.config import config_of, read_config

METHODS = ("full", "lora")
LEAST_MINUTES, MOST_MINUTES = 0.01, 24 * 60.0


class RetrainingError(ClapError):
    """A retraining cannot be done as it is asked for."""

    name = "retraining not possible"
    default_next_move = "Correct what it names, then start again."


class CancelledError(Exception):
    """The retraining was asked to end."""


@dataclass(frozen=True)
class RetrainSettings:
    """Everything that decides a retraining.

    ``recordings``: the folder of the demonstration set, of which ``episodes`` are learned from; ``checkpoint``: the
    folder it begins with; ``method`` "full" or "lora" (peft, merged at the end); ``minutes`` of CPU time for the
    planner and as many for the predictor, side by side; ``data``: shards to rehearse, so that what was learned stays.
    ``rehearsal_shards`` are generated there if it holds fewer. ``tasks``: what is evaluated as new, "task" or
    "task:variation"; everything else the checkpoint knew is evaluated as old. Shares are of a batch.
    """

    recordings: str
    episodes: tuple[str, ...]
    checkpoint: str
    method: str = "full"
    minutes: float = 15.0
    data: str = "data/rehearsal"
    rehearsal_shards: int = 24
    rehearsal_demos: int = 10
    rehearsal_copies: int = 2
    copies: int = 4
    moments: int = 3
    recorded_scenes: int = 3
    rehearsed_scenes: int = 5
    recorded_plans: int = 4
    rehearsed_plans: int = 16
    recorded_zooms: int = 6
    rehearsed_zooms: int = 10
    planner_rate: float = 4e-4
    predictor_rate: float = 4e-4
    lora_rate: float = 2e-3
    rank: int = 8
    alpha: int = 32
    checks: int = 2
    check_scenes: int = 8
    checkpoint_seconds: float = 30.0
    tasks: tuple[str, ...] = ()
    episodes_new: int = 20
    episodes_old: int = 10
    first_seed: int = 30_000
    workers: int = 2
    bf16: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise RetrainingError(f"There is no method {self.method!r}; there are: {', '.join(METHODS)}.")
        if not LEAST_MINUTES <= self.minutes <= MOST_MINUTES:
            raise RetrainingError(f"minutes must be from {LEAST_MINUTES:g} to {MOST_MINUTES:g}, not {self.minutes:g}.")
        if not self.episodes:
            raise RetrainingError("No episode was chosen.", "Choose the demonstrations to learn from.")

    @property
    def rate(self) -> dict[str, float]:
        """The learning rate of each part."""
        lora = self.method == "lora"
        return {name: self.lora_rate if lora else getattr(self, f"{name}_rate") for name in ("planner", "predictor")}

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    def save(self, path: Path) -> None:
        """Write them as JSON."""
        part = path.with_name(path.name + ".part")
        part.write_text(json.dumps(self.to_json(), indent=1) + "\n", "utf-8")
        part.replace(path)

    @staticmethod
    def load(path: Path) -> RetrainSettings:
        """Read them. Raises RetrainingError for a file that holds something else."""
        return read_config(RetrainSettings, path, error=RetrainingError)

    @staticmethod
    def made_of(values: Any, where: str) -> RetrainSettings:
        """From JSON values. Raises RetrainingError, naming ``where`` they are from, if they are no settings."""
        return config_of(RetrainSettings, values, where, RetrainingError)
