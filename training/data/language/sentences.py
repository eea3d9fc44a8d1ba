"""Words for things, and sentences from templates, with the key that decides to which split a sentence belongs."""

from __future__ import annotations

import functools
import re
import zlib
from collections.abc import Mapping, Sequence

import numpy as np

from training.data.language.lexicon import BASE, ING, PAST, Lexicon, Verb, data
from training.data.language.meaning import PLURALS, Ref
from training.data.language.tables import pick

HELD_OUT_SHARE = 10
"""One key in this many is never trained on. A key is a sentence's skeleton: its words but for the things' names."""

_SLOT = re.compile(r"\{(\w+)\}")
_VERBS = ("put", "take", "sort", "open", "pull", "verb")


@functools.lru_cache(200_000)
def is_held_out(key: str) -> bool:
    """Whether sentences with this key belong to the tests."""
    return zlib.crc32(key.encode()) % HELD_OUT_SHARE == 0


@functools.cache
def slots_of(template: str) -> frozenset[str]:
    """The names of a template's slots."""
    return frozenset(_SLOT.findall(template))


@functools.cache
def _verb_keys(template: str) -> tuple[str, ...]:
    return tuple(key for key in _VERBS if any(slot.split("_")[0] == key for slot in slots_of(template)))


@functools.lru_cache(200_000)
def skeleton(template: str, verbs: tuple[Verb, ...], form: int) -> str:
    """The template with its verbs in; "_" of a verb ("set _ down") takes the object that follows."""
    chosen = dict(zip(_verb_keys(template), verbs, strict=True))
    text = template
    for key, verb in chosen.items():
        for slot, words in ((key, verb.forms[form]), (f"{key}_pp", verb.forms[PAST]), (f"{key}_ing", verb.forms[ING])):
            before, _, after = words.partition(" _")
            with_object = rf"\{{{slot}\}}( \{{\w+\}}| it\b| this\b| that\b| them\b|)"
            if words.endswith(" up"):
                text = re.sub(rf"\{{{slot}\}} it\b", f"{words[:-3]} it up", text)
            text = re.sub(with_object, lambda match, b=before, a=after: b + match[1] + a, text)  # type: ignore[misc]
    return text


class Sentences:
    """Draws sentences whose keys belong to one split."""

    def __init__(self, lexicon: Lexicon):
        self.lexicon = lexicon
        self.templates = data("templates")
        self.compositions = data("compositions")

    def choose(
        self, rng: np.random.Generator, templates: Sequence[str], held_out: bool | None, form: int = BASE
    ) -> tuple[str, str]:
        """(skeleton in ``form``, key) of a template and verbs that belong to the split; to any if that is None."""
        while True:
            template = pick(rng, templates)
            verbs = tuple(self._verb(rng, key) for key in _verb_keys(template))
            key = skeleton(template, verbs, BASE)
            if held_out is None or is_held_out(key) == held_out:
                return skeleton(template, verbs, form), key

    def _verb(self, rng: np.random.Generator, key: str) -> Verb:
        return pick(rng, self.lexicon.impossible_verbs) if key == "verb" else self.lexicon.verb(rng, key)

    def fill(self, rng: np.random.Generator, text: str, slots: Mapping[str, str]) -> str:
        """A skeleton with its things in; ``{into}`` and ``{inside}`` are drawn for each place."""
        return _SLOT.sub(lambda match: slots.get(match[1]) or self.lexicon.word(rng, match[1]), text)

    def the(self, rng: np.random.Generator, phrase: str, definite: bool = False) -> str:
        """A phrase with an article."""
        article = pick(rng, self.lexicon.words["definite" if definite else "article"][0])
        if article == "a" and phrase[0] in "aeiou":
            article = "an"
        return f"{article} {phrase}" if article else phrase

    def phrase(self, rng: np.random.Generator, ref: Ref) -> str:
        """Words for a thing, with its article."""
        if ref.kind == "drawer":
            return self._drawer(rng, ref.state)
        if ref.kind in ("sorter", "handle"):
            return self.the(rng, self.lexicon.word(rng, ref.kind), definite=True)
        if not ref.color:
            return self.the(rng, self._noun(rng, ref.kind), definite=ref.kind in PLURALS)
        color = self.lexicon.color(rng, ref.color)
        draw = rng.random()
        if draw < 0.78 or ref.kind not in PLURALS:
            kind = "cup_colored" if ref.kind == "cup" and rng.random() < 0.08 else ref.kind
            return self.the(rng, f"{color} {self._noun(rng, kind)}")
        noun = self._noun(rng, ref.kind)
        if draw < 0.88:
            return self.the(rng, pick(rng, _WITH_COLOR).format(color=color, noun=noun), definite=True)
        if draw < 0.96:
            nouns = self.lexicon.word(rng, PLURALS[ref.kind])
            return pick(rng, _ONE_OF).format(color=color, nouns=nouns)
        return self.the(rng, f"{pick(rng, self.lexicon.words['adjectives'][0])} {color} {noun}")

    def _noun(self, rng: np.random.Generator, kind: str) -> str:
        return self.lexicon.word(rng, kind)

    def _drawer(self, rng: np.random.Generator, state: str) -> str:
        noun = self.lexicon.word(rng, "drawer")
        if not state:
            return self.the(rng, noun, definite=True)
        if rng.random() < 0.65:
            return self.the(rng, f"{self.lexicon.word(rng, f'{state}_state')} {noun}", definite=True)
        return self.the(rng, f"{noun} {self.lexicon.word(rng, f'said_{state}')}", definite=True)

    def framed(self, rng: np.random.Generator, text: str, form: int | None) -> str:
        """A sentence with what people say before and after it; ``form`` None: it is no command."""
        frames = data("frames")
        after = "after_short" if rng.random() < 0.5 else "after"
        before = "greeting" if form is None else "before_ing" if form == ING else "before"
        return f"{pick(rng, frames[before])} {text} {pick(rng, frames[after])}"

    def misspelt(self, rng: np.random.Generator, text: str, share: float) -> str:
        """With probability ``share`` one or two words of the text are misspelt."""
        if rng.random() >= share:
            return text
        words = text.split()
        for _ in range(1 + (rng.random() < 0.25)):
            at = [k for k, word in enumerate(words) if word in self.lexicon.typos]
            if at:
                chosen = pick(rng, at)
                words[chosen] = pick(rng, self.lexicon.typos[words[chosen]])
        return " ".join(words)


_WITH_COLOR = (
    *("{noun} that is {color}", "{noun} which is {color}", "{color} colored {noun}", "{color} coloured {noun}"),
    *(
        "{noun} with the color {color}",
        "{noun} with {color} color",
        "{noun} of {color} color",
        "{noun} painted {color}",
    ),
    *(
        "{noun} whose color is {color}",
        "{noun} with the colour {color}",
        "{noun} colored {color}",
        "{color} looking {noun}",
    ),
    *(
        "{noun} whose colour is {color}",
        "{noun} of the color {color}",
        "{noun} which has {color} color",
        "{noun} that has {color} color",
    ),
)
_ONE_OF = (
    *("the {color} one of the {nouns}", "the {color} one out of the {nouns}", "of the {nouns} the {color} one"),
    *(
        "the one of the {nouns} that is {color}",
        "one of the {nouns} the {color} one",
        "the {color} one of these {nouns}",
    ),
)
