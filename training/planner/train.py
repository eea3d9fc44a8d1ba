"""Train the coarse task planner from scratch on one CPU thread.

    python -m training.planner.train --data data/mini --out runs/mini/planner --minutes 60

Stages (all measured, see planner_losses): a dense vision warm-up (some 2,400 scenes are enough), then text, soft
coordinates, attention supervision and language plans together. The learning rate warms up, stays flat and decays
over the last 30 % of each stage: judge a run only at its end. The budget is the process's own CPU time, summed over
resumes, so that a busy machine changes how long a run takes and not what it learns. ``--resume`` goes on from the
last checkpoint. The switches ``--no-object-data``, ``--no-plan-data``, ``--no-reason-objects`` and so on make the
rows of the paper's table 2.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from clap.errors import CheckpointError, ClapError
from clap.program_name import program_name
from clap.worlds.tabletop import phrasing
from training.data.language_plans import LanguagePlanSampler
from training.planner.batches import BatchMaker
from training.planner.config import PlannerTrainingConfig
from training.planner.evaluation import evaluate_detected_objects, evaluate_plans, evaluate_scenes
from training.planner.first_steps import FirstSteps
from training.planner.losses import DenseHead, PlannerLosses, batched_vision_attention
from training.planner.model_init import new_mini_planner
from training.planner.scenes import Scene, SceneStore
from training.trainer.checkpoint_file import (
    random_state,
    read_checkpoint,
    restore,
    restore_random_state,
    write_checkpoint,
)
from training.trainer.config import add_options, read_options
from training.trainer.json_log import JsonLog
from training.trainer.optimizers import learning_rate_factor, muon_and_adamw, optimizer_step
from training.trainer.training_run import Budget, EvenlySpaced, Every, Progress, TrainingRun

CHECKPOINT_FILE = "training_state.pt"
DECAY_SHARE = 0.3
WARM_STEPS, JOINT_WARM_STEPS = 15, 40
"""Steps in which the learning rate rises in the vision warm-up, and in the joint stage after it."""


def optimizers(model: nn.Module, dense: nn.Module, learning_rate: float) -> list[torch.optim.Optimizer]:
    """Muon for the matrices of the transformer blocks, AdamW for everything else (embeddings, stem, norms, head)."""
    matrices = [
        parameter
        for name, parameter in model.named_parameters()
        if parameter.ndim == 2 and any(part in name for part in ("layers.", "blocks.", "merger."))
    ]
    taken = {id(parameter) for parameter in matrices}
    rest = [p for p in (*model.parameters(), *dense.parameters()) if id(p) not in taken]
    return muon_and_adamw(matrices, rest, learning_rate)


class PlannerTraining:
    """A run: planner, optimizers, random numbers; its steps, evaluations, checkpoint and record."""

    def __init__(self, config: PlannerTrainingConfig):
        self.config = config
        self.out = Path(config.out)
        self.out.mkdir(parents=True, exist_ok=True)
        self.store = SceneStore(config.data)
        if not len(self.store):
            raise CheckpointError(
                f"There is no complete shard in {config.data}.", "Generate training data first (make train-mini does)."
            )
        self.planner = new_mini_planner(config.seed, config.width, config.layers)
        self.planner.settings = replace(
            self.planner.settings,
            reason_objects=config.reason_objects,
            reason_plan=config.reason_plan,
            last_step=config.last_step,
            look_first=config.object_data,
        )
        names = (*phrasing.CATALOGUE, phrasing.HANDLE, *map(phrasing.hole, phrasing.SHAPES))
        self.dense = DenseHead(config.width, sorted({word for name in names for word in name.split()}))
        self.batches = BatchMaker(self.planner, self._first_steps(), config.object_data)
        self.losses = PlannerLosses(self.planner.model, self.batches, self.dense)
        self.optimizers = optimizers(self.planner.model, self.dense, config.learning_rate)
        self.plans = LanguagePlanSampler()
        self.rng = np.random.default_rng(config.seed)
        self.progress = Progress()
        self.stage = {"stage_step": 0, "joint": 0, "scenes": 0, "plans": 0}
        total = 60 * config.minutes
        self.training_run = TrainingRun(
            self,
            Budget(total, "cpu_seconds"),
            JsonLog(self.out / "log.jsonl"),
            log_every=Every(config.log_steps, "step"),
            checkpoint_every=Every(config.checkpoint_seconds, "cpu_seconds"),
            evaluate_every=EvenlySpaced(config.evaluations, after=self.warmup_seconds / total),
        )

    def _first_steps(self) -> FirstSteps | None:
        return FirstSteps(self.store) if self.config.object_data and self.config.reason_plan else None

    @property
    def warmup_seconds(self) -> float:
        """CPU time of the vision warm-up, which learns from object data alone."""
        return 60 * self.config.warmup_minutes if self.config.object_data else 0.0

    @property
    def is_joint(self) -> bool:
        """True once the vision warm-up is over."""
        return self.progress.cpu_seconds >= self.warmup_seconds

    @property
    def stage_progress(self) -> float:
        """Progress of the present stage, 0 to 1."""
        warmup, total, spent = self.warmup_seconds, self.config.minutes * 60, self.progress.cpu_seconds
        if not self.is_joint:
            return spent / warmup
        return (spent - warmup) / max(total - warmup, 1e-9)

    @property
    def counts(self) -> dict[str, int]:
        """How much was done: steps, those of the present stage, whether it is the joint one, what was seen."""
        return {"step": self.progress.step, **self.stage, "evaluations": self.progress.evaluations}

    def train_step(self) -> dict[str, float]:
        """One optimizer step; returns the losses."""
        if self.is_joint and not self.stage["joint"]:
            self.stage |= {"joint": 1, "stage_step": 0}
        warm_steps = JOINT_WARM_STEPS if self.is_joint else WARM_STEPS
        factor = learning_rate_factor(self.stage["stage_step"], self.stage_progress, warm_steps, DECAY_SHARE, 0.02)
        parameters = [*self.planner.model.parameters(), *self.dense.parameters()]
        with optimizer_step(self.optimizers, parameters, self.config.learning_rate * factor):
            figures = self._joint_losses() if self.is_joint else self._warmup_losses()
        self.progress.step += 1
        self.stage["stage_step"] += 1
        if self.progress.step % self.config.log_steps == 0:
            self.refresh()
        return figures

    def refresh(self) -> None:
        """Pick up shards that have appeared."""
        if self.store.refresh():
            self.batches.first_steps = self._first_steps()

    def _autocast(self) -> torch.autocast:
        return torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.config.bf16)

    def _scenes(self, count: int) -> list[Scene]:
        self.stage["scenes"] += count
        share = self.config.positions_share if self.config.object_data else 0.0
        return [self.store.draw(self.rng, share) for _ in range(count)]

    def _warmup_losses(self) -> dict[str, float]:
        batch = self.batches.scenes(self._scenes(self.config.warmup_batch_scenes), self.rng, text=False)
        with self._autocast():
            loss, figures = self.losses.vision(batch)
        loss.backward()
        return figures

    def _joint_losses(self) -> dict[str, float]:
        batch = self.batches.scenes(self._scenes(self.config.batch_scenes), self.rng)
        with self._autocast():
            loss, figures = self.losses.scenes(batch)
        loss.backward()
        if not self.config.batch_plans or not self.config.plan_data:
            return figures
        self.stage["plans"] += self.config.batch_plans
        samples = [self.plans.sample(self.rng) for _ in range(self.config.batch_plans)]
        with self._autocast():
            loss, plan_figures = self.losses.plans(self.batches.plans(samples))
        loss.backward()
        return figures | plan_figures

    def save(self) -> None:
        """Write the training state."""
        state = {
            "model": self.planner.model.state_dict(),
            "dense": self.dense.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            **random_state(self.rng),
            "elapsed": self.progress.cpu_seconds,
            "counts": self.counts,
        }
        write_checkpoint(self.out / CHECKPOINT_FILE, state)

    def resume(self) -> bool:
        """Go on from the last checkpoint, if there is one. Raises CheckpointError if it does not fit."""
        path = self.out / CHECKPOINT_FILE
        state = read_checkpoint(path)
        if state is None:
            return False
        restore(path, state, {"model": self.planner.model, "dense": self.dense}, self.optimizers)
        restore_random_state(state, self.rng)
        self.stage = {name: state["counts"][name] for name in self.stage}
        self.progress.cpu_seconds = state["elapsed"]
        self.progress.step, self.progress.evaluations = state["counts"]["step"], state["counts"]["evaluations"]
        return True

    def position(self) -> dict[str, float]:
        """See ``Trainer``."""
        return {"minutes": round(self.progress.cpu_seconds / 60, 2), **self.counts}

    def pace(self) -> dict[str, float]:
        """See ``Trainer``."""
        return {"minutes_left": round(self.training_run.minutes_left, 1)}

    def check(self) -> dict[str, object]:
        """The evaluation in between."""
        return self.evaluate(self.config.evaluation_scenes, self.config.evaluation_plans)

    def evaluate(self, scenes: int, plans: int) -> dict[str, object]:
        """Held-out generate() evaluation; also exports the planner, so that a run can be tried before its end."""
        self.planner.model.eval()
        store = SceneStore(self.config.validation) if self.config.validation else self.store
        keys = [*store.trajectories, *store.held_out] if self.config.validation else store.held_out
        rng = np.random.default_rng(777)
        chosen = [keys[i] for i in rng.permutation(len(keys))[:scenes]]
        chosen_scenes = [store.scene(key) for key in chosen]
        figures = evaluate_scenes(self.planner, chosen_scenes) | evaluate_detected_objects(self.planner, chosen_scenes)
        figures |= evaluate_plans(self.planner, plans, seed=777)
        self.planner.save(self.out)
        self.planner.model.train()
        return figures

    def record(self, figures: dict[str, object]) -> None:
        """Write training_record.json: configuration, data mix, counts and the evaluation."""
        mix = {
            "trajectory_records": len(self.store.trajectories),
            "positions_records": len(self.store.positions),
            "held_out_records": len(self.store.held_out),
            "scenes_seen": self.counts["scenes"],
            "language_plans_seen": self.counts["plans"],
            "kinds_with_extra_first_steps": sorted(
                self.batches.first_steps.offsets if self.batches.first_steps else ()
            ),
            "share_of_positions_scenes": self.config.positions_share if self.config.object_data else 0.0,
        }
        parameters = sum(p.numel() for p in self.planner.model.parameters())
        record = {"config": asdict(self.config), "parameters": parameters, "data": mix, "counts": self.counts}
        record |= {
            "cpu_minutes": round(self.progress.cpu_seconds / 60, 2),
            "torch": torch.__version__,
            "evaluation": figures,
        }
        (self.out / "training_record.json").write_text(json.dumps(record, indent=2) + "\n", "utf-8")


def train(config: PlannerTrainingConfig, resume: bool) -> dict[str, object]:
    """Run or continue a training to its end; returns the final evaluation."""
    torch.set_num_threads(config.threads)
    training = PlannerTraining(config)
    if resume and training.resume():
        minutes = training.progress.cpu_seconds / 60
        print(f"resumed at step {training.progress.step}, {minutes:.1f} minutes", flush=True)
    training.planner.model.train()
    with batched_vision_attention(training.batches.side**2):
        training.training_run.run()
    figures = training.evaluate(config.final_scenes, config.final_plans)
    training.training_run.log(**figures)
    training.record(figures)
    training.losses.close()
    return figures


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog=program_name(), description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint in --out")
    add_options(parser, PlannerTrainingConfig)
    options = parser.parse_args(arguments)
    try:
        train(read_options(PlannerTrainingConfig, options), options.resume)
    except ClapError as error:
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    main()
