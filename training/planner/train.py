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
import os
import time
from collections import defaultdict
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from clap.errors import CheckpointError
from clap.program_name import program_name
from clap.worlds.tabletop import phrasing
from training.data.language_plans import LanguagePlanSampler
from training.planner.batches import BatchMaker
from training.planner.evaluation import evaluate_plans, evaluate_scenes, evaluate_seen
from training.planner.first_steps import FirstSteps
from training.planner.losses import DenseHead, PlannerLosses, batched_vision_attention
from training.planner.model_init import new_mini_planner
from training.planner.scenes import Scene, SceneStore

CHECKPOINT_FILE = "training_state.pt"
DECAY_SHARE = 0.3


@dataclass(frozen=True)
class PlannerTrainingConfig:
    """Everything that decides a run; written into its training record.

    ``validation`` is a data folder to evaluate on; without it the last records of each shard are, whose scenes the
    training may have seen at other moments and from other sides. ``minutes`` are CPU minutes. ``object_data`` False
    leaves out random tables, and where the things of a demonstration's table are; ``plan_data`` False the language
    plans.
    """

    data: str
    out: str
    validation: str = ""
    minutes: float = 60.0
    warmup_minutes: float = 4.0
    threads: int = 1
    seed: int = 0
    learning_rate: float = 2e-3
    batch_scenes: int = 8
    warmup_batch_scenes: int = 16
    batch_plans: int = 56
    positions_share: float = 0.4
    object_data: bool = True
    plan_data: bool = True
    reason_objects: bool = True
    reason_plan: bool = True
    last_step: bool = True
    width: int = 192
    layers: int = 4
    evaluations: int = 0
    evaluation_scenes: int = 48
    final_scenes: int = 300
    evaluation_plans: int = 40
    final_plans: int = 200
    checkpoint_seconds: float = 120.0
    log_steps: int = 25
    bf16: bool = True


