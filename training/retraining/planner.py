"""The planner's part of a retraining: rounds one and two of the demonstrations, and rehearsal of all rounds.

Two losses of the training from scratch are missing: the dense vision objective, whose head no checkpoint holds, and
where the things of a demonstration are, beyond what it shows itself (see training.data.recordings.places).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import nn

from clap.policies.checkpoint import open_checkpoint
from clap.policies.planner.local import CoarseTaskPlanner
from clap.policies.planner.model import PlannerModel
from training.data.language_plans import LanguagePlan, LanguagePlanSampler
from training.finetuning.lora import LoraSizes, merged
from training.planner.batches import BatchMaker
from training.planner.evaluation import evaluate_scenes
from training.planner.first_steps import FirstSteps
from training.planner.losses import PlannerLosses, batched_vision_attention
from training.planner.scenes import Scene, SceneStore, augment
from training.planner.train import optimizers
from training.retraining.adapters import adamw, adapted_planner
from training.retraining.recorded_plans import RecordedPlans
from training.retraining.settings import RetrainSettings

POSITIONS_SHARE = 0.4
SHOWN: tuple[str, ...] = ("text", "coordinates", "attention", "plan")
"""The losses that are told."""


class PlannerLearner:
    """Raises CheckpointError for a checkpoint that cannot be read."""

    name = "planner"

    def __init__(self, settings: RetrainSettings, recorded: Path):
        self.settings = settings
        self.planner = CoarseTaskPlanner.load(open_checkpoint(settings.checkpoint).planner)
        self.recorded, self.rehearsed = SceneStore(recorded), SceneStore(settings.data)
        self.recorded_plans = RecordedPlans(self.recorded, self.planner)
        self.rehearsed_plans = LanguagePlanSampler()
        self.batches = BatchMaker(self.planner, FirstSteps(self.rehearsed))
        self._adapted: nn.Module | None = None
        if settings.method == "lora":
            self._adapted = adapted_planner(self.planner.model, LoraSizes(settings.rank, settings.alpha))
            self.optimizers = adamw(self._adapted, settings.rate[self.name])
        else:
            self.optimizers = optimizers(self.planner.model, nn.Identity(), settings.rate[self.name])
        self.trained: nn.Module = self.planner.model
        self.losses = PlannerLosses(self.planner.model, self.batches)

    def step(self, rng: np.random.Generator) -> dict[str, float]:
        """See ``loop.Learner``."""
        batch = self.batches.scenes(self._scenes(rng), rng)
        with batched_vision_attention(self.batches.side**2), self._autocast():
            loss, figures = self.losses.scenes(batch)
        loss.backward()
        with self._autocast():
            plan, plan_figures = self.losses.plans(self.batches.plans(self._plans(rng)))
        plan.backward()
        figures |= plan_figures
        shown = {name: figures[name] for name in SHOWN if name in figures}
        return {"loss": float(loss.detach() + plan.detach())} | shown

    def _autocast(self) -> torch.autocast:
        return torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.settings.bf16)

    def _scenes(self, rng: np.random.Generator) -> list[Scene]:
        keys = [self.recorded.trajectories[int(rng.integers(len(self.recorded.trajectories)))]
                for _ in range(self.settings.recorded_scenes)]  # fmt: skip
        rehearsed = [self.rehearsed.draw(rng, POSITIONS_SHARE) for _ in range(self.settings.rehearsed_scenes)]
        return [augment(self.recorded.scene(key), rng) for key in keys] + rehearsed

    def _plans(self, rng: np.random.Generator) -> list[LanguagePlan]:
        own = [self.recorded_plans.sample(rng) for _ in range(self.settings.recorded_plans)]
        return own + [self.rehearsed_plans.sample(rng) for _ in range(self.settings.rehearsed_plans)]

    def check(self) -> dict[str, float]:
        """Shares of keypoints within 8 px in all three views, by generate()."""
        self.planner.model.eval()
        out = {}
        for name, store in (("new", self.recorded), ("old", self.rehearsed)):
            # Spread over all shards: neighbours in a shard come from one demonstration.
            places = np.unique(np.linspace(0, len(store.held_out) - 1, self.settings.check_scenes).astype(int))
            figures = evaluate_scenes(self.planner, [store.scene(store.held_out[k]) for k in places])
            share = figures["keypoints_within_8px"]
            if isinstance(share, float):
                out[name] = share
        return out

    def export(self, folder: Path) -> None:
        """See ``loop.Learner``."""
        self.losses.close()
        model = self.planner.model if self._adapted is None else merged(self._adapted)
        assert isinstance(model, PlannerModel)
        CoarseTaskPlanner(model.eval(), self.planner.tokenizer, self.planner.settings).save(folder)
