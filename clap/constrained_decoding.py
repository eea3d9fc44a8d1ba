"""Greedy decoding under a regular expression, for any Hugging Face tokenizer: a malformed answer cannot be written."""

from __future__ import annotations

import functools
import re

import numpy as np
import torch
from llguidance import LLMatcher, LLTokenizer, TokenizerWrapper
from llguidance.hf import from_tokenizer
from tokenizers.decoders import Metaspace
from torch import Tensor
from transformers import LogitsProcessor, PreTrainedTokenizerFast
from transformers.generation.streamers import BaseStreamer

from clap.policy import OnText

WORD_MARK = "▁"
"""Metaspace's mark of a word's leading space."""


class _WordTokens:
    """A word-level tokenizer as byte strings ("red "), which is what the grammar library wants to be told.

    The space trails, so that no word is the beginning of another ("object" of "objects") and no choice leads into a
    dead end. The library also spells out bytes that the grammar forces and that end inside a word ("the robot p"),
    so 256 byte tokens stand behind the vocabulary; the model has no logits for them and can never choose one.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerFast, vocabulary_size: int):
        self.eos_token_id, self.bos_token_id = tokenizer.eos_token_id, tokenizer.bos_token_id
        self.special_token_ids = list(tokenizer.all_special_ids)
        names = tokenizer.convert_ids_to_tokens(list(range(len(tokenizer))))
        words = [f"{name.removeprefix(WORD_MARK)} ".encode() for name in names]
        unused = [b""] * (vocabulary_size - len(words))
        self._first_byte = vocabulary_size
        self.tokens = words + unused + [bytes([value]) for value in range(256)]
        self._ids = {word: index for index, word in enumerate(words)}

    def __call__(self, text: bytes) -> list[int]:
        ids: list[int] = []
        for piece in re.findall(rb"[^ ]* ?", text):
            ids.extend([self._ids[piece]] if piece in self._ids else [self._first_byte + value for value in piece])
        return ids


def grammar_tokenizer(tokenizer: PreTrainedTokenizerFast, vocabulary_size: int) -> LLTokenizer:
    """The grammar library's view of a tokenizer (about a second for a large one: make it once)."""
    if isinstance(tokenizer.backend_tokenizer.decoder, Metaspace):
        return LLTokenizer(TokenizerWrapper(_WordTokens(tokenizer, vocabulary_size)))
    return from_tokenizer(tokenizer, n_vocab=vocabulary_size)


class GrammarError(ValueError):
    """A regular expression cannot be used; the text says why."""


class Grammar:
    """Compiles regular expressions for one tokenizer and hands out fresh matchers."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast, vocabulary_size: int):
        self._tokenizer = grammar_tokenizer(tokenizer, vocabulary_size)
        self._compiled = functools.lru_cache(maxsize=64)(self._compile)

    def _compile(self, regex: str) -> LLMatcher:
        matcher = LLMatcher(self._tokenizer, LLMatcher.grammar_from_regex(regex))
        if matcher.is_error():
            raise GrammarError(f"Not a usable grammar: {matcher.get_error()}")
        return matcher

    def processor(self, regex: str) -> GrammarProcessor:
        """A logits processor for one answer that follows ``regex``."""
        return GrammarProcessor(self._compiled(regex).deep_copy())


class GrammarProcessor(LogitsProcessor):
    """Masks every token with which the answer could not go on; one instance serves one batch-1 generation."""

    def __init__(self, matcher: LLMatcher):
        self._matcher = matcher
        self._started = False

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        if self._started:
            self._matcher.consume_token(int(input_ids[0, -1]))
        self._started = True
        bits = np.unpackbits(np.frombuffer(self._matcher.compute_bitmask(), np.uint8), bitorder="little")
        allowed = torch.zeros(scores.shape[-1], dtype=torch.bool)
        count = min(len(bits), len(allowed))
        allowed[:count] = torch.from_numpy(bits[:count].astype(bool))
        if not allowed.any():
            raise GrammarError("no word of the vocabulary goes on with the answer")
        return scores.masked_fill(~allowed.to(scores.device), float("-inf"))


class TextStreamer(BaseStreamer):
    """Passes the text written so far to a callback, token by token."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast, on_text: OnText):
        self._tokenizer, self._on_text = tokenizer, on_text
        self._ids: list[int] = []
        self._prompt_seen = False

    def put(self, value: Tensor) -> None:
        if not self._prompt_seen:  # generate() streams the prompt first
            self._prompt_seen = True
            return
        self._ids.extend(value.flatten().tolist())
        self._on_text(self._tokenizer.decode(self._ids, skip_special_tokens=True).strip())

    def end(self) -> None:
        return
