"""Train a branch of the RVT-2 baseline on the trajectory records and their task sentences.

    python -m training.baselines.train_rvt2 --data data/ten --out runs/rvt2 --branch coarse --samples 100000 --resume

Writes ``<out>/<branch>/`` (safetensors, config, tokenizer; what ``Rvt2Policy.load`` reads) and ``<out>/<branch>-run/``
(checkpoint, ``log.jsonl``, ``evaluation.json``). The budget, wall time or samples seen, is summed over resumes; with a
budget of samples a run that was cut and resumed ends as one that was not. Without ``--validation`` a tenth of every
shard is held out.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from transformers import PreTrainedTokenizerBase

from clap.errors import ClapError
from clap.policies.predictor.network import FineActionNetwork
from clap.policies.predictor.predictor import FineActionPredictor
from clap.program_name import program_name
from training.baselines.rvt2 import COARSE, branch_config, sentence_tokenizer
from training.baselines.rvt2_data import BranchData
from training.baselines.rvt2_evaluation import evaluate
from training.predictor.network_training import NetworkTraining
from training.predictor.samples import HELD_OUT_SHARE, Samples
from training.predictor.settings import NetworkTrainingSettings
from training.trainer.config import add_options, read_options


@dataclass(frozen=True)
class BranchSettings(NetworkTrainingSettings):
    """Options of a run; ``out`` is the folder of the policy, for both branches."""

    branch: Literal["coarse", "fine"] = field(kw_only=True)


class BranchTraining(NetworkTraining):
    """A run of one branch. What a step draws depends on the seed and its number alone."""

    settings: BranchSettings
    data: BranchData
    validation: BranchData

    def __init__(self, settings: BranchSettings):
        branch, apart = settings.branch, settings.validation
        data = BranchData(settings.data, branch, HELD_OUT_SHARE if apart is None else 0)
        validation = data if apart is None else BranchData(apart, branch, 1)
        super().__init__(settings, settings.out / f"{branch}-run", settings.out / branch, data, validation)

    def new_network(self) -> tuple[FineActionNetwork, PreTrainedTokenizerBase]:
        """See ``NetworkTraining``."""
        tokenizer = sentence_tokenizer(self.data.steps())
        return self._opened(FineActionNetwork(branch_config(self.data.image_size, len(tokenizer)))), tokenizer

    def saved_network(self, saved: dict[str, Any]) -> tuple[FineActionNetwork, PreTrainedTokenizerBase]:
        """See ``NetworkTraining``."""
        exported = FineActionPredictor.load(self.exported)
        return self._opened(exported.network), exported.tokenizer

    def _opened(self, network: FineActionNetwork) -> FineActionNetwork:
        if self.settings.branch == COARSE:
            # RVT-2 has these heads in the fine branch alone.
            for head in (network.rotation, network.gripper, network.collision):
                head.requires_grad_(False)
        return network

    def refresh(self) -> None:
        """A run keeps to the data that it began with: its epochs are permutations of them."""

    def next_indices(self) -> np.ndarray:
        """The next batch's samples: a permutation an epoch, which the samples seen so far determine."""
        count, seen, batch = self.data.count(), self.progress.samples, self.batch_size()
        epochs = range(seen // count, (seen + batch - 1) // count + 1)
        order = np.concatenate([np.random.default_rng([self.settings.seed, n]).permutation(count) for n in epochs])
        return order[seen % count :][:batch]

    def next_batch(self) -> Samples:
        """See ``NetworkTraining``."""
        seed, step = self.settings.seed, self.progress.step
        torch.manual_seed(seed + step)
        return self.data.draw(self.next_indices(), np.random.default_rng([seed, 1, step]))

    def parameters(self) -> Iterable[nn.Parameter]:
        """Those that are trained."""
        return (parameter for parameter in self.network.parameters() if parameter.requires_grad)

    def learned(self, losses: dict[str, Tensor]) -> dict[str, Tensor]:
        """The coarse branch learns where, and nothing else."""
        return {"heatmap": losses["heatmap"]} if self.settings.branch == COARSE else losses

    def evaluate(self, limit: int) -> dict[str, Any]:
        """See ``NetworkTraining``."""
        return evaluate(self.network, self.validation, self.tokenizer, limit)


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog=program_name(), description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_options(parser, BranchSettings)
    options = parser.parse_args(arguments)
    try:
        BranchTraining(read_options(BranchSettings, options)).run()
    except ClapError as error:
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    main()
