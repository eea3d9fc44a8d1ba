"""Train a branch of the RVT-2 baseline on the trajectory records and their task sentences.

    python -m training.baselines.train_rvt2 --data data/ten --out runs/rvt2 --branch coarse --samples 100000 --resume

Writes ``<out>/<branch>/`` (safetensors, config, tokenizer; what ``Rvt2Policy.load`` reads) and ``<out>/<branch>-run/``
(checkpoint, ``log.jsonl``, ``evaluation.json``). The budget, wall time or samples seen, is summed over resumes; with a
budget of samples a run that was cut and resumed ends as one that was not. Without ``--validation`` a tenth of every
shard is held out.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from transformers import PreTrainedTokenizerBase

from clap.errors import CheckpointError, ClapError
from clap.policies.predictor.network import FineActionNetwork
from clap.policies.predictor.predictor import FineActionPredictor
from clap.program_name import program_name
from training.baselines.rvt2 import BRANCHES, COARSE, branch_config, sentence_tokenizer
from training.baselines.rvt2_data import BranchData
from training.baselines.rvt2_evaluation import evaluate
from training.predictor.evaluation import to_inputs
from training.predictor.losses import jitter_bins, losses
from training.predictor.optimizers import learning_rate_factor, optimizers
from training.predictor.samples import HELD_OUT_SHARE, require_apart
from training.predictor.settings import Progress

CHECKPOINT = "checkpoint.pt"
LOG_STEPS = 50


@dataclass(frozen=True)
class Settings:
    """Options of a run. ``minutes`` is wall time over all resumes; ``samples``, if given, is the budget instead.

    ``validation`` is a folder that is only evaluated on; ``sigma`` pixels of the heatmaps' targets.
    """

    data: Path
    out: Path
    branch: str
    minutes: float = 30.0
    samples: int | None = None
    validation: Path | None = None
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


def open_data(settings: Settings) -> tuple[BranchData, BranchData]:
    """What is trained on and what is evaluated on. Raises TrainingDataError if they share a demonstration."""
    if settings.validation is None:
        data = BranchData(settings.data, settings.branch, HELD_OUT_SHARE)
        return data, data
    data = BranchData(settings.data, settings.branch, held_out=0)
    validation = BranchData(settings.validation, settings.branch, held_out=1)
    require_apart(data, validation)
    return data, validation


class BranchTraining:
    """One run: network, optimisers, progress, and its folders."""

    def __init__(self, settings: Settings):
        self.settings = settings
        torch.set_num_threads(settings.threads)
        torch.manual_seed(settings.seed)
        self.folder = settings.out / f"{settings.branch}-run"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.data, self.validation = open_data(settings)
        saved = self._read_checkpoint() if settings.resume else None
        self.progress = Progress(**saved["progress"]) if saved else Progress()
        if saved is None:
            self.tokenizer: PreTrainedTokenizerBase = sentence_tokenizer(self.data.steps())
            self.network = FineActionNetwork(branch_config(self.data.image_size, len(self.tokenizer)))
        else:
            exported = FineActionPredictor.load(settings.out / settings.branch)
            self.tokenizer, self.network = exported.tokenizer, exported.network
            self.network.load_state_dict(saved["network"])
        if settings.branch == COARSE:
            # RVT-2 has these heads in the fine branch alone.
            for head in (self.network.rotation, self.network.gripper, self.network.collision):
                head.requires_grad_(False)
        self.optimizers = optimizers(self.network, settings.learning_rate)
        for optimizer, state in zip(self.optimizers, saved["optimizers"] if saved else (), strict=saved is not None):
            optimizer.load_state_dict(state)

    def _read_checkpoint(self) -> dict[str, Any] | None:
        path = self.folder / CHECKPOINT
        if not path.exists():
            return None
        try:
            return torch.load(path, weights_only=True)
        except Exception as error:
            sentence = f"The checkpoint {path} cannot be read: {error}"
            raise CheckpointError(sentence, "Delete it to start anew.") from error

    @property
    def share(self) -> float:
        """Share of the budget that is spent."""
        if self.settings.samples is not None:
            return self.progress.samples / self.settings.samples
        return self.progress.seconds / (60 * self.settings.minutes)

    def save(self) -> None:
        """Write the branch's folder, then the checkpoint, which makes it valid, each by an atomic rename."""
        FineActionPredictor(self.network, self.tokenizer).save(self.settings.out / self.settings.branch)
        self.network.train()
        state = {
            "network": self.network.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "progress": asdict(self.progress),
        }
        partial = self.folder / f"{CHECKPOINT}.partial"
        torch.save(state, partial)
        os.replace(partial, self.folder / CHECKPOINT)

    def log(self, **values: Any) -> None:
        """Append a line to ``log.jsonl`` and print it."""
        so_far = {name: round(value, 1) for name, value in asdict(self.progress).items()}
        line = json.dumps({**so_far, **values})
        with open(self.folder / "log.jsonl", "a", encoding="utf-8") as file:
            file.write(line + "\n")
        print(line, flush=True)

    def next_indices(self) -> np.ndarray:
        """The next batch's samples: a permutation an epoch, which the samples seen so far determine."""
        count, seen = self.data.count(), self.progress.samples
        batch = self.settings.batch
        if self.settings.samples is not None:
            batch = min(batch, self.settings.samples - seen)
        epochs = range(seen // count, (seen + batch - 1) // count + 1)
        order = np.concatenate([np.random.default_rng([self.settings.seed, n]).permutation(count) for n in epochs])
        return order[seen % count :][:batch]

    def train_step(self, indices: np.ndarray) -> dict[str, float]:
        """One optimiser step on the given training samples; returns the losses. Its random numbers are the step's."""
        settings, progress = self.settings, self.progress
        torch.manual_seed(settings.seed + progress.step)
        samples = self.data.draw(indices, np.random.default_rng([settings.seed, 1, progress.step]))
        factor = learning_rate_factor(progress.step, self.share, settings.warmup_steps, settings.decay_share)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = settings.learning_rate * factor
            optimizer.zero_grad(set_to_none=True)
        inputs = to_inputs(samples, self.tokenizer, self.network.config.encoders.text_limit)
        # On CPU the plain attention kernel trains a quarter faster than the fused one, whose backward is slow.
        with torch.autocast("cpu", dtype=torch.bfloat16), sdpa_kernel(SDPBackend.MATH):
            parts = losses(self.network, inputs, samples, settings.sigma, jitter_bins)
        if settings.branch == COARSE:
            parts = {"heatmap": parts["heatmap"]}
        sum(parts.values(), torch.zeros(())).backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        for optimizer in self.optimizers:
            optimizer.step()
        progress.step += 1
        progress.samples += len(indices)
        return {name: float(value.detach()) for name, value in parts.items()}

    def run(self) -> dict[str, Any]:
        """Train until the budget is spent, then evaluate on the whole held-out part and export."""
        trained = sum(p.numel() for p in self.network.parameters() if p.requires_grad)
        held_out = self.validation.count(held_out=True)
        self.log(event="start", parameters=trained, train=self.data.count(), held_out=held_out)
        self.network.train()
        wall, cpu = time.monotonic(), time.process_time()
        saved = evaluated = wall
        sums: dict[str, float] = {}
        while self.share < 1:
            for name, value in self.train_step(self.next_indices()).items():
                sums[name] = sums.get(name, 0.0) + value / LOG_STEPS
            now, now_cpu = time.monotonic(), time.process_time()
            self.progress.seconds += now - wall
            self.progress.cpu_seconds += now_cpu - cpu
            wall, cpu = now, now_cpu
            if self.progress.step % LOG_STEPS == 0:
                rate = self.progress.samples / max(self.progress.seconds, 1e-9)
                left = self.progress.seconds * max(0.0, 1 / max(self.share, 1e-9) - 1)
                self.log(**{name: round(value, 4) for name, value in sums.items()},
                         samples_per_second=round(rate, 1), minutes_left=round(left / 60, 1))  # fmt: skip
                sums = {}
            if now - saved > self.settings.checkpoint_seconds:
                self.save()
                saved = time.monotonic()
            if now - evaluated > self.settings.evaluate_seconds:
                self.log(event="evaluation", **self.evaluate(self.settings.evaluate_samples))
                evaluated = time.monotonic()
        self.save()
        report = self.evaluate(held_out)
        self.log(event="end", **report)
        (self.folder / "evaluation.json").write_text(json.dumps(report, indent=1) + "\n")
        return report

    def evaluate(self, limit: int) -> dict[str, Any]:
        """Held-out errors over at most ``limit`` samples."""
        return evaluate(self.network, self.validation, self.tokenizer, limit)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog=program_name(), description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, required=True, help="folder of shards")
    parser.add_argument("--out", type=Path, required=True, help="folder of the policy, for both branches")
    parser.add_argument("--branch", choices=BRANCHES, required=True)
    parser.add_argument("--minutes", type=float, default=Settings.minutes, help="wall time over all resumes")
    parser.add_argument("--samples", type=int, help="samples to see over all resumes: the budget instead of --minutes")
    parser.add_argument("--validation", type=Path, help="folder of shards to evaluate on, instead of a tenth of --data")
    parser.add_argument("--threads", type=int, default=Settings.threads)
    parser.add_argument("--seed", type=int, default=Settings.seed)
    parser.add_argument("--batch", type=int, default=Settings.batch)
    parser.add_argument("--learning-rate", type=float, default=Settings.learning_rate)
    parser.add_argument("--resume", action="store_true", help="go on from the branch's checkpoint if there is one")
    try:
        BranchTraining(Settings(**vars(parser.parse_args()))).run()
    except ClapError as error:
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    main()