def optimizers(model: nn.Module, dense: nn.Module, learning_rate: float) -> list[torch.optim.Optimizer]:
    """Muon for the matrices of the transformer blocks, AdamW for everything else (embeddings, stem, norms, head)."""
    matrices = [
        parameter
        for name, parameter in model.named_parameters()
        if parameter.ndim == 2 and any(part in name for part in ("layers.", "blocks.", "merger."))
    ]
    taken = {id(parameter) for parameter in matrices}
    rest = [p for p in (*model.parameters(), *dense.parameters()) if id(p) not in taken]
    return [
        torch.optim.Muon(matrices, lr=learning_rate, weight_decay=0.05, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(rest, lr=learning_rate, betas=(0.9, 0.98), weight_decay=0.01),
    ]


def rate_factor(progress: float, stage_step: int, warm_steps: int) -> float:
    """Warm-up, flat, then linear decay over the last DECAY_SHARE of a stage whose progress runs from 0 to 1."""
    return min(1.0, (stage_step + 1) / warm_steps) * min(1.0, max(0.0, 1 - progress) / DECAY_SHARE + 0.02)


class PlannerTraining:
    """A run's state: planner, optimizers, elapsed time, random numbers; its steps, checkpoints and log."""

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
        self.elapsed = 0.0
        self.counts = {"step": 0, "stage_step": 0, "joint": 0, "scenes": 0, "plans": 0, "evaluations": 0}

    def _first_steps(self) -> FirstSteps | None:
        return FirstSteps(self.store) if self.config.object_data and self.config.reason_plan else None

    @property
    def warmup_seconds(self) -> float:
        """CPU time of the vision warm-up, which learns from object data alone."""
        return 60 * self.config.warmup_minutes if self.config.object_data else 0.0

    @property
    def is_joint(self) -> bool:
        """True once the vision warm-up is over."""
        return self.elapsed >= self.warmup_seconds

    @property
    def stage_progress(self) -> float:
        """Progress of the present stage, 0 to 1."""
        warmup, total = self.warmup_seconds, self.config.minutes * 60
        if not self.is_joint:
            return self.elapsed / warmup
        return (self.elapsed - warmup) / max(total - warmup, 1e-9)

    @property
    def is_over(self) -> bool:
        """True when the time is used up."""
        return self.elapsed >= self.config.minutes * 60

    def step(self) -> dict[str, float]:
        """One optimizer step; returns the losses."""
        if self.is_joint and not self.counts["joint"]:
            self.counts |= {"joint": 1, "stage_step": 0}
        factor = rate_factor(self.stage_progress, self.counts["stage_step"], 40 if self.is_joint else 15)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = self.config.learning_rate * factor
            optimizer.zero_grad(set_to_none=True)
        figures = self._joint_losses() if self.is_joint else self._warmup_losses()
        parameters = [*self.planner.model.parameters(), *self.dense.parameters()]
        nn.utils.clip_grad_norm_(parameters, 1.0)
        for optimizer in self.optimizers:
            optimizer.step()
        self.counts["step"] += 1
        self.counts["stage_step"] += 1
        return figures

    def refresh(self) -> None:
        """Pick up shards that have appeared."""
        if self.store.refresh():
            self.batches.first_steps = self._first_steps()

    def _autocast(self) -> torch.autocast:
        return torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.config.bf16)

    def _scenes(self, count: int) -> list[Scene]:
        self.counts["scenes"] += count
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
        self.counts["plans"] += self.config.batch_plans
        samples = [self.plans.sample(self.rng) for _ in range(self.config.batch_plans)]
        with self._autocast():
            loss, plan_figures = self.losses.plans(self.batches.plans(samples))
        loss.backward()
        return figures | plan_figures

    def save(self) -> None:
        """Write the training state atomically."""
        state = {
            "model": self.planner.model.state_dict(),
            "dense": self.dense.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "torch_rng": torch.get_rng_state(),
            "numpy_rng": json.dumps(self.rng.bit_generator.state),
            "elapsed": self.elapsed,
            "counts": dict(self.counts),
        }
        temporary = self.out / (CHECKPOINT_FILE + ".tmp")
        torch.save(state, temporary)
        os.replace(temporary, self.out / CHECKPOINT_FILE)

    def resume(self) -> bool:
        """Go on from the last checkpoint, if there is one. Raises CheckpointError if it does not fit."""
        path = self.out / CHECKPOINT_FILE
        if not path.exists():
            return False
        try:
            state = torch.load(path, weights_only=True)
            self.planner.model.load_state_dict(state["model"])
            self.dense.load_state_dict(state["dense"])
            for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
                optimizer.load_state_dict(saved)
        except (RuntimeError, KeyError, ValueError) as error:
            raise CheckpointError(
                f"{path} does not fit this run ({error}).", "Start without --resume, or into another folder."
            ) from error
        torch.set_rng_state(state["torch_rng"])
        self.rng.bit_generator.state = json.loads(state["numpy_rng"])
        self.elapsed, self.counts = state["elapsed"], dict(state["counts"])
        return True

    def log(self, **figures: object) -> None:
        """Append a line to log.jsonl and print it."""
        line = {"minutes": round(self.elapsed / 60, 2), **self.counts, **figures}
        with (self.out / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        left = max(0.0, self.config.minutes - self.elapsed / 60)
        shown = " ".join(f"{k}={round(v, 3) if isinstance(v, float) else v}" for k, v in figures.items())
        print(f"[{self.elapsed / 60:6.1f} min, {left:5.1f} left] step {self.counts['step']} {shown}", flush=True)

    def evaluate(self, scenes: int, plans: int) -> dict[str, object]:
        """Held-out generate() evaluation; also exports the planner, so that a run can be tried before its end."""
        self.planner.model.eval()
        store = SceneStore(self.config.validation) if self.config.validation else self.store
        keys = [*store.trajectories, *store.held_out] if self.config.validation else store.held_out
        rng = np.random.default_rng(777)
        chosen = [keys[i] for i in rng.permutation(len(keys))[:scenes]]
        chosen_scenes = [store.scene(key) for key in chosen]
        figures = evaluate_scenes(self.planner, chosen_scenes) | evaluate_seen(self.planner, chosen_scenes)
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
        record |= {"cpu_minutes": round(self.elapsed / 60, 2), "torch": torch.__version__, "evaluation": figures}
        (self.out / "training_record.json").write_text(json.dumps(record, indent=2) + "\n", "utf-8")


def train(config: PlannerTrainingConfig, resume: bool) -> dict[str, object]:
    """Run or continue a training to its end; returns the final evaluation."""
    torch.set_num_threads(config.threads)
    run = PlannerTraining(config)
    if resume and run.resume():
        print(f"resumed at step {run.counts['step']}, {run.elapsed / 60:.1f} minutes", flush=True)
    sums: dict[str, list[float]] = defaultdict(list)
    last_save = run.elapsed
    run.planner.model.train()
    with batched_vision_attention(run.batches.side**2):
        while not run.is_over:
            started = time.process_time()
            for name, value in run.step().items():
                sums[name].append(value)
            run.elapsed += time.process_time() - started
            if run.counts["step"] % config.log_steps == 0:
                run.log(**{name: round(float(np.mean(values)), 4) for name, values in sums.items()})
                sums.clear()
                run.refresh()
            if run.elapsed - last_save >= config.checkpoint_seconds:
                run.save()
                last_save = run.elapsed
            due = run.elapsed / (config.minutes * 60) >= (run.counts["evaluations"] + 1) / (config.evaluations + 1)
            if due and run.counts["evaluations"] < config.evaluations and run.is_joint:
                run.counts["evaluations"] += 1
                started = time.process_time()
                figures = run.evaluate(config.evaluation_scenes, config.evaluation_plans)
                run.elapsed += time.process_time() - started
                run.log(**figures)
        run.save()
    figures = run.evaluate(config.final_scenes, config.final_plans)
    run.log(**figures)
    run.record(figures)
    run.losses.close()
    return figures


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog=program_name(), description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint in --out")
    for name, default in asdict(PlannerTrainingConfig("", "")).items():
        option = "--" + name.replace("_", "-")
        if isinstance(default, bool):
            parser.add_argument(option, action=argparse.BooleanOptionalAction, default=default)
        else:
            required = name in ("data", "out")
            parser.add_argument(option, type=type(default), required=required, default=None if required else default)
    options = vars(parser.parse_args())
    resume = options.pop("resume")
    train(PlannerTrainingConfig(**options), resume)


if __name__ == "__main__":
    main()
