"""Train the fine predictor at the paper's size, on one GPU or several (paper, section 4.2, table 6).

    accelerate launch -m training.finetuning.train_predictor --config training/configs/gembench_predictor.json
    python -m training.finetuning.train_predictor --config training/configs/gembench_predictor.json --dry-run

Data, augmentation, losses and optimisers are those of ``training.predictor.train``; here a run has epochs instead of
minutes, pretrained towers, and ``accelerate``. Zooms must be as large as the towers' images (224 px).
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from clap.errors import ClapError
from clap.policies.predictor.network import FineActionNetwork, FineInputs
from clap.policies.predictor.predictor import FineActionPredictor
from clap.program_name import program_name
from training.data.shards import TrainingDataError
from training.finetuning.accelerated_training import AcceleratedTraining
from training.finetuning.config import rate_factor
from training.finetuning.dry_run import predictor_report
from training.finetuning.pretrained_predictor import HostLogits, PaperPredictorConfig, folder_of, pretrained_network
from training.predictor.augmentation import augment
from training.predictor.evaluation import evaluate
from training.predictor.losses import jitter_bins, losses
from training.predictor.optimizers import optimizers
from training.predictor.samples import Samples, ZoomData, to_inputs
from training.trainer.config import read_config


class PredictorLoss(nn.Module):
    """The network with its losses behind one forward pass, which is what DistributedDataParallel wraps."""

    def __init__(self, network: FineActionNetwork, sigma: float):
        super().__init__()
        self.network, self.sigma = network, sigma

    def forward(self, inputs: FineInputs, samples: Samples) -> dict[str, Tensor]:
        """The losses of a micro batch by name, in the host's memory."""
        host = HostLogits(self.network, next(self.network.parameters()).device)
        return losses(cast(FineActionNetwork, host), inputs, samples, self.sigma, jitter_bins)


class PaperPredictorTraining(AcceleratedTraining):
    """One run: network, data, optimisers; of it come a predictor and a record."""

    def __init__(self, config: PaperPredictorConfig, resume: bool = False):
        super().__init__(config)
        self.config = config
        network, self.tokenizer = pretrained_network(config)
        self.data = ZoomData(config.data)
        if self.data.image_size != network.config.encoders.image_size:
            raise TrainingDataError(
                f"The zooms of {config.data} have {self.data.image_size} px, the towers' images "
                f"{network.config.encoders.image_size} px.",
                "Generate the data with zooms of the towers' size.",
            )
        steps = config.epochs * self.data.count() // config.batch
        if not steps:
            raise TrainingDataError(f"{config.data} holds fewer zooms than a batch of {config.batch}.")
        self.text_limit = network.config.encoders.text_limit
        made = optimizers(network, config.learning_rate)
        schedules = [
            torch.optim.lr_scheduler.LambdaLR(
                optimizer, lambda step: rate_factor(step, steps, config.warmup_share, "cosine")
            )
            for optimizer in made
        ]
        self.model = self.accelerator.prepare(PredictorLoss(network, config.sigma).train())
        self.optimizers = [self.accelerator.prepare(optimizer) for optimizer in made]
        self.schedules = [self.accelerator.prepare(schedule) for schedule in schedules]
        self.begin(config, steps, resume)
        orders = [np.random.default_rng([config.seed, k]).permutation(self.data.count()) for k in range(config.epochs)]
        self.order = np.concatenate(orders)
        loader: DataLoader = DataLoader(
            range(self.progress.step * config.batch, steps * config.batch),  # type: ignore[arg-type]
            config.micro_batch,
            collate_fn=self.collate,
            num_workers=config.workers,
            generator=torch.Generator(),  # its own: a resumed run must not draw from the restored one
        )
        self._micro_batches: Iterator[tuple[FineInputs, Samples]] = iter(self.accelerator.prepare(loader))

    def collate(self, numbers: Sequence[int]) -> tuple[FineInputs, Samples]:
        """The run's samples of these numbers, augmented by a draw that depends on the numbers alone."""
        rng = np.random.default_rng([self.config.seed, self.config.epochs, *numbers])
        samples = augment(self.data.read(self.order[list(numbers)]), rng)
        return to_inputs(samples, self.tokenizer, self.text_limit), samples

    def optimise(self) -> dict[str, float]:
        """See ``AcceleratedTraining``."""
        sums: dict[str, float] = {}
        for inputs, samples in itertools.islice(self._micro_batches, self.accumulation):
            with self.accelerator.accumulate(self.model):
                parts = self.model(inputs, samples)
                self.accelerator.backward(sum(parts.values(), torch.zeros(())))
                if self.accelerator.sync_gradients:
                    self.accelerator.clip_grad_norm_(self.model.parameters(), self.config.clip)
                for optimizer in self.optimizers:
                    optimizer.step()
                    optimizer.zero_grad()
            for name, value in parts.items():
                sums[name] = sums.get(name, 0.0) + float(value.detach())
        for schedule in self.schedules:
            schedule.step()
        return {name: value / self.accumulation for name, value in sums.items()}

    def pace(self) -> dict[str, float]:
        """See ``Trainer``."""
        return {"rate": self.schedules[0].get_last_lr()[0]}

    def finish(self) -> None:
        """Evaluate the predictor on the held-out part, export it, and write the record."""
        network = self.accelerator.unwrap_model(self.model).network
        host = cast(FineActionNetwork, HostLogits(network, self.accelerator.device))
        report = evaluate(host, self.data, self.tokenizer, self.config.evaluation_samples)
        FineActionPredictor(network, self.tokenizer).save(folder_of(self.config))
        seen = self.progress.step * self.config.batch
        self.write_record(self.config, network, samples_seen=seen, evaluation=report)


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog=program_name(), description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", type=Path, required=True, help="JSON file of the run")
    parser.add_argument("--siglip", help="folder of the pretrained SigLIP, instead of the configuration's")
    parser.add_argument("--dinov2", help="folder of the pretrained DINOv2, instead of the configuration's")
    parser.add_argument("--data", help="folder of shards, instead of the configuration's")
    parser.add_argument("--out", help="folder of the run, instead of the configuration's")
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint, if there is one")
    parser.add_argument("--dry-run", action="store_true", help="print parameters, memory and time; needs no weights")
    options = vars(parser.parse_args(arguments))
    resume, dry_run = options.pop("resume"), options.pop("dry_run")
    try:
        config = read_config(PaperPredictorConfig, options.pop("config"), options)
        if dry_run:
            print(predictor_report(config))
        else:
            Path(config.out).mkdir(parents=True, exist_ok=True)
            PaperPredictorTraining(config, resume).train()
    except ClapError as error:
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    main()
