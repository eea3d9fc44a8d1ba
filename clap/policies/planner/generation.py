"""How the planner's model answers a question: greedy, under a grammar, with what it has read of the views kept.

Several questions are asked about the same views: what is there, the next step, and the step again if the operator
wants another prediction. The images are encoded, and the prompt read up to their end, once for all of them. Where the
grammar leaves no choice, a token costs nothing: the model reads it together with the next one that it does choose.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import PreTrainedTokenizerFast, Qwen2_5_VLConfig

from clap.errors import InvalidPlannerTextError
from clap.geometry.frames import VIEW_NAMES
from clap.geometry.views import CanonicalViews
from clap.policies.planner.constrained_decoding import Grammar
from clap.policies.planner.model import PlannerModel, PlannerSettings, patch_grid, patchify
from clap.policies.planner.prefix_cache import PrefixCache, rows_of
from clap.policies.planner.question import Question
from clap.policies.planner.test_time_augmentation import TestTimeAugmentation

IMAGE_PAD, VISION_START, VISION_END = "<|image_pad|>", "<|vision_start|>", "<|vision_end|>"
BOS, ANSWER = "<bos>", "<answer>"
CHAT_START, CHAT_END = "<|im_start|>user\n", "<|im_end|>\n<|im_start|>assistant\n"


def image_prefix(tokens_per_view: int) -> str:
    """The three named views as text, one <|image_pad|> per merged patch."""
    image = VISION_START + IMAGE_PAD * tokens_per_view + VISION_END
    return " ".join(f"{name} {image}" for name in VIEW_NAMES) + " "


def wrap_prompt(text: str, chat: bool) -> str:
    """A question between its opening and the mark after which the answer begins."""
    return f"{CHAT_START}{text}{CHAT_END}" if chat else f"{BOS} {text} {ANSWER}"


def tokens_per_view(config: Qwen2_5_VLConfig, size: int) -> int:
    """Image tokens of a view of ``size`` pixels. Raises CheckpointError if it does not divide into patches."""
    return (patch_grid(config, size) // config.vision_config.spatial_merge_size) ** 2


def image_inputs(
    config: Qwen2_5_VLConfig,
    settings: PlannerSettings,
    rgb: NDArray[np.uint8],
    depth: NDArray[np.floating],
    edge: float,
) -> tuple[Tensor, Tensor]:
    """Views, rgb (N, S, S, 3) and depth (N, S, S) in a cube of ``edge`` metres, as the model's patches and grid."""
    grid = patch_grid(config, rgb.shape[1])
    return patchify(rgb, depth, edge, config, settings), torch.tensor([[1, grid, grid]] * len(rgb))


@dataclass(frozen=True)
class Answer:
    """An answer's text, and the ``spread`` (3, 2) pixels of its last place in each view over several looks; 0 where
    there was a single one."""

    text: str
    spread: NDArray[np.float64]


@dataclass(frozen=True)
class _Seen:
    """Views that were read by all looks: the prompt up to the last image, ``length`` tokens of it."""

    views: CanonicalViews
    prefix_cache: PrefixCache
    length: int


class Answers:
    """Answers questions about views, or about nothing but text, on the CPU in float32.

    Raises CheckpointError if the settings ask for looks that the tokenizer does not allow.
    """

    def __init__(self, model: PlannerModel, tokenizer: PreTrainedTokenizerFast, settings: PlannerSettings):
        self.model, self.tokenizer, self.settings = model, tokenizer, settings
        self._grammar = Grammar(tokenizer, model.config.text_config.vocab_size)
        self._augmentation, self._single_view = (
            TestTimeAugmentation(tokenizer, settings.looks),
            TestTimeAugmentation(tokenizer, 1),
        )
        self._seen: _Seen | None = None

    def answer(self, question: Question, max_new_tokens: int) -> Answer:
        """The answer to a question. Raises InvalidPlannerTextError if the length limit cut it."""
        views = question.views
        with torch.inference_mode():
            if views is None:
                ids = self._encode(wrap_prompt(question.text, self.settings.chat))
                return self._write(PrefixCache(self.model), ids, self._single_view, question, max_new_tokens)
            prefix = image_prefix(tokens_per_view(self.model.config, views.size))
            ids = self._encode(wrap_prompt(prefix + question.text, self.settings.chat))
            seen = self._read(views, ids)
            rest = ids[seen.length :]
            return self._write(seen.prefix_cache, rest, self._augmentation, question, max_new_tokens, views.size)

    def _encode(self, text: str) -> list[int]:
        ids: list[int] = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids

    def _write(
        self,
        prefix_cache: PrefixCache,
        prompt: list[int],
        looks: TestTimeAugmentation,
        question: Question,
        max_new_tokens: int,
        size: int = 0,
    ) -> Answer:
        """Write an answer behind what was read and the rest of the ``prompt``."""
        follower, places = self._grammar.follow(question.grammar), looks.answer(size)
        unread, written = [rows_of(prompt, looks.count)], list[int]()
        while len(written) < max_new_tokens:
            allowed = follower.allowed(self.model.config.text_config.vocab_size)
            logits = None
            if allowed.sum() == 1:
                token = int(allowed.int().argmax())
            else:
                logits, unread = prefix_cache.read(torch.cat(unread, 1)), []
                token = int(logits.log_softmax(-1).mean(0).masked_fill(~allowed, float("-inf")).argmax())
            token, own = places.follow(token, logits)
            written.append(token)
            if token == self.tokenizer.eos_token_id:
                return Answer(self._text(written), places.spread)
            follower.take(token)
            unread.append(own[:, None])
            if question.on_text is not None:
                question.on_text(self._text(written))
        raise InvalidPlannerTextError("The planner's answer was cut at its length limit.", raw=self._text(written))

    def _text(self, written: list[int]) -> str:
        text: str = self.tokenizer.decode(written, skip_special_tokens=True)
        return text.strip()

    def _read(self, views: CanonicalViews, ids: list[int]) -> _Seen:
        """What all looks have read of the views: the prompt up to the end of the last image, which is the same for
        every question about them."""
        if self._seen is not None and self._seen.views is views:
            self._seen.prefix_cache.back_to(self._seen.length)
            return self._seen
        end = len(ids) - ids[::-1].index(self.model.config.vision_end_token_id)
        prompt = rows_of(ids[:end], self._augmentation.count)
        patches, grid = image_inputs(
            self.model.config, self.settings, *self._augmentation.shown(views), 2 * views.workspace.half_extent
        )
        prefix_cache = PrefixCache(self.model)
        is_image = (prompt == self.model.config.image_token_id).int()
        prefix_cache.read(prompt, pixel_values=patches, image_grid_thw=grid, mm_token_type_ids=is_image)
        self._seen = _Seen(views, prefix_cache, end)
        return self._seen
