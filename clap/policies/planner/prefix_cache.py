"""What the planner's model has read so far: a prompt's keys and values, kept while several questions go on from it."""

from __future__ import annotations

import torch
from torch import Tensor
from transformers import DynamicCache

from clap.policies.planner.model import PlannerModel


class PrefixCache:
    """Rows of tokens that a model has read, all as long as each other."""

    def __init__(self, model: PlannerModel):
        self._model = model
        self._cache = DynamicCache(config=model.config.get_text_config())
        self._rope_deltas: Tensor | None = None

    @property
    def length(self) -> int:
        """How many tokens of each row were read."""
        return int(self._cache.get_seq_length())

    def back_to(self, length: int) -> None:
        """Forget all but the first ``length`` tokens."""
        if length < self.length:
            self._cache.crop(length - self.length)

    def read(self, ids: Tensor, **images: Tensor) -> Tensor:
        """Read ``ids`` (rows, T) after the rest; the logits (rows, vocabulary) of what comes next.

        ``images`` are the model's own inputs for the image tokens among them.
        """
        # Qwen keeps on the model how far positions lie from counts of tokens (a view's tokens take fewer positions):
        # that of whatever it read last.
        self._model.model.rope_deltas = self._rope_deltas
        output = self._model(input_ids=ids, past_key_values=self._cache, use_cache=True, logits_to_keep=1, **images)
        self._rope_deltas = self._model.model.rope_deltas
        logits: Tensor = output.logits[:, -1]
        return logits


def rows_of(tokens: list[int], rows: int) -> Tensor:
    """The same tokens for every row, (rows, T)."""
    return torch.tensor(tokens).expand(rows, -1)
