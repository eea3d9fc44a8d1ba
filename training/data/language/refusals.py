"""Requests that are refused on every table: impossible, senseless, unfinished, forbidden, or no request at all."""

from __future__ import annotations

import numpy as np

from clap.worlds.tabletop import phrasing
from training.data.language import meaning
from training.data.language.lexicon import data
from training.data.language.meaning import Ref
from training.data.language.sentences import Sentences, is_held_out
from training.data.language.tables import pick
from training.data.language.wording import COLORS, ObjectWording, Wording

KINDS = (
    ("impossible", 0.20, meaning.NOT_POSSIBLE),
    ("take_out", 0.16, meaning.NOT_POSSIBLE),
    ("ooc_thing", 0.21, meaning.NO_SUCH_OBJECT),
    ("not_a_place", 0.11, meaning.NOT_A_PLACE),
    ("not_pickable", 0.06, meaning.NOT_PICKABLE),
    ("negated", 0.08, meaning.NEGATED),
    ("unsaid_what", 0.03, meaning.WHAT_IS_UNSAID),
    ("unsaid_where", 0.05, meaning.WHERE_IS_UNSAID),
    ("questions", 0.05, meaning.NOT_A_TASK),
    ("small_talk", 0.02, meaning.NOT_A_TASK),
    ("salad", 0.03, meaning.NOT_A_TASK),
)
"""Kind, share, reason."""


class Refusals:
    """Draws requests to be refused whose sentences are trained on, or held out of training."""

    def __init__(self, sentences: Sentences, held_out: bool):
        self.sentences, self.held_out = sentences, held_out
        self.templates = {**sentences.templates, "questions": data("impossible")["questions"]}
        self.small_talk = [text for text in data("impossible")["small_talk"] if is_held_out(text) == held_out]
        self._salad_words = sorted(sentences.lexicon.vocabulary())
        self._edges = np.cumsum([share for _, share, _ in KINDS]).tolist()

    def draw(self, rng: np.random.Generator, table: tuple[str, ...], things: ObjectWording) -> Wording:
        """A request that is refused."""
        at = rng.random() * self._edges[-1]
        kind, _, reason = KINDS[next(k for k, edge in enumerate(self._edges) if at < edge)]
        if kind == "salad":
            return Wording(self._salad(rng), reason=reason)
        if kind == "small_talk":
            text = pick(rng, self.small_talk)
            return Wording(text, reason=reason, keys=(text,))
        while True:
            slots = self._slots(rng, table, things)
            template = pick(rng, self.templates[kind])
            noun = next((slots[slot] for slot in ("noun", "noun_bare") if f"{{{slot}}}" in template), "")
            bare = noun.split()[-1] if noun else ""
            text, key = self.sentences.choose(rng, (template,), None) if bare else ("", "")
            if bare:
                key = f"{key}|{bare}"
                if is_held_out(key) != self.held_out:
                    continue
            else:
                text, key = self.sentences.choose(rng, self.templates[kind], self.held_out)
                if "{noun" in text:
                    continue
            filled = self.sentences.fill(rng, text, slots)
            framed = kind in ("impossible", "take_out", "not_a_place", "not_pickable", "ooc_thing", "unsaid_where")
            plain = not framed or text[0] == "{" or text.startswith(("i ", "please ", "could ", "you "))
            return Wording(self.sentences.framed(rng, filled, None if plain else 0), reason=reason, keys=(key,))

    def _salad(self, rng: np.random.Generator) -> str:
        """Words without sense: random ones, or a sentence backwards."""
        return " ".join(pick(rng, self._salad_words) for _ in range(3 + int(rng.random() * 7)))

    def _slots(self, rng: np.random.Generator, table: tuple[str, ...], things: ObjectWording) -> dict[str, str]:
        say, the = self.sentences.phrase, self.sentences.the
        thing, object_two = (self._object(rng, table, things) for _ in range(2))
        place = things.place(rng, table)
        cup = Ref("cup", pick(rng, phrasing.BLOCK_COLORS))
        nouns = [pick(rng, self.sentences.lexicon.nouns) for _ in range(2)]
        solid = pick(rng, (thing, thing, Ref("ball", pick(rng, ("orange", "purple"))), Ref("plate", "white")))
        fixed = pick(rng, (cup, Ref("drawer"), Ref("sorter"), Ref("plate", pick(rng, ("white", "black"))), cup))
        many = pick(rng, ("blocks", "shapes", "cups", "blocks"))
        target = pick(rng, (thing, thing, place, cup, Ref("drawer")))
        color = self.sentences.lexicon.color(rng, pick(rng, COLORS))
        texts = {
            "thing": thing, "thing_two": object_two, "place": place, "cup": cup, "solid": solid, "fixed": fixed,
            "target": target, "target_two": object_two, "drawer": Ref("drawer"), "handle": Ref("handle"),
            "other": pick(rng, (place, object_two, cup)), "other_two": cup,
        }  # fmt: skip
        return {
            **{slot: say(rng, ref) for slot, ref in texts.items()},
            "noun": the(rng, nouns[0]),
            "noun_two": the(rng, nouns[1]),
            "noun_bare": nouns[0],
            "color_noun": the(rng, f"{color} {nouns[0]}"),
            "color": color,
            "many": self.sentences.lexicon.word(rng, many),
            "many_one": self.sentences.lexicon.word(rng, many[:-1]),
            "fixed_many": self.sentences.lexicon.word(rng, "cups"),
            "fixed_kind": self.sentences.lexicon.word(rng, "cup"),
        }

    def _object(self, rng: np.random.Generator, table: tuple[str, ...], things: ObjectWording) -> Ref:
        """Something that can be moved, named in full."""
        while True:
            ref = things.loose(rng, table)
            if ref.kind != "shape":
                return ref
