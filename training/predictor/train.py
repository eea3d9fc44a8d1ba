"""Train the fine action predictor on the trajectory records' zoomed views (paper, sections 4.2 and 4.3).

    python -m training.predictor.train --data data/mini --out runs/mini/predictor --minutes 30 --resume

The budget, wall time or samples seen, is summed over resumes; new shards are taken in while it runs. Without
``--validation`` a tenth of every shard is held out; with it every shard is trained on in full.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from transformers import PreTrainedTokenizerBase

from clap.errors import CheckpointError, ClapError
from clap.policies.predictor.convolutional_encoder import PlainEncoderConfig
from clap.policies.predictor.encoders import EncoderConfig
from clap.policies.predictor.network import ENCODERS, FineActionNetwork, PredictorConfig
from clap.policies.predictor.predictor import FineActionPredictor
from clap.policies.predictor.tokenizer import build_tokenizer
from clap.program_name import program_name
from training.predictor.augmentation import augment
from training.predictor.evaluation import evaluate, to_inputs
from training.predictor.losses import jitter_bins, losses
from training.predictor.optimizers import learning_rate_factor, optimizers
from training.predictor.samples import HELD_OUT_SHARE, ZoomData, require_apart
from training.predictor.settings import INPUTS, Progress, Settings

CHECKPOINT = "checkpoint.pt"


def _open_data(settings: Settings) -> tuple[ZoomData, ZoomData]:
    """What is trained on and what is evaluated on; raises TrainingDataError if they share a demonstration."""
    if settings.validation is None:
        data = ZoomData(settings.data, HELD_OUT_SHARE)
        return data, data
    data, validation = ZoomData(settings.data, 0), ZoomData(settings.validation, 1)
    require_apart(data, validation)
    return data, validation


class PredictorTraining:
    """One run: network, optimisers, progress, and its folder with log, checkpoint and the exported predictor."""

    def __init__(self, settings: Settings):
        self.settings = settings
        torch.set_num_threads(settings.threads)
        torch.manual_seed(settings.seed)
        settings.out.mkdir(parents=True, exist_ok=True)
        self.progress = Progress()
        self.data, self.validation = _open_data(settings)
        saved = self._read_checkpoint() if settings.resume else None
        if saved is None:
            self.tokenizer: PreTrainedTokenizerBase = build_tokenizer(self.data.steps())
            self.config = self._config(len(self.tokenizer))
            self.network = FineActionNetwork(self.config)
        else:
            self.config = PredictorConfig.from_dict(json.loads(saved["config"]))
            self.network = FineActionNetwork(self.config)
            self.network.load_state_dict(saved["network"])
            self.tokenizer = FineActionPredictor.load(settings.out / "predictor").tokenizer
            self.progress = Progress(**saved["progress"])
        self.optimizers = optimizers(self.network, settings.learning_rate)
        if saved is not None:
            for optimizer, state in zip(self.optimizers, saved["optimizers"], strict=True):
                optimizer.load_state_dict(state)
        self.text_limit = self.config.encoders.text_limit

    def _config(self, vocabulary: int) -> PredictorConfig:
        mini, size = PredictorConfig.mini(vocabulary), self.data.image_size
        encoders: EncoderConfig | PlainEncoderConfig = (
            EncoderConfig.mini(vocabulary, size)
            if self.settings.encoder == EncoderConfig.kind
            else PlainEncoderConfig(size, vocabulary)
        )
        return replace(mini, encoders=replace(encoders, **INPUTS[self.settings.inputs]))

    @property
    def share(self) -> float:
        """Share of the budget that is spent."""
        if self.settings.samples is not None:
            return self.progress.samples / self.settings.samples
        return self.progress.seconds / (60 * self.settings.minutes)

    def _read_checkpoint(self) -> dict[str, Any] | None:
        path = self.settings.out / CHECKPOINT
        if not path.exists():
            return None
        try:
            saved = torch.load(path, weights_only=True)
            PredictorConfig.from_dict(json.loads(saved["config"]))
            return saved
        except Exception as error:
            sentence = f"The checkpoint {path} cannot be read: {error}"
            raise CheckpointError(sentence, "Delete it to start anew.") from error

    def save(self) -> None:
        """Write the checkpoint and the predictor's folder, each by an atomic rename."""
        state = {
            "config": json.dumps(self.config.to_dict()),
            "network": self.network.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "progress": vars(self.progress),
        }
        partial = self.settings.out / f"{CHECKPOINT}.partial"
        torch.save(state, partial)
        FineActionPredictor(self.network, self.tokenizer).save(self.settings.out / "predictor")
        self.network.train()
        os.replace(partial, self.settings.out / CHECKPOINT)

    def log(self, **values: Any) -> None:
        """Append a line to ``log.jsonl`` and print it."""
        line = json.dumps({**vars(self.progress), "seconds": round(self.progress.seconds, 1),
                           "cpu_seconds": round(self.progress.cpu_seconds, 1), **values})  # fmt: skip
        with open(self.settings.out / "log.jsonl", "a", encoding="utf-8") as file:
            file.write(line + "\n")
        print(line, flush=True)

    def train_step(self, indices: np.ndarray, rng: np.random.Generator) -> dict[str, float]:
        """One optimiser step on the given training samples; returns the losses."""
        samples = augment(self.data.read(indices), rng)
        settings = self.settings
        factor = learning_rate_factor(self.progress.step, self.share, settings.warmup_steps, settings.decay_share)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = settings.learning_rate * factor
            optimizer.zero_grad(set_to_none=True)
        inputs = to_inputs(samples, self.tokenizer, self.text_limit)
        # On CPU the plain attention kernel trains a quarter faster than the fused one, whose backward is slow.
        with torch.autocast("cpu", dtype=torch.bfloat16), sdpa_kernel(SDPBackend.MATH):
            parts = losses(self.network, inputs, samples, settings.sigma, jitter_bins)
        sum(parts.values(), torch.zeros(())).backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        for optimizer in self.optimizers:
            optimizer.step()
        self.progress.step += 1
        self.progress.samples += len(indices)
        return {name: float(value.detach()) for name, value in parts.items()}

    def run(self) -> dict[str, Any]:
        """Train until the budget is spent, then evaluate on the whole held-out part and export."""
        rng = np.random.default_rng([self.settings.seed, self.progress.step])
        torch.manual_seed(self.settings.seed + self.progress.step)
        self.network.train()
        parameters = sum(p.numel() for p in self.network.parameters())
        self.log(event="start", parameters=parameters, train=self.data.count(),
                 held_out=self.validation.count(held_out=True))  # fmt: skip
        last = {
            "time": time.monotonic(),
            "cpu": time.process_time(),
            "save": time.monotonic(),
            "evaluate": time.monotonic(),
        }
        sums: dict[str, float] = {}
        order = rng.permutation(self.data.count())
        while self.share < 1:
            batch = self.settings.batch
            if self.settings.samples is not None:
                batch = min(batch, self.settings.samples - self.progress.samples)
            if len(order) < self.settings.batch:
                self.data.refresh()
                order = np.concatenate([order, rng.permutation(self.data.count())])
            for name, value in self.train_step(order[:batch], rng).items():
                sums[name] = sums.get(name, 0.0) + value
            order = order[batch:]
            now, cpu = time.monotonic(), time.process_time()
            self.progress.seconds += now - last["time"]
            self.progress.cpu_seconds += cpu - last["cpu"]
            last["time"], last["cpu"] = now, cpu
            if self.progress.step % 50 == 0:
                left = self.progress.seconds * max(0.0, 1 / max(self.share, 1e-9) - 1)
                self.log(
                    **{name: round(value / 50, 4) for name, value in sums.items()},
                    samples_per_second=round(self.progress.samples / max(self.progress.seconds, 1e-9), 1),
                    minutes_left=round(left / 60, 1),
                )
                sums = {}
            if now - last["save"] > self.settings.checkpoint_seconds:
                self.save()
                before = self.data.shards
                self.data.refresh()
                if self.data.shards > before:
                    order = rng.permutation(self.data.count())
                last["save"] = time.monotonic()
            if now - last["evaluate"] > self.settings.evaluate_seconds:
                self.log(event="evaluation", **self.evaluate(self.settings.evaluate_samples))
                last["evaluate"] = time.monotonic()
        self.save()
        report = self.evaluate(self.validation.count(held_out=True))
        self.log(event="end", shards=self.data.shards, train=self.data.count(), **report)
        (self.settings.out / "evaluation.json").write_text(json.dumps(report, indent=1) + "\n")
        return report

    def evaluate(self, limit: int) -> dict[str, Any]:
        """Held-out errors over at most ``limit`` samples."""
        return evaluate(self.network, self.validation, self.tokenizer, self.text_limit, limit)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog=program_name(), description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, required=True, help="folder of shards")
    parser.add_argument("--out", type=Path, required=True, help="folder of this run")
    parser.add_argument("--minutes", type=float, default=Settings.minutes, help="wall time over all resumes")
    parser.add_argument("--samples", type=int, help="samples to see over all resumes: the budget instead of --minutes")
    parser.add_argument("--validation", type=Path, help="folder of shards to evaluate on, instead of a tenth of --data")
    parser.add_argument("--inputs", choices=INPUTS, default=Settings.inputs, help="the paper's table 12")
    parser.add_argument("--encoder", choices=ENCODERS, default=Settings.encoder, help="plain: convolutions, as RVT-2")
    parser.add_argument("--threads", type=int, default=Settings.threads)
    parser.add_argument("--seed", type=int, default=Settings.seed)
    parser.add_argument("--batch", type=int, default=Settings.batch)
    parser.add_argument("--learning-rate", type=float, default=Settings.learning_rate)
    parser.add_argument("--resume", action="store_true", help="go on from the run's checkpoint if there is one")
    try:
        PredictorTraining(Settings(**vars(parser.parse_args()))).run()
    except ClapError as error:
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    main()
