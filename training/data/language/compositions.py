"""Several tasks in one sentence: in order, with shared places, "both blocks", "everything in the drawer"."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from clap.worlds.tabletop import phrasing
from training.data.language.lexicon import BASE, ING
from training.data.language.meaning import PLURALS, Ref, Request
from training.data.language.sentences import Sentences, is_held_out
from training.data.language.tables import pick
from training.data.language.wording import ObjectWording, Wording, slots_for

_COMMANDS = (
    "{1}",
    "{put}",
    "{take}",
    "{open}",
    "first ",
    "start ",
    "begin ",
    "do ",
    "fill ",
    "make ",
    "sort ",
    "match ",
)
TRIES = 30
"""Draws of a pattern for the same things, before other things are drawn."""


class Compositions:
    """Draws compositions whose patterns, with the kinds of things, are trained on, or held out of training.

    Their clauses are worded as in the training data either way: only the way of putting them together is new.
    """

    def __init__(self, sentences: Sentences, held_out: bool):
        self.sentences, self.held_out = sentences, held_out
        self.patterns = sentences.compositions

    def draw(self, rng: np.random.Generator, table: tuple[str, ...], things: ObjectWording) -> Wording | None:
        """A composition for this table; None if the table has not what it takes."""
        draw = rng.random()
        make: Callable[[np.random.Generator, tuple[str, ...], ObjectWording], Wording | None]
        if draw < 0.40:
            make = self._sequence
        elif draw < 0.62:
            make = self._together
        elif draw < 0.74:
            make = self._gapped
        elif draw < 0.92:
            make = self._every
        else:
            make = self._every_matching
        return make(rng, table, things)

    def _pattern(self, rng: np.random.Generator, key: str, kinds: str) -> tuple[str, str] | None:
        """A pattern that belongs to the split together with the kinds of things, and its key."""
        for _ in range(TRIES):
            pattern = pick(rng, self.patterns[key])
            if is_held_out(f"{pattern}|{kinds}") == self.held_out:
                return pattern, f"{pattern}|{kinds}"
        return None

    def _moves(
        self, rng: np.random.Generator, table: tuple[str, ...], things: ObjectWording, count: int, same_place: bool
    ) -> list[Request] | None:
        """Requests to move different things, all named in full."""
        moves: dict[Ref, Request] = {}
        place = things.place(rng, table)
        for _ in range(6):
            thing = things.loose(rng, table)
            if thing.color or thing.kind in phrasing.SHAPES:
                moves.setdefault(thing, Request(thing, place))
                place = place if same_place else things.place(rng, table)
            if len({(thing.kind, thing.color * (thing.kind not in phrasing.SHAPES)) for thing in moves}) == count:
                return list(moves.values()) if len(moves) == count else None
        return None

    def _sequence(self, rng: np.random.Generator, table: tuple[str, ...], things: ObjectWording) -> Wording | None:
        count = 3 if rng.random() < 0.22 else 2
        has_drawer = any(phrasing.DRAWER in name for name in table)
        opens = rng.random() < (0.4 if has_drawer else 0.02)
        moves = self._moves(rng, table, things, count - opens, same_place=False)
        if moves is None:
            return None
        requests = list(moves)
        if opens:
            inside = any(move.place.kind == "drawer" for move in moves)
            requests.insert(0 if inside else int(rng.random() * count), Request())
            if inside:
                # Once it has been opened, nobody says of it that it is closed.
                requests = [r if r.place.kind != "drawer" else Request(r.thing, Ref("drawer")) for r in requests]
        kinds = ">".join(_kind(request) for request in requests)
        found = self._pattern(rng, "triples" if count == 3 else "pairs", kinds)
        if found is None:
            return None
        pattern, key = found
        keys, clauses = [key], {}
        for number, request in enumerate(requests, 1):
            ing = f"{{{number}ing}}" in pattern
            form = ING if ing else BASE
            kind = "open" if request.thing is None else "place"
            if request.place.kind == "sorter" and request.thing and request.thing.kind in phrasing.SHAPES:
                kind = "sort" if rng.random() < 0.5 else "place"
            templates = self.sentences.templates[kind]["simple"]
            text, clause_key = self.sentences.choose(rng, templates, False, form)
            clauses[f"{number}{'ing' if ing else ''}"] = self.sentences.fill(
                rng, text, slots_for(self.sentences, rng, (request,))
            )
            keys.append(clause_key)
        text = pattern
        for slot, clause in clauses.items():
            text = text.replace(f"{{{slot}}}", clause)
        return Wording(self._framed(rng, text, pattern), tuple(requests), keys=tuple(keys))

    def _framed(self, rng: np.random.Generator, text: str, pattern: str) -> str:
        is_command = pattern.startswith(_COMMANDS) and rng.random() < 0.4
        return self.sentences.framed(rng, text, BASE if is_command else None)

    def _together(self, rng: np.random.Generator, table: tuple[str, ...], things: ObjectWording) -> Wording | None:
        count = 3 if rng.random() < 0.2 else 2
        requests = self._moves(rng, table, things, count, same_place=True)
        if requests is None:
            return None
        kinds = "+".join(_kind(request) for request in requests)
        return self._worded(rng, "together_three" if count == 3 else "together", kinds, requests)

    def _gapped(self, rng: np.random.Generator, table: tuple[str, ...], things: ObjectWording) -> Wording | None:
        requests = self._moves(rng, table, things, 2, same_place=False)
        if requests is None or requests[0].place == requests[1].place:
            return None
        return self._worded(rng, "gapped", "+".join(_kind(request) for request in requests), requests)

    def _worded(self, rng: np.random.Generator, patterns: str, kinds: str, requests: list[Request]) -> Wording | None:
        found = self._pattern(rng, patterns, kinds)
        if found is None:
            return None
        pattern, key = found
        text, _ = self.sentences.choose(rng, (pattern,), None)
        slots = {}
        for suffix, request in zip(("", "_two", "_three"), requests, strict=False):
            assert request.thing is not None
            slots[f"thing{suffix}"] = self.sentences.phrase(rng, request.thing)
            slots[f"place{suffix}"] = self.sentences.phrase(rng, request.place)
        first, second = requests[0].thing, requests[1].thing
        if first and second and first.kind == second.kind == "block" and len(requests) == 2 and rng.random() < 0.25:
            slots["thing_two"] = f"the {self.sentences.lexicon.color(rng, second.color)} one"
        text = self.sentences.fill(rng, text, slots)
        return Wording(self._framed(rng, text, pattern), tuple(requests), keys=(key,))

    def _every(self, rng: np.random.Generator, table: tuple[str, ...], things: ObjectWording) -> Wording | None:
        draw = rng.random()
        kind = "block" if draw < 0.45 else "shape" if draw < 0.7 else "thing"
        count = _count(table, kind)
        if count > 7 or (count == 0 and (kind == "thing" or rng.random() > 0.08)):
            return None
        every = self._quantifier(rng, kind, count)
        drawer = any(phrasing.DRAWER in name for name in table)
        opens = drawer and rng.random() < 0.25
        place = Ref("drawer") if opens else things.place(rng, table)
        found = self._pattern(rng, "every_open" if opens else "every", f"{every}|{place.kind}")
        if found is None:
            return None
        slots = {"place": self.sentences.phrase(rng, place), "drawer": self.sentences.phrase(rng, Ref("drawer"))}
        requests = (Request(),) * opens + (Request(Ref(kind, every=True), place),)
        return self._quantified(rng, found, every, kind, slots, requests)

    def _every_matching(
        self, rng: np.random.Generator, table: tuple[str, ...], things: ObjectWording
    ) -> Wording | None:
        blocks = [name.split()[0] for name in table if name.endswith(" block")]
        cups = [name.split()[0] for name in table if name.endswith(" cup")]
        if not blocks or not cups or (not set(blocks) <= set(cups) and rng.random() > 0.15 * (things.missing > 0)):
            return None
        one = self._quantifier(rng, "block", 0, "one")
        many = self._quantifier(rng, "block", len(blocks), "two" if len(blocks) == 2 else "many")
        for _ in range(TRIES):
            found = self._pattern(rng, "every_matching", "block")
            if found is not None:
                slots = {"every_one": one, "every_many": many}
                requests = (Request(Ref("block", every=True), Ref("matching cup")),)
                return self._quantified(rng, found, "", "block", slots, requests)
        return None

    def _quantified(
        self,
        rng: np.random.Generator,
        found: tuple[str, str],
        every: str,
        kind: str,
        slots: dict[str, str],
        requests: tuple[Request, ...],
    ) -> Wording:
        text, _ = self.sentences.choose(rng, (found[0],), None)
        words = {slot: self._with_nouns(rng, phrase, kind) for slot, phrase in {**slots, "every": every}.items()}
        text = self.sentences.fill(rng, text, words)
        return Wording(self._framed(rng, text, found[0]), requests, keys=(found[1],))

    def _quantifier(self, rng: np.random.Generator, kind: str, count: int, among: str = "") -> str:
        """ "both {kinds}" and the like, with the noun left open."""
        if not among:
            groups = ["one", "many", "many"] + ["two", "two"] * (count == 2) + ["three"] * (count == 3)
            among = pick(rng, [*groups, "things", "things", "things"] if kind == "thing" else groups)
        return pick(rng, self.patterns[among])

    def _with_nouns(self, rng: np.random.Generator, phrase: str, kind: str) -> str:
        if "{kind" not in phrase:
            return phrase
        if kind == "thing":
            one, many = (pick(rng, self.patterns["loose"][number]) for number in ("one", "many"))
        else:
            one, many = self.sentences.lexicon.word(rng, kind), self.sentences.lexicon.word(rng, PLURALS[kind])
        return phrase.format(kind=one, kinds=many)


def _kind(request: Request) -> str:
    if request.thing is None:
        return "open"
    kind = "shape" if request.thing.kind in phrasing.SHAPES else request.thing.kind
    return f"{kind}-{request.place.state}{request.place.kind}"


def _count(table: tuple[str, ...], kind: str) -> int:
    blocks = sum(name.endswith(" block") for name in table)
    shapes = sum(name in phrasing.SHAPES for name in table)
    others = sum(name.endswith((" ball", " bottle")) for name in table)
    return blocks if kind == "block" else shapes if kind == "shape" else blocks + shapes + others
