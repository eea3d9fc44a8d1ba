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
from transformers import PreTrainedTokenizerFast

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
    """Compiles regular expressions for one tokenizer and hands out fresh followers."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast, vocabulary_size: int):
        self._tokenizer = grammar_tokenizer(tokenizer, vocabulary_size)
        self._compiled = functools.lru_cache(maxsize=64)(self._compile)

    def _compile(self, regex: str) -> LLMatcher:
        matcher = LLMatcher(self._tokenizer, LLMatcher.grammar_from_regex(regex))
        if matcher.is_error():
            raise GrammarError(f"Not a usable grammar: {matcher.get_error()}")
        return matcher

    def follow(self, regex: str | None) -> Follower:
        """A follower of one answer that matches ``regex``; of any answer without one."""
        return Follower(None if regex is None else self._compiled(regex).deep_copy())


class Follower:
    """Goes along with one answer as it is written, and says with which tokens it may go on."""

    def __init__(self, matcher: LLMatcher | None):
        self._matcher = matcher

    def allowed(self, count: int) -> Tensor:
        """(count,) bool: the tokens that may come next. Raises GrammarError if none may."""
        if self._matcher is None:
            return torch.ones(count, dtype=torch.bool)
        bits = np.unpackbits(np.frombuffer(self._matcher.compute_bitmask(), np.uint8), bitorder="little")[:count]
        if not bits.any():
            raise GrammarError("no word of the vocabulary goes on with the answer")
        return torch.from_numpy(np.pad(bits, (0, count - len(bits))).astype(bool))

    def take(self, token: int) -> None:
        """This token was written."""
        if self._matcher is not None:
            self._matcher.consume_token(token)
