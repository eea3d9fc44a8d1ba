"""How the planner's model answers a question: greedy, under a grammar, with what it has read of the views kept.

Several questions are asked about the same views: what is there, the next step, and the step again if the operator
wants another prediction. The images are encoded, and the prompt read up to their end, once for all of them.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import DynamicCache, PreTrainedTokenizerFast, Qwen2_5_VLConfig

from clap.constrained_decoding import Grammar, TextStreamer
from clap.failures import InvalidPlannerTextError
from clap.geometry import VIEW_NAMES
from clap.planner_model import PlannerModel, PlannerSettings, patch_grid, patchify
from clap.policy import OnText
from clap.views import CanonicalViews

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
class _Seen:
    """Views that were read: keys and values of the prompt up to the last image, and how far the positions of what
    follows lie from its count of tokens (Qwen's rope deltas: a view's tokens take fewer positions than tokens)."""

    views: CanonicalViews
    cache: DynamicCache
    rope_deltas: Tensor


class Answers:
    """Answers questions about views, or about nothing but text, on the CPU in float32."""

    def __init__(self, model: PlannerModel, tokenizer: PreTrainedTokenizerFast, settings: PlannerSettings):
        self.model, self.tokenizer, self.settings = model, tokenizer, settings
        self._grammar = Grammar(tokenizer, model.config.text_config.vocab_size)
        self._seen: _Seen | None = None

    def answer(
        self,
        question: str,
        grammar: str | None,
        max_new_tokens: int,
        on_text: OnText | None = None,
        views: CanonicalViews | None = None,
    ) -> str:
        """The answer to ``question``, which follows the ``views`` if there are any; it matches ``grammar``, if any.

        Raises InvalidPlannerTextError if the length limit cut it.
        """
        prefix = "" if views is None else image_prefix(tokens_per_view(self.model.config, views.size))
        prompt = wrap_prompt(prefix + question, self.settings.chat)
        ids = self.tokenizer(prompt, return_tensors="pt", add_special_tokens=False)["input_ids"]
        with torch.inference_mode():
            output = self.model.generate(
                input_ids=ids,
                attention_mask=torch.ones_like(ids),
                **({} if views is None else self._about(views, ids)),
                do_sample=False,
                max_new_tokens=max_new_tokens,
                logits_processor=[self._grammar.processor(grammar)] if grammar else None,
                streamer=TextStreamer(self.tokenizer, on_text) if on_text else None,
                eos_token_id=self.tokenizer.eos_token_id,
                pad_token_id=self.tokenizer.pad_token_id,
            )[0, ids.shape[1] :]
        text = self.tokenizer.decode(output, skip_special_tokens=True).strip()
        if int(output[-1]) != self.tokenizer.eos_token_id and len(output) >= max_new_tokens:
            raise InvalidPlannerTextError("The planner's answer was cut at its length limit.", raw=text)
        return text

    def _about(self, views: CanonicalViews, ids: Tensor) -> Mapping[str, object]:
        """What generate() needs beside the prompt's ``ids``: the memory of the views, or the images themselves if the
        model's generation is to do without a cache."""
        if not self.model.generation_config.use_cache:
            return self._images(views, ids)
        if self._seen is None or self._seen.views is not views:
            self._seen = self._read(views, ids)
        self.model.model.rope_deltas = self._seen.rope_deltas
        return {"past_key_values": copy.deepcopy(self._seen.cache)}  # generate() writes the answer behind it

    def _read(self, views: CanonicalViews, ids: Tensor) -> _Seen:
        """Read the prompt up to the end of the last image, which is the same for every question about the views."""
        end = int((ids[0] == self.model.config.vision_end_token_id).nonzero()[-1]) + 1
        prefix = ids[:, :end]
        cache = DynamicCache(config=self.model.config.get_text_config())
        self.model.model(input_ids=prefix, past_key_values=cache, use_cache=True, **self._images(views, prefix))
        return _Seen(views, cache, self.model.model.rope_deltas)

    def _images(self, views: CanonicalViews, ids: Tensor) -> dict[str, Tensor]:
        edge = 2 * views.workspace.half_extent
        patches, grid = image_inputs(self.model.config, self.settings, views.rgb, views.depth, edge)
        is_image = (ids == self.model.config.image_token_id).int()
        return {"pixel_values": patches, "image_grid_thw": grid, "mm_token_type_ids": is_image}
