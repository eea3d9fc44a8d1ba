"""A tiny random Qwen2.5-VL with the stock patch embedding and a byte-level chat tokenizer, as a checkpoint folder."""

from __future__ import annotations

from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, Qwen2_5_VLConfig

from clap.policies.planner.local import IMAGE_PAD, VISION_END, VISION_START
from clap.policies.planner.model import PlannerModel

WORDS = ("robot", "the", "front", "left", "top", "red", "green", "blue", "yellow", "block", "cup", "moves", "above",
         "grasps", "lifts", "places", "lowers", "releases", "and", "with", "objects", "step", "last", "in", "of",
         "keypoint")  # fmt: skip


def chat_tokenizer() -> PreTrainedTokenizerFast:
    """Bytes, some whole words, and Qwen's special tokens; a digit is a token, as Qwen's are."""
    merges: list[tuple[str, str]] = []
    for word in (f"Ġ{word}" for word in WORDS):
        merges += [(word[:end], word[end]) for end in range(1, len(word))]
    merges = list(dict.fromkeys(merges))
    symbols = [*sorted(pre_tokenizers.ByteLevel.alphabet()), *("".join(pair) for pair in merges)]
    vocabulary = {symbol: index for index, symbol in enumerate(dict.fromkeys(symbols))}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        additional_special_tokens=["<|im_start|>", VISION_START, VISION_END, IMAGE_PAD],
    )


def tiny_config(tokenizer: PreTrainedTokenizerFast, width: int = 64) -> Qwen2_5_VLConfig:
    """Qwen2.5-VL's architecture at two layers: grouped keys, windowed and full attention, tied embeddings."""
    token = tokenizer.convert_tokens_to_ids
    return Qwen2_5_VLConfig(
        text_config={
            "vocab_size": len(tokenizer),
            "hidden_size": width,
            "intermediate_size": 3 * width,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "bos_token_id": None,
            "eos_token_id": token("<|im_end|>"),
            "pad_token_id": token("<|endoftext|>"),
            "rope_parameters": {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [2, 3, 3]},
            "tie_word_embeddings": True,
        },
        vision_config={
            "depth": 2,
            "hidden_size": width,
            "intermediate_size": 3 * width,
            "num_heads": 2,
            "out_hidden_size": width,
            "fullatt_block_indexes": [1],
            "window_size": 112,
        },
        image_token_id=token(IMAGE_PAD),
        video_token_id=token("<|im_start|>"),
        vision_start_token_id=token(VISION_START),
        vision_end_token_id=token(VISION_END),
        tie_word_embeddings=True,
    )


def save_tiny_qwen(folder: Path) -> None:
    """Write the same random checkpoint each time, without a planner.json: as a stock one comes."""
    tokenizer = chat_tokenizer()
    torch.manual_seed(0)
    PlannerModel(tiny_config(tokenizer)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
