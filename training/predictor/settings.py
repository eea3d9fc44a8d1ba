"""What decides a training of the fine predictor, or of a network like it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from training.trainer.training_run import Budget

INPUTS: dict[str, dict[str, Any]] = {
    "rgb": {"use_depth": False, "use_position": False},
    "rgb+depth": {"use_position": False},
    "rgb+depth+position": {},
}
"""The rows of the paper's table 12."""


@dataclass(frozen=True)
class NetworkTrainingSettings:
    """Options of a run that trains a network on views with actions; ``sigma`` pixels of the heatmaps' targets."""

    data: Annotated[Path, "folder of shards"]
    out: Annotated[Path, "folder of this run"]
    minutes: Annotated[float, "wall time over all resumes"] = 30.0
    samples: Annotated[int | None, "samples to see over all resumes: the budget instead of --minutes"] = None
    validation: Annotated[Path | None, "folder of shards to evaluate on, instead of a tenth of --data"] = None
    threads: int = 1
    seed: int = 0
    resume: Annotated[bool, "go on from the run's checkpoint if there is one"] = False
    batch: int = 16
    learning_rate: float = 2e-3
    warmup_steps: int = 60
    decay_share: float = 0.3
    sigma: float = 1.75
    checkpoint_seconds: Annotated[float, "wall time between two checkpoints"] = 120.0
    evaluate_seconds: Annotated[float, "wall time between two evaluations"] = 240.0
    evaluate_samples: Annotated[int, "samples of each of them"] = 256

    @property
    def budget(self) -> Budget:
        """Samples if they are given, else wall time."""
        if self.samples is not None:
            return Budget(self.samples, "samples")
        return Budget(60 * self.minutes, "seconds")


@dataclass(frozen=True)
class PredictorSettings(NetworkTrainingSettings):
    """Options of a run of ``training.predictor.train``."""

    inputs: Annotated[Literal["rgb", "rgb+depth", "rgb+depth+position"], "the paper's table 12"] = "rgb+depth+position"
    encoder: Annotated[Literal["clap", "plain"], "plain: convolutions, as RVT-2"] = "clap"
