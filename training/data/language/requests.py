"""Requests for a table, worded: the eight tasks, and the tabletop world's own phrasings of them."""

from __future__ import annotations

import numpy as np

from clap.policies.planner.text_format import normalise
from clap.worlds.tabletop import phrasing
from training.data.language.compositions import Compositions
from training.data.language.lexicon import BASE, ING, lexicon
from training.data.language.meaning import LOOSE, Ref, Request
from training.data.language.refusals import Refusals
from training.data.language.sentences import Sentences
from training.data.language.tables import pick
from training.data.language.wording import ObjectWording, Wording, ref_to, slots_for


class Requests:
    """Draws worded requests whose sentences belong to the training data, or are held out of it."""

    def __init__(self, held_out: bool):
        self.held_out = held_out
        self.sentences = Sentences(lexicon())
        self._world_texts = world_texts()
        self._compositions = Compositions(self.sentences, held_out)
        self._refusals = Refusals(self.sentences, held_out)

    def task(self, rng: np.random.Generator, table: tuple[str, ...]) -> Wording | None:
        """One of the eight tasks; now and then something that it takes is missing."""
        return self._task(rng, table, ObjectWording(0.03 if not self.held_out else 0.0))

    def missing(self, rng: np.random.Generator, table: tuple[str, ...]) -> Wording | None:
        """One of the eight tasks, of which something is likely to be missing."""
        return self._task(rng, table, ObjectWording(0.6))

    def composition(self, rng: np.random.Generator, table: tuple[str, ...]) -> Wording | None:
        """Several tasks in one sentence."""
        return self._compositions.draw(rng, table, ObjectWording(0.015 if not self.held_out else 0.0))

    def refusal(self, rng: np.random.Generator, table: tuple[str, ...]) -> Wording | None:
        """A request that is refused on every table."""
        return self._refusals.draw(rng, table, ObjectWording(0.15))

    def world(self, rng: np.random.Generator, table: tuple[str, ...]) -> Wording:
        """The tabletop world's own phrasings: always trained on, since operators start from them."""
        names = [name for name in table if ref_to(name).kind in LOOSE]
        while True:
            task = pick(rng, WORLD_TASKS)
            fits = (
                ("drawer" in task and any(phrasing.DRAWER in name for name in table))
                or ("sorter" in task and phrasing.SORTER in table)
                or ("cup" in task and table and " cup" in " ".join(table))
            )
            if fits or rng.random() < 0.05:
                break
        shapes = [name for name in names if name in phrasing.SHAPES] or list(phrasing.SHAPES)
        blocks = [name for name in names if name.endswith(" block")] or [
            phrasing.block(pick(rng, phrasing.BLOCK_COLORS))
        ]
        cups = [name for name in table if name.endswith(" cup")] or [phrasing.cup(pick(rng, phrasing.BLOCK_COLORS))]
        thing, cup = pick(rng, blocks if "block" in task else shapes), pick(rng, cups)
        if task == "block_in_same_cup":
            same = [name for name in blocks if phrasing.cup(name.split()[0]) in cups]
            thing = pick(rng, same) if same else thing
            cup = phrasing.cup(thing.split()[0])
        text = pick(rng, phrasing.instruction_templates(task))
        text = text.format(color=thing.split()[0], thing=thing, container=cup)
        return Wording(text, _world_requests(task, text, ref_to(thing), ref_to(cup)))

    def _task(self, rng: np.random.Generator, table: tuple[str, ...], things: ObjectWording) -> Wording | None:
        drawer = any(phrasing.DRAWER in name for name in table)
        if rng.random() < (0.33 if drawer else 0.02):
            return self._opening(rng, table, things)
        thing, place = things.loose(rng, table), things.place(rng, table)
        kind = "place"
        if place.kind == "sorter" and thing.kind in (*phrasing.SHAPES, "shape") and rng.random() < 0.6:
            kind = "sort"
        elif place.kind == "cup" and place.color and thing.kind == "block" and rng.random() < 0.35:
            if rng.random() < 0.75:
                same = phrasing.cup(thing.color)
                if thing.color and same not in table and rng.random() > things.missing + 0.03:
                    return None
                kind, place = "same_cup", Ref("matching cup")
            else:
                if phrasing.block(place.color) not in table and rng.random() > things.missing + 0.03:
                    return None
                kind, thing = "same_block", Ref("matching block")
        return self.word(rng, kind, (Request(thing, place),))

    def _opening(self, rng: np.random.Generator, table: tuple[str, ...], things: ObjectWording) -> Wording | None:
        drawer = Ref("drawer", state="closed" if "closed drawer" in table and rng.random() < 0.3 else "")
        if rng.random() < 0.4:
            return self.word(rng, "open", (Request(place=drawer),))
        return self.word(
            rng, "open_and_place", (Request(place=drawer), Request(things.loose(rng, table), Ref("drawer")))
        )

    def word(self, rng: np.random.Generator, kind: str, requests: tuple[Request, ...]) -> Wording | None:
        """A sentence for one task; None if it is one of the world's own and they are to be left out."""
        templates = self.sentences.templates[kind]
        draw = rng.random()
        mood, form = ("simple", ING) if draw < 0.06 else ("command", BASE) if draw < 0.7 else ("statement", None)
        text, key = self.sentences.choose(rng, templates[mood], self.held_out, form or BASE)
        mood_form = None if text.startswith("{") else form
        filled = self.sentences.fill(rng, text, slots_for(self.sentences, rng, requests))
        wording = self.sentences.framed(rng, filled, mood_form)
        if self.held_out and normalise(filled) in self._world_texts:
            return None
        return Wording(wording, requests, keys=(key,))


WORLD_TASKS = (
    *("shape_in_sorter", "block_in_same_cup", "open_drawer", "block_in_open_drawer"),
    *("block_in_other_cup", "shape_in_open_drawer", "shape_in_cup", "block_in_closed_drawer"),
)


def _world_requests(task: str, text: str, thing: Ref, cup: Ref) -> tuple[Request, ...]:
    if task == "open_drawer":
        return (Request(),)
    if task == "shape_in_sorter":
        return (Request(thing, Ref("sorter")),)
    if task == "block_in_same_cup":
        return (Request(thing, Ref("matching cup")),)
    if task == "block_in_closed_drawer":
        opening = (Request(),) if text.startswith("open") else ()
        return (*opening, Request(thing, Ref("drawer", state="closed")))
    if "drawer" in task:
        return (Request(thing, Ref("drawer", state="open")),)
    return (Request(thing, cup),)


def world_texts() -> frozenset[str]:
    """Every instruction that the tabletop world itself may give."""
    return frozenset(
        normalise(template.format(color=color, thing=thing, container=phrasing.cup(cup)))
        for task in WORLD_TASKS
        for template in phrasing.instruction_templates(task)
        for color in phrasing.BLOCK_COLORS
        for thing in (phrasing.block(color), *phrasing.SHAPES)
        for cup in phrasing.BLOCK_COLORS
    )
