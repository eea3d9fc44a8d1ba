"""What requests are about, drawn for a table, and the words for it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from clap.worlds.tabletop import phrasing
from training.data.language.meaning import LOOSE, SHAPE_COLORS, Ref, Request
from training.data.language.sentences import Sentences
from training.data.language.tables import pick

NO_COLOR_SAID = 0.09
"""So often a block or cup is spoken of without its colour."""
COLORS = ("red", "green", "blue", "yellow", "orange", "purple", "pink", "brown", "black", "white", "gray", "cyan")


@dataclass(frozen=True)
class Wording:
    """A text with what it asks for: requests in the order in which they are carried out, or a fixed ``reason``."""

    text: str
    requests: tuple[Request, ...] = ()
    reason: str = ""
    keys: tuple[str, ...] = ()


def ref_to(name: str) -> Ref:
    """The reference that names a thing of the catalogue in full."""
    if name == phrasing.SORTER:
        return Ref("sorter")
    color, _, kind = name.rpartition(" ")
    return Ref(kind) if kind == phrasing.DRAWER else Ref(kind, color)


class ObjectWording:
    """Draws what a request is about: mostly things on the table, sometimes near misses."""

    def __init__(self, missing: float):
        self.missing = missing

    def loose(self, rng: np.random.Generator, table: tuple[str, ...]) -> Ref:
        """Something to be moved."""
        names = [name for name in table if ref_to(name).kind in LOOSE]
        if not names or rng.random() < self.missing:
            return self._elsewhere(rng, ("block", "block", "block", *phrasing.SHAPES, "ball", "bottle"))
        return self._said(rng, ref_to(pick(rng, names)))

    def place(self, rng: np.random.Generator, table: tuple[str, ...]) -> Ref:
        """Somewhere to put it."""
        names = [name for name in table if name.endswith((" cup", phrasing.DRAWER, phrasing.SORTER))]
        if not names or rng.random() < self.missing:
            return self._elsewhere(rng, ("cup", "cup", "cup", "sorter", "drawer"))
        ref = self._said(rng, ref_to(pick(rng, names)))
        return self.drawer(rng, table) if ref.kind == "drawer" else ref

    def drawer(self, rng: np.random.Generator, table: tuple[str, ...]) -> Ref:
        """A drawer, of which the state is said or not; seldom another state than the seen one."""
        if rng.random() < 0.4:
            return Ref("drawer")
        is_closed = "closed drawer" in table
        return Ref("drawer", state="closed" if is_closed != (rng.random() < 0.12) else "open")

    def _elsewhere(self, rng: np.random.Generator, kinds: tuple[str, ...]) -> Ref:
        kind = pick(rng, kinds)
        if kind in ("block", "cup"):
            return Ref(kind, pick(rng, phrasing.BLOCK_COLORS if rng.random() < 0.6 else COLORS))
        if kind in ("ball", "bottle"):
            return Ref(kind, pick(rng, COLORS))
        return Ref(kind, pick(rng, COLORS) if kind in phrasing.SHAPES and rng.random() < 0.15 else "")

    def _said(self, rng: np.random.Generator, ref: Ref) -> Ref:
        if ref.kind in phrasing.SHAPES:
            draw = rng.random()
            if draw < 0.03:
                return Ref("shape")
            return Ref(ref.kind, SHAPE_COLORS[ref.kind]) if draw < 0.10 else ref
        return Ref(ref.kind) if ref.color and rng.random() < NO_COLOR_SAID else ref


def slots_for(sentences: Sentences, rng: np.random.Generator, requests: tuple[Request, ...]) -> dict[str, str]:
    """Words for the things of one task."""
    slots = {}
    for request in requests:
        if request.thing is None:
            slots["drawer"] = sentences.phrase(rng, request.place)
            slots["handle"] = sentences.phrase(rng, Ref("handle"))
            continue
        if not request.thing.kind.startswith("matching"):
            slots["thing"] = sentences.phrase(rng, request.thing)
        if not request.place.kind.startswith("matching"):
            slots["place"] = sentences.phrase(rng, request.place)
    return slots
