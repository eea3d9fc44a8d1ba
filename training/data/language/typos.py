"""Misspellings of the words that matter most, made by rule: a letter dropped, doubled, swapped, or a key beside it."""

from __future__ import annotations

import json
import zlib
from collections.abc import Collection, Iterable
from importlib import resources

ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
PER_WORD = 6
"""At most this many misspellings of a word."""


def misspellings(known: Collection[str], core: Iterable[str]) -> dict[str, list[str]]:
    """Word -> its misspellings. None of them is a known word, a real one, or a misspelling of two words."""
    text = resources.files("training").joinpath("data/language/typos.json").read_text("utf-8")
    taken = set(known) | set(json.loads(text)["real_words"].split())
    table: dict[str, list[str]] = {}
    for word in sorted(set(core)):
        # The order is by hash: any rule may come first, and every run has the same ones.
        variants = sorted(set(_variants(word)) - taken, key=lambda text: zlib.crc32(text.encode()))
        table[word] = variants[:PER_WORD]
        taken.update(variants)
    return {word: variants for word, variants in table.items() if variants}


def candidates(word: str) -> list[str]:
    """Every misspelling that the rules allow."""
    return sorted(set(_variants(word)))


def _variants(word: str) -> Iterable[str]:
    for k in range(1, len(word)):
        if len(word) > 3:
            yield word[:k] + word[k + 1 :]
        yield word[:k] + word[k] + word[k:]
        if k + 1 < len(word):
            yield word[:k] + word[k + 1] + word[k] + word[k + 2 :]
        yield from (word[:k] + key + word[k + 1 :] for key in _beside(word[k]))


def _beside(letter: str) -> str:
    row = next((row for row in ROWS if letter in row), "")
    at = row.find(letter)
    return row[max(0, at - 1) : at] + row[at + 1 : at + 2] if row else ""
