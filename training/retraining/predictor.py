"""The fine predictor's part of a retraining: zooms of the demonstrations and of what is rehearsed, in one batch."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from clap.policies.checkpoint import open_checkpoint
from clap.policies.predictor.network import FineActionNetwork
from clap.policies.predictor.predictor import FineActionPredictor
from training.finetuning.lora import LoraSizes, merged
from training.predictor.augmentation import augment
from training.predictor.evaluation import evaluate
from training.predictor.losses import batch_losses
from training.predictor.optimizers import optimizers
from training.predictor.samples import HELD_OUT_SHARE, Samples, ZoomData
from training.retraining.adapters import adamw, adapted_predictor
from training.retraining.settings import RetrainSettings

SIGMA = 1.75
ZOOMS_PER_SCENE = 8
"""A check looks at so many zooms where the planner's looks at a scene: they take a tenth of the time."""


class PredictorLearner:
    """Raises CheckpointError, and TrainingDataError if there are no zooms."""

    name = "predictor"

    def __init__(self, settings: RetrainSettings, recorded: Path):
        self.settings = settings
        predictor = FineActionPredictor.load(open_checkpoint(settings.checkpoint).predictor)
        self.network, self.tokenizer = predictor.network, predictor.tokenizer
        self.recorded, self.rehearsed = ZoomData(recorded, HELD_OUT_SHARE), ZoomData(settings.data, HELD_OUT_SHARE)
        self._adapted: nn.Module | None = None
        if settings.method == "lora":
            self._adapted = adapted_predictor(self.network, LoraSizes(settings.rank, settings.alpha))
            self.optimizers = adamw(self._adapted, settings.rate[self.name])
        else:
            self.optimizers = optimizers(self.network, settings.rate[self.name])
        self.trained: nn.Module = self.network

    def step(self, rng: np.random.Generator) -> dict[str, float]:
        """See ``loop.Learner``."""
        own = self.recorded.read(rng.integers(self.recorded.count(), size=self.settings.recorded_zooms))
        rest = self.rehearsed.read(rng.integers(self.rehearsed.count(), size=self.settings.rehearsed_zooms))
        samples = augment(together(own, rest), rng)
        parts = batch_losses(self.network, samples, self.tokenizer, SIGMA, self.settings.bf16)
        total = sum(parts.values(), torch.zeros(()))
        total.backward()
        return {"loss": float(total.detach()), **{name: float(value.detach()) for name, value in parts.items()}}

    def check(self) -> dict[str, float]:
        """Shares of positions within a centimetre."""
        limit = ZOOMS_PER_SCENE * self.settings.check_scenes
        kinds = {"new": self.recorded, "old": self.rehearsed}
        return {name: evaluate(self.network, data, self.tokenizer, limit)["within_1cm"] for name, data in kinds.items()}

    def export(self, folder: Path) -> None:
        """See ``loop.Learner``."""
        network = self.network if self._adapted is None else merged(self._adapted)
        assert isinstance(network, FineActionNetwork)
        FineActionPredictor(network, self.tokenizer).save(folder)


def together(first: Samples, second: Samples) -> Samples:
    """Both as one batch. Windows are compared in their own edges, so they may differ in size."""
    arrays = {
        name: np.concatenate([getattr(first, name), getattr(second, name)])
        for name in ("rgb", "depth", "position", "height")
    }
    return replace(first, **arrays, targets=[*first.targets, *second.targets])
