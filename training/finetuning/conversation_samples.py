"""Conversations as training samples for a pretrained Qwen2.5-VL: one question with its answer a sample, no packing.

Sample n of a run is a function of the seed and n alone, so a run that goes on after a kill, or on another number of
processes, sees what it would have seen. Tokens are those that ``CoarseTaskPlanner`` reads and writes: the question
between the chat's markers, after the three views if it has any, and only the answer is supervised.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset
from transformers import PreTrainedTokenizerFast, Qwen2_5_VLConfig

from clap.geometry.frames import IMAGE_SIZE, VIEW_NAMES, Workspace
from clap.policies.planner.local import CoarseTaskPlanner, image_prefix, wrap_prompt
from clap.policies.planner.model import patch_grid, patchify
from training.data.language_plans import LanguagePlanSampler
from training.finetuning.config import KINDS, FinetuneConfig
from training.finetuning.lora import FinetuningError
from training.planner.conversations import Conversation, object_conversations, plan_conversation, query_conversation
from training.planner.scenes import Scene, SceneStore, augment, color_gains

IGNORED = -100


@dataclass(frozen=True)
class Sample:
    """Token ids and labels (IGNORED outside the supervised answer), and the views' patches or None without views."""

    ids: list[int]
    labels: list[int]
    patches: Tensor | None


def encode(tokenizer: PreTrainedTokenizerFast, item: Conversation, chat: bool, view_tokens: int) -> Sample:
    """A conversation as tokens, without patches; ``view_tokens`` image tokens stand for each view.

    Where only numbers are learned, the tokens with a digit in them are supervised, whatever the tokenizer; those of
    numbers that are not known are not.
    """
    prefix = image_prefix(view_tokens) if item.with_views else ""
    prompt = tokenizer(wrap_prompt(prefix + item.prompt, chat), add_special_tokens=False)["input_ids"]
    answer = tokenizer(item.answer, add_special_tokens=False, return_offsets_mapping=True)
    labels = [*answer["input_ids"], tokenizer.eos_token_id]
    if item.numbers_only:
        spans = [*answer["offset_mapping"], (0, 0)]
        digits = [any(sign.isdigit() for sign in item.answer[start:end]) for start, end in spans]
        labels = [token if digit else IGNORED for token, digit in zip(labels, digits, strict=True)]
    if item.unknown:
        spans = [number.span() for k, number in enumerate(re.finditer(r"[0-9]+", item.answer)) if k in item.unknown]
        places = [*answer["offset_mapping"], (0, 0)]
        labels = [
            IGNORED if any(start < high and low < end for low, high in spans) else token
            for token, (start, end) in zip(labels, places, strict=True)
        ]
    ids = [*prompt, *answer["input_ids"], tokenizer.eos_token_id]
    return Sample(ids, [IGNORED] * len(prompt) + labels, None)


class ConversationSamples(Dataset[Sample]):
    """The samples of a whole run in order, beginning at sample ``start``; each epoch is a shuffle of the mix."""

    def __init__(self, config: FinetuneConfig, planner: CoarseTaskPlanner, start: int = 0):
        self.config, self.start = config, start
        self.model_config: Qwen2_5_VLConfig = planner.model.config
        self.tokenizer, self.settings = planner.tokenizer, planner.settings
        self.grid = patch_grid(self.model_config, IMAGE_SIZE)
        self.view_tokens = (self.grid // self.model_config.vision_config.spatial_merge_size) ** 2
        self.store = SceneStore(config.data)
        self.plans = LanguagePlanSampler()
        self._pools = {"trajectories": self.store.trajectories, "positions": self.store.positions}
        for kind, pool in self._pools.items():
            if getattr(config.samples, kind) and not pool:
                raise FinetuningError(f"{config.data} holds no {kind}, of which the configuration wants samples.",
                                      "Generate the data first, or set their count to 0.")  # fmt: skip
        counts = [getattr(config.samples, kind) for kind in KINDS]
        mix = np.repeat(np.arange(len(KINDS), dtype=np.int8), counts)
        epochs = [np.random.default_rng([config.seed, epoch]).permutation(mix) for epoch in range(config.epochs)]
        self.kinds = np.concatenate(epochs)[: config.steps * config.batch]

    def __len__(self) -> int:
        return len(self.kinds) - self.start

    def __getitem__(self, index: int) -> Sample:
        number = self.start + index
        kind = KINDS[self.kinds[number]]
        rng = np.random.default_rng([self.config.seed, self.config.epochs, number])
        if kind == "plans":
            return self._encoded(plan_conversation(self.plans.sample(rng), self.settings.format))
        scene = augment(self.store.scene(self._pools[kind][int(rng.integers(len(self._pools[kind])))]), rng)
        if kind == "trajectories" and scene.query is not None:
            item = query_conversation(scene, scene.query, self.settings.format)
        else:
            items = object_conversations(scene, rng, self.settings.format)
            item = items[int(rng.integers(len(items)))]
        return self._encoded(item, self._patches(scene, rng))

    def seen(self, count: int) -> dict[str, int]:
        """How many of the run's first ``count`` samples came from each data set."""
        counted = Counter(self.kinds[:count].tolist())
        return {kind: counted[number] for number, kind in enumerate(KINDS)}

    def _encoded(self, item: Conversation, patches: Tensor | None = None) -> Sample:
        sample = encode(self.tokenizer, item, self.settings.chat, self.view_tokens)
        return Sample(sample.ids, sample.labels, patches)

    def _patches(self, scene: Scene, rng: np.random.Generator) -> Tensor:
        gain = torch.from_numpy(color_gains(1, rng))[:, None, None]
        edge = 2 * Workspace().half_extent
        return patchify(scene.rgb, scene.depth, edge, self.model_config, self.settings, gain=gain)

    def collate(self, samples: Sequence[Sample]) -> dict[str, Tensor]:
        """A micro batch, padded on the right: ids, mask and labels (B, L), and the images of those that have views."""
        length = max(len(sample.ids) for sample in samples)
        ids = torch.full((len(samples), length), self.tokenizer.pad_token_id)
        labels = torch.full((len(samples), length), IGNORED)
        mask = torch.zeros((len(samples), length), dtype=torch.long)
        for row, sample in enumerate(samples):
            count = len(sample.ids)
            ids[row, :count], labels[row, :count] = torch.tensor(sample.ids), torch.tensor(sample.labels)
            mask[row, :count] = 1
        types = (ids == self.model_config.image_token_id).int()
        batch = {"input_ids": ids, "attention_mask": mask, "labels": labels, "mm_token_type_ids": types}
        patches = [sample.patches for sample in samples if sample.patches is not None]
        if patches:
            batch["pixel_values"] = torch.cat(patches)
            views = len(VIEW_NAMES) * len(patches)
            batch["image_grid_thw"] = torch.tensor([[1, self.grid, self.grid]] * views)
        return batch
