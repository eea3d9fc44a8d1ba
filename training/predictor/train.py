"""Train the fine action predictor on the trajectory records' zoomed views (paper, sections 4.2 and 4.3).

    python -m training.predictor.train --data data/mini --out runs/mini/predictor --minutes 30 --resume

The budget, wall time or samples seen, is summed over resumes; new shards are taken in while it runs. Without
``--validation`` a tenth of every shard is held out; with it every shard is trained on in full.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedTokenizerBase

from clap.errors import ClapError
from clap.policies.predictor.convolutional_encoder import PlainEncoderConfig
from clap.policies.predictor.encoders import EncoderConfig
from clap.policies.predictor.network import FineActionNetwork, PredictorConfig
from clap.policies.predictor.predictor import FineActionPredictor
from clap.policies.predictor.tokenizer import build_tokenizer
from clap.program_name import program_name
from training.predictor.augmentation import augment
from training.predictor.evaluation import evaluate
from training.predictor.network_training import NetworkTraining
from training.predictor.samples import HELD_OUT_SHARE, Samples, ZoomData
from training.predictor.settings import INPUTS, PredictorSettings
from training.trainer.config import add_options, read_options


class PredictorTraining(NetworkTraining):
    """A run of the predictor; its data grows while it runs."""

    settings: PredictorSettings

    def __init__(self, settings: PredictorSettings):
        apart = settings.validation
        data = ZoomData(settings.data, HELD_OUT_SHARE if apart is None else 0)
        validation = data if apart is None else ZoomData(apart, 1)
        super().__init__(settings, settings.out, settings.out / "predictor", data, validation)
        self._rng = np.random.default_rng([settings.seed, self.progress.step])
        self._order = np.empty(0, np.int64)

    def new_network(self) -> tuple[FineActionNetwork, PreTrainedTokenizerBase]:
        """See ``NetworkTraining``."""
        tokenizer = build_tokenizer(self.data.steps())
        vocabulary, size = len(tokenizer), self.data.image_size
        encoders: EncoderConfig | PlainEncoderConfig = (
            EncoderConfig.mini(vocabulary, size)
            if self.settings.encoder == EncoderConfig.kind
            else PlainEncoderConfig(size, vocabulary)
        )
        mini = PredictorConfig.mini(vocabulary)
        config = replace(mini, encoders=replace(encoders, **INPUTS[self.settings.inputs]))
        return FineActionNetwork(config), tokenizer

    def saved_network(self, saved: dict[str, Any]) -> tuple[FineActionNetwork, PreTrainedTokenizerBase]:
        """See ``NetworkTraining``."""
        network = FineActionNetwork(PredictorConfig.from_dict(json.loads(saved["config"])))
        return network, FineActionPredictor.load(self.exported).tokenizer

    def state(self) -> dict[str, Any]:
        """See ``NetworkTraining``."""
        return {"config": json.dumps(self.network.config.to_dict()), **super().state()}

    def refresh(self) -> None:
        """See ``NetworkTraining``; what is new is mixed in at once."""
        before = self.data.shards
        self.data.refresh()
        if self.data.shards > before:
            self._order = self._rng.permutation(self.data.count())

    def data_facts(self) -> dict[str, int]:
        """See ``NetworkTraining``."""
        return {"shards": self.data.shards, "train": self.data.count()}

    def next_batch(self) -> Samples:
        """Samples in random order, each once before any comes again."""
        if len(self._order) < self.settings.batch:
            self.data.refresh()
            self._order = np.concatenate([self._order, self._rng.permutation(self.data.count())])
        size = self.batch_size()
        chosen, self._order = self._order[:size], self._order[size:]
        return augment(self.data.read(chosen), self._rng)

    def evaluate(self, limit: int) -> dict[str, Any]:
        """See ``NetworkTraining``."""
        return evaluate(self.network, self.validation, self.tokenizer, limit)

    def run(self) -> dict[str, Any]:
        """See ``NetworkTraining``."""
        torch.manual_seed(self.settings.seed + self.progress.step)
        self._order = self._rng.permutation(self.data.count())
        return super().run()


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog=program_name(), description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_options(parser, PredictorSettings)
    options = parser.parse_args(arguments)
    try:
        PredictorTraining(read_options(PredictorSettings, options)).run()
    except ClapError as error:
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    main()
