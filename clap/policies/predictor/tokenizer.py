"""The word-level tokenizer of clap-mini's text tower: one token a word, unknown words to ``<unk>``."""

from __future__ import annotations

from collections.abc import Iterable

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from clap.worlds.tabletop import phrasing


def tabletop_steps() -> tuple[str, ...]:
    """Every step instruction that the tabletop world can ask for."""
    blocks = [phrasing.block(color) for color in phrasing.BLOCK_COLORS]
    cups = [phrasing.cup(color) for color in phrasing.BLOCK_COLORS]
    steps = {
        step
        for thing in (*blocks, *phrasing.SHAPES)
        for container in (*cups, phrasing.SORTER, phrasing.DRAWER)
        for step in phrasing.pick_and_place_steps(thing, container)
    }
    return (*sorted(steps), *phrasing.OPEN_DRAWER_STEPS)


def build_tokenizer(steps: Iterable[str]) -> PreTrainedTokenizerFast:
    """A tokenizer over the words of the given steps and of the tabletop world, in a stable order."""
    words = sorted({word for step in (*steps, *tabletop_steps()) for word in step.lower().split()})
    vocabulary = {word: k for k, word in enumerate(["<pad>", "<unk>", *words])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>", unk_token="<unk>")
