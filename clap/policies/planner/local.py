"""Coarse task planner: a Qwen2.5-VL that names what it sees, plans, and reasons (paper, section 4.1, equation 4)."""

from __future__ import annotations

import functools
import json
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from transformers import PreTrainedTokenizerFast, Qwen2_5_VLConfig
from transformers.utils import logging as transformers_logging

from clap.errors import CheckpointError
from clap.policies.planner.generation import (
    ANSWER,
    BOS,
    IMAGE_PAD,
    VISION_END,
    VISION_START,
    Answers,
    image_prefix,
    wrap_prompt,
)
from clap.policies.planner.model import SETTINGS_FILE, PlannerModel, PlannerSettings
from clap.policies.planner.question import Question
from clap.policies.planner.rounds import PlannerRounds, Reasoning

__all__ = [
    "ANSWER",
    "BOS",
    "IMAGE_PAD",
    "VISION_END",
    "VISION_START",
    "CoarseTaskPlanner",
    "Reasoning",
    "image_prefix",
    "wrap_prompt",
]


class CoarseTaskPlanner(PlannerRounds):
    """Answers all rounds with greedy, grammar-constrained generation on the CPU in float32."""

    def __init__(self, model: PlannerModel, tokenizer: PreTrainedTokenizerFast, settings: PlannerSettings):
        self.model, self.tokenizer, self.settings = model, tokenizer, settings
        self._answers = Answers(model, tokenizer, settings)

    @classmethod
    def load(cls, folder: str | Path) -> CoarseTaskPlanner:
        """Load a checkpoint folder: config.json, tokenizer files, safetensors and, for a mini, planner.json.

        Raises CheckpointError if the folder is missing or incomplete.
        """
        folder = Path(folder)
        if not folder.is_dir():
            raise CheckpointError(f"There is no planner checkpoint at {folder}.")
        missing = [name for name in ("config.json", "tokenizer.json") if not (folder / name).is_file()]
        if not any(folder.glob("*.safetensors")):
            missing.append("model.safetensors")
        if missing:
            raise CheckpointError(f"The planner checkpoint {folder} is incomplete: it lacks {', '.join(missing)}.")
        transformers_logging.disable_progress_bar()
        try:
            config = Qwen2_5_VLConfig.from_pretrained(folder, local_files_only=True)
            tokenizer = PreTrainedTokenizerFast.from_pretrained(folder, local_files_only=True)
            model, report = PlannerModel.from_pretrained(
                folder,
                config=config,
                dtype=torch.float32,
                local_files_only=True,
                use_safetensors=True,
                output_loading_info=True,
            )
        except (OSError, ValueError, RuntimeError, TypeError, KeyError, SafetensorError) as error:
            raise CheckpointError(f"The planner checkpoint {folder} cannot be read: {error}") from error
        if report["missing_keys"]:
            raise CheckpointError(
                f"The planner checkpoint {folder} is incomplete: its weights lack {sorted(report['missing_keys'])[:3]}."
            )
        return cls(model.eval(), tokenizer, _settings(folder))

    def save(self, folder: str | Path) -> None:
        """Write weights (safetensors), config, tokenizer and planner.json into ``folder``."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        transformers_logging.disable_progress_bar()
        self.model.save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)
        self.settings.save(folder)

    @functools.cached_property
    def known_words(self) -> frozenset[str]:
        """Words of a word-level vocabulary; empty for a subword tokenizer, which can spell any word."""
        if self.tokenizer.unk_token_id is None:
            return frozenset()
        words = (name.removeprefix("▁") for name in self.tokenizer.get_vocab())
        return frozenset(word for word in words if word.isalnum())

    def answer(self, question: Question) -> str:
        """The model's answer to any question; see Answers.answer."""
        return self._answers.answer(question, question.max_new_tokens or self.max_new_tokens).text

    def answer_places(self, question: Question) -> tuple[str, NDArray[np.float64]]:
        """As ``answer``, with the scatter of the looks; see planner_looks."""
        answer = self._answers.answer(question, question.max_new_tokens or self.max_new_tokens)
        return answer.text, answer.spread


def _settings(folder: Path) -> PlannerSettings:
    """planner.json, or the stock settings with the image statistics of the checkpoint's preprocessor_config.json."""
    path = folder / "preprocessor_config.json"
    if (folder / SETTINGS_FILE).exists() or not path.exists():
        return PlannerSettings.load(folder)
    values = json.loads(path.read_text("utf-8"))
    stock = PlannerSettings()
    return PlannerSettings(
        image_mean=tuple(values.get("image_mean", stock.image_mean)),
        image_std=tuple(values.get("image_std", stock.image_std)),
    )
