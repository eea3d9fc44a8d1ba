"""The planner's answers as transformers' ``generate`` gives them under the same grammar: ours are held against them."""

from __future__ import annotations

import torch
from torch import Tensor
from transformers import LogitsProcessor

from clap.policies.planner.constrained_decoding import Follower, Grammar
from clap.policies.planner.generation import image_inputs, image_prefix, tokens_per_view, wrap_prompt
from clap.policies.planner.local import CoarseTaskPlanner
from clap.policies.planner.question import Question
from clap.policies.planner.rounds import PlannerRounds


class GrammarProcessor(LogitsProcessor):
    """Masks every token with which the answer could not go on; one instance serves one batch-1 generation."""

    def __init__(self, follower: Follower):
        self._follower = follower
        self._started = False

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        if self._started:
            self._follower.take(int(input_ids[0, -1]))
        self._started = True
        return scores.masked_fill(~self._follower.allowed(scores.shape[-1]), float("-inf"))


class LibraryPlanner(PlannerRounds):
    """The same planner with a single look, greedily; the prompt is read anew for each question."""

    def __init__(self, planner: CoarseTaskPlanner):
        self.settings = planner.settings
        self._planner = planner
        self._grammar = Grammar(planner.tokenizer, planner.model.config.text_config.vocab_size)

    @property
    def known_words(self) -> frozenset[str]:
        return self._planner.known_words

    def answer(self, question: Question) -> str:
        """See PlannerRounds; the text comes at the end."""
        views, model, tokenizer = question.views, self._planner.model, self._planner.tokenizer
        prefix = "" if views is None else image_prefix(tokens_per_view(model.config, views.size))
        prompt = wrap_prompt(prefix + question.text, self.settings.chat)
        ids = tokenizer(prompt, return_tensors="pt", add_special_tokens=False)["input_ids"]
        images: dict[str, Tensor] = {}
        if views is not None:
            edge = 2 * views.workspace.half_extent
            patches, grid = image_inputs(model.config, self.settings, views.rgb, views.depth, edge)
            is_image = (ids == model.config.image_token_id).int()
            images = {"pixel_values": patches, "image_grid_thw": grid, "mm_token_type_ids": is_image}
        with torch.inference_mode():
            output = model.generate(
                input_ids=ids,
                attention_mask=torch.ones_like(ids),
                **images,
                do_sample=False,
                max_new_tokens=question.max_new_tokens or self.max_new_tokens,
                logits_processor=[GrammarProcessor(self._grammar.follow(question.grammar))],
                eos_token_id=tokenizer.eos_token_id,
                pad_token_id=tokenizer.pad_token_id,
            )[0, ids.shape[1] :]
        text: str = tokenizer.decode(output, skip_special_tokens=True)
        if question.on_text is not None:
            question.on_text(text.strip())
        return text.strip()
