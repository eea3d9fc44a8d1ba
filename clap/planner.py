"""Coarse task planner: a Qwen2.5-VL that answers two rounds (paper, section 4.1, equation 4)."""

from __future__ import annotations

import difflib
import functools
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from transformers import PreTrainedTokenizerFast, Qwen2_5_VLConfig
from transformers.utils import logging as transformers_logging

from clap import language
from clap.constrained_decoding import Grammar, TextStreamer
from clap.failures import CheckpointError, InvalidInstructionError, InvalidPlannerTextError
from clap.geometry import VIEW_NAMES
from clap.planner_model import SETTINGS_FILE, PlannerModel, PlannerSettings, patch_grid, patchify
from clap.policy import OnText
from clap.prediction import Plan
from clap.views import CanonicalViews

MAX_INSTRUCTION_LENGTH = 400
IMAGE_PAD, VISION_START, VISION_END = "<|image_pad|>", "<|vision_start|>", "<|vision_end|>"
BOS, ANSWER = "<bos>", "<answer>"
CHAT_START, CHAT_END = "<|im_start|>user\n", "<|im_end|>\n<|im_start|>assistant\n"


@dataclass(frozen=True)
class Reasoning:
    """Round two: objects (name and (3, 2) int pixels), the step, ``keypoint_pixels`` (3, 2) int, the raw text."""

    objects: tuple[tuple[str, NDArray[np.int64]], ...]
    step: str
    keypoint_pixels: NDArray[np.int64]
    raw: str


def image_prefix(tokens_per_view: int) -> str:
    """The three named views as text, one <|image_pad|> per merged patch."""
    image = VISION_START + IMAGE_PAD * tokens_per_view + VISION_END
    return " ".join(f"{name} {image}" for name in VIEW_NAMES) + " "


def wrap_prompt(text: str, chat: bool) -> str:
    """A question between its opening and the mark after which the answer begins."""
    return f"{CHAT_START}{text}{CHAT_END}" if chat else f"{BOS} {text} {ANSWER}"


class CoarseTaskPlanner:
    """Answers both rounds with greedy, grammar-constrained generation on the CPU in float32."""

    def __init__(self, model: PlannerModel, tokenizer: PreTrainedTokenizerFast, settings: PlannerSettings):
        self.model, self.tokenizer, self.settings = model, tokenizer, settings
        self._grammar = Grammar(tokenizer, model.config.text_config.vocab_size)

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

    def plan(self, instruction: str, last_step: str, on_text: OnText | None = None) -> Plan:
        """Round one: the plan of the current sub-task, from the instruction and the last step alone.

        Raises InvalidInstructionError (empty, too long, unknown words) or InvalidPlannerTextError.
        """
        prompt = language.plan_prompt(self.check_instruction(instruction), last_step)
        text = self._generate(wrap_prompt(prompt, self.settings.chat), language.PLAN_GRAMMAR, on_text)
        return language.parse_plan(text)

    def reason(self, views: CanonicalViews, plan: Plan, last_step: str, on_text: OnText | None = None) -> Reasoning:
        """Round two: objects, step and keypoint from the three views, the plan (with steps) and the last step.

        Raises InvalidPlannerTextError if the length limit cut the answer.
        """
        if not plan.steps:
            raise ValueError(f"round two needs a plan with steps, this one is {plan.status.value}")
        edge = 2 * views.workspace.half_extent
        config = self.model.config
        patches = patchify(views.rgb, views.depth, edge, config, self.settings)
        grid = patch_grid(config, views.size)
        prefix = image_prefix((grid // config.vision_config.spatial_merge_size) ** 2)
        prompt = wrap_prompt(prefix + language.reasoning_prompt(plan.steps, last_step), self.settings.chat)
        images = {"pixel_values": patches, "image_grid_thw": torch.tensor([[1, grid, grid]] * len(VIEW_NAMES))}
        text = self._generate(prompt, language.reasoning_grammar(plan.steps, last_step), on_text, images)
        answer = language.parse_reasoning(text, plan.steps)
        objects = tuple((thing.name, thing.pixels) for thing in answer.objects)
        return Reasoning(objects, answer.step, answer.keypoint_pixels, text)

    def check_instruction(self, instruction: str) -> str:
        """The instruction as the planner is shown it. Raises InvalidInstructionError with a sentence and a hint."""
        if len(instruction) > MAX_INSTRUCTION_LENGTH:
            raise InvalidInstructionError(
                f"The instruction has {len(instruction):,} characters; at most {MAX_INSTRUCTION_LENGTH} are read."
            )
        words = language.normalise(instruction).split()
        if not words:
            raise InvalidInstructionError("The instruction is empty.")
        if not self.known_words:
            return " ".join(words)
        read = [self._known_form(word) for word in words]
        unknown = [word for word, form in zip(words, read, strict=True) if form is None]
        if len(unknown) == len(words):
            raise InvalidInstructionError(
                "I know none of these words. I read plain English about blocks, shapes, cups and the drawer."
            )
        if unknown:
            raise InvalidInstructionError(self._unknown_sentence(unknown))
        return " ".join(form for form in read if form)

    def _known_form(self, word: str) -> str | None:
        """The word, or its singular, if the vocabulary has it."""
        forms = [word]
        if word.endswith("es"):
            forms.append(word[:-2])
        if word.endswith("s"):
            forms.append(word[:-1])
        return next((form for form in forms if form in self.known_words), None)

    def _unknown_sentence(self, unknown: list[str]) -> str:
        parts = []
        for word in dict.fromkeys(unknown[:3]):
            near = difflib.get_close_matches(word, sorted(self.known_words), n=3, cutoff=0.6)
            parts.append(f'"{word}"' + (f" (did you mean {' or '.join(near)}?)" if near else ""))
        return f"I do not know the word{'s' if len(parts) > 1 else ''} {', '.join(parts)}."

    def _generate(
        self, prompt: str, grammar: str, on_text: OnText | None, images: dict[str, torch.Tensor] | None = None
    ) -> str:
        ids = self.tokenizer(prompt, return_tensors="pt", add_special_tokens=False)["input_ids"]
        inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids), **(images or {})}
        if images:
            inputs["mm_token_type_ids"] = (ids == self.model.config.image_token_id).int()
        streamer = TextStreamer(self.tokenizer, on_text) if on_text else None
        with torch.inference_mode():
            output = self.model.generate(
                **inputs,
                do_sample=False,
                max_new_tokens=self.max_new_tokens,
                logits_processor=[self._grammar.processor(grammar)],
                streamer=streamer,
                eos_token_id=self.tokenizer.eos_token_id,
                pad_token_id=self.tokenizer.pad_token_id,
            )[0, ids.shape[1] :]
        text = self.tokenizer.decode(output, skip_special_tokens=True).strip()
        if int(output[-1]) != self.tokenizer.eos_token_id and len(output) >= self.max_new_tokens:
            raise InvalidPlannerTextError("The planner's answer was cut at its length limit.", raw=text)
        return text

    @property
    def max_new_tokens(self) -> int:
        """Length limit of an answer: six objects with three pixels each fit with room to spare."""
        return 192 if self.known_words else 512


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
