"""A planner to train from scratch: word-level tokenizer and a 3.75M-parameter Qwen2.5-VL, initialised to learn.

Recipe and measurements: 64 image tokens a view, vision 2 x 192, language 4 x 192. Two choices decide whether so small
a model learns to see at all: ``initializer_range`` 0.06 (the default 0.02 suits widths near 3000), and coordinate
words that start as smooth Fourier features of their integer.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from importlib import resources

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, Qwen2_5_VLConfig

from clap.geometry.frames import IMAGE_SIZE
from clap.policies.base import INITIAL_STEP
from clap.policies.planner.constrained_decoding import WORD_MARK
from clap.policies.planner.local import ANSWER, BOS, IMAGE_PAD, VISION_END, VISION_START, CoarseTaskPlanner
from clap.policies.planner.model import PlannerModel, PlannerSettings, fourier_features
from clap.policies.planner.text_format import LOCATE_PROMPT, NAME_PROMPT, PROMPT_WORDS, normalise
from clap.policies.prediction import PlanStatus
from clap.worlds.tabletop import phrasing
from training.data.language import meaning
from training.data.language.lexicon import lexicon

PAD, EOS, UNKNOWN = "<pad>", "<eos>", "<unk>"
SPECIAL_TOKENS = (PAD, BOS, EOS, UNKNOWN, ANSWER, VISION_START, VISION_END, IMAGE_PAD)
INITIALIZER_RANGE = 0.06
MINI_SETTINGS = PlannerSettings("position", chat=False, image_mean=(0.5,) * 3, image_std=(0.5,) * 3, looks=9)


def words_of(value: object) -> Iterable[str]:
    """All words in the strings of nested JSON data; ``{slots}`` of templates are left out."""
    if isinstance(value, str):
        yield from (word for part in value.split() if "{" not in part for word in normalise(part).split())
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from words_of(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from words_of(item)


def vocabulary_words() -> list[str]:
    """Every word the planner may read or write, without the numbers, sorted."""
    instructions = json.loads(resources.files(phrasing.__package__).joinpath("instructions.json").read_text("utf-8"))
    texts = [
        instructions,
        [phrasing.pick_and_place_steps("", place) for place in (phrasing.cup(""), phrasing.SORTER, phrasing.DRAWER)],
        [phrasing.pick_and_place_steps(shape, phrasing.SORTER) for shape in phrasing.SHAPES],
        phrasing.OPEN_DRAWER_STEPS,
        phrasing.CATALOGUE,
        [*meaning.FIXED_REASONS, "there is no", "several match", *meaning.PLURALS, *meaning.PLURALS.values()],
        [INITIAL_STEP, LOCATE_PROMPT, NAME_PROMPT, *(status.value for status in PlanStatus)],
    ]
    words = {word for text in texts for word in words_of(text)} | set(PROMPT_WORDS) | lexicon().vocabulary()
    return sorted(word for word in words if not word.isdigit())


def word_tokenizer(words: Iterable[str]) -> PreTrainedTokenizerFast:
    """A word-level tokenizer with one token for each integer 0..223; the numbers are the last rows."""
    names = [*SPECIAL_TOKENS, *(WORD_MARK + word for word in words), *(f"{WORD_MARK}{k}" for k in range(IMAGE_SIZE))]
    tokenizer = Tokenizer(models.WordLevel({name: index for index, name in enumerate(names)}, unk_token=UNKNOWN))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement=WORD_MARK, prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace(replacement=WORD_MARK, prepend_scheme="always")
    # lstrip/rstrip: "<bos> task" must not leave a lone space behind as a word of its own.
    tokenizer.add_special_tokens([AddedToken(name, lstrip=True, rstrip=True, special=True) for name in SPECIAL_TOKENS])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        bos_token=BOS,
        eos_token=EOS,
        unk_token=UNKNOWN,
        additional_special_tokens=[ANSWER, VISION_START, VISION_END, IMAGE_PAD],
        clean_up_tokenization_spaces=False,
    )


def mini_config(tokenizer: PreTrainedTokenizerFast, width: int = 192, layers: int = 4) -> Qwen2_5_VLConfig:
    """The mini's configuration; ``width`` (a multiple of 64) and ``layers`` shrink it further for tests."""
    token = tokenizer.convert_tokens_to_ids
    vision_layers = max(1, layers // 2)
    config = Qwen2_5_VLConfig(
        vision_config={
            "depth": vision_layers,
            "hidden_size": width,
            "intermediate_size": 3 * width,
            "num_heads": width // 32,
            "in_channels": 3,
            "patch_size": 28,
            "spatial_merge_size": 1,
            "temporal_patch_size": 2,
            "window_size": IMAGE_SIZE,
            "out_hidden_size": width,
            "fullatt_block_indexes": list(range(vision_layers)),
            "rope_parameters": {"rope_type": "axial", "rope_theta": 100.0},
            "initializer_range": INITIALIZER_RANGE,
        },
        text_config={
            "vocab_size": len(tokenizer),
            "hidden_size": width,
            "intermediate_size": 3 * width,
            "num_hidden_layers": layers,
            "num_attention_heads": width // 64,
            "num_key_value_heads": width // 64,
            "max_position_embeddings": 2048,
            "bos_token_id": token(BOS),
            "eos_token_id": token(EOS),
            "pad_token_id": token(PAD),
            "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [8, 12, 12]},
            "initializer_range": INITIALIZER_RANGE,
            "tie_word_embeddings": True,
        },
        image_token_id=token(IMAGE_PAD),
        video_token_id=token(UNKNOWN),
        vision_start_token_id=token(VISION_START),
        vision_end_token_id=token(VISION_END),
        tie_word_embeddings=True,
        patch_stem="cnn",
    )
    config._attn_implementation = "sdpa"
    return config


def new_mini_planner(seed: int, width: int = 192, layers: int = 4) -> CoarseTaskPlanner:
    """An untrained mini with its tokenizer, the same for the same seed."""
    torch.manual_seed(seed)
    tokenizer = word_tokenizer(vocabulary_words())
    model = PlannerModel(mini_config(tokenizer, width, layers))
    first = number_token_zero(tokenizer)
    with torch.no_grad():
        rows = model.get_input_embeddings().weight[first : first + IMAGE_SIZE]
        features = fourier_features(torch.arange(IMAGE_SIZE) / IMAGE_SIZE, width)
        rows.copy_(features * INITIALIZER_RANGE * 1.2 + torch.randn_like(rows) * INITIALIZER_RANGE * 0.1)
    misspelt = sorted(word for words in lexicon().typos.values() for word in words)
    return CoarseTaskPlanner(model, tokenizer, replace(MINI_SETTINGS, misspelt=tuple(misspelt)))


def number_token_zero(tokenizer: PreTrainedTokenizerFast) -> int:
    """Id of the token "0"; the token of integer k is this plus k."""
    return tokenizer.convert_tokens_to_ids(WORD_MARK + "0")
