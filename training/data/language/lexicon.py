"""The words of the language data and their forms, read from ``data/language``."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from typing import Any

import numpy as np

from clap.policies.planner.text_format import normalise
from training.data.language.tables import pick
from training.data.language.typos import misspellings

BASE, ING, PAST = 0, 1, 2
"""Forms of a verb: put, putting, put (the participle)."""
COMMON_SHARE = 0.5
"""How often the basic word is taken rather than one of its synonyms."""


@functools.cache
def data(name: str) -> dict[str, Any]:
    """One of the data files: lexicon, frames, templates, compositions, impossible, colors."""
    return json.loads(resources.files("training").joinpath(f"data/language/{name}.json").read_text("utf-8"))


@dataclass(frozen=True)
class Verb:
    """A verb in its three forms; "_" marks where an object goes between verb and particle ("set _ down")."""

    forms: tuple[str, str, str]

    def __str__(self) -> str:
        return self.forms[BASE]


def inflect(verb: str) -> Verb:
    """The forms of a verb, of which the first word changes."""
    head, _, rest = verb.partition(" ")
    doubled = head + head[-1] if head in data("lexicon")["doubling"] else head
    silent = head.endswith("e") and not head.endswith(("ee", "oe", "ye"))
    ing = f"{head[:-2]}ying" if head.endswith("ie") else f"{head[:-1] if silent else doubled}ing"
    if head in data("lexicon")["irregular"]:
        past = data("lexicon")["irregular"][head]
    elif head.endswith("e"):
        past = f"{head}d"
    elif head.endswith("y") and head[-2] not in "aeiou":
        past = f"{head[:-1]}ied"
    else:
        past = f"{doubled}ed"
    return Verb(tuple(f"{form} {rest}".strip() for form in (head, ing, past)))  # type: ignore[arg-type]


class Lexicon:
    """Draws words: nouns and prepositions by key, verbs by key, colour names by basic colour."""

    def __init__(self) -> None:
        words = data("lexicon")
        self.words: dict[str, tuple[list[str], list[str]]] = {}
        for key, value in words.items():
            if isinstance(value, list):
                self.words[key] = (value, value)
            elif "common" in value:
                self.words[key] = (value["common"], value["more"])
        self.verbs = {
            key: ([inflect(verb) for verb in value["common"]], [inflect(verb) for verb in value["more"]])
            for key, value in words["verbs"].items()
        }
        self.colors: dict[str, list[str]] = data("colors")["names"]
        self.impossible_verbs = [inflect(verb) for verb in data("impossible")["verbs"].split()]
        self.nouns = sorted({noun for group in data("impossible")["nouns"].values() for noun in group.split()})
        self.typos = misspellings(self.known_words(), self._core())

    def word(self, rng: np.random.Generator, key: str) -> str:
        """A noun, preposition or other phrase."""
        return pick(rng, self.words[key][rng.random() >= COMMON_SHARE])

    def verb(self, rng: np.random.Generator, key: str) -> Verb:
        """A verb."""
        return pick(rng, self.verbs[key][rng.random() >= COMMON_SHARE])

    def color(self, rng: np.random.Generator, basic: str) -> str:
        """A name of a basic colour."""
        return basic if rng.random() < COMMON_SHARE else pick(rng, self.colors[basic])

    def known_words(self) -> set[str]:
        words = {word for text in _texts([self.colors, *(data(name) for name in FILES)]) for word in text}
        words |= {word for verb in self._all_verbs() for form in verb.forms for word in form.split()}
        return {part for word in words - {"_"} for part in normalise(word).split()}

    def _all_verbs(self) -> list[Verb]:
        return [*self.impossible_verbs, *(verb for pair in self.verbs.values() for part in pair for verb in part)]

    def _core(self) -> list[str]:
        phrases = [phrase for value in self.words.values() for phrase in value[0]]
        verbs = [verb.forms[form] for pair in self.verbs.values() for verb in pair[0] for form in (BASE, ING)]
        extra = data("typos")["core"].split()
        return sorted({word for text in (*phrases, *verbs, *extra) for word in text.split() if len(word) > 2})

    def vocabulary(self) -> set[str]:
        """Every word that an instruction may have, as the planner is shown it, typos included."""
        return self.known_words() | {typo for typos in self.typos.values() for typo in typos}


FILES = ("lexicon", "frames", "templates", "compositions", "impossible")


def _texts(value: object) -> Iterator[list[str]]:
    if isinstance(value, str):
        yield [word for word in value.split() if not set(word) & set("{}_")]
    elif isinstance(value, dict):
        for child in value.values():
            yield from _texts(child)
    elif isinstance(value, list):
        for child in value:
            yield from _texts(child)


@functools.cache
def lexicon() -> Lexicon:
    """The lexicon, read once."""
    return Lexicon()
