"""What may stand on a table, drawn as names only: as in ``training.data.positions`` and the eight tasks."""

from __future__ import annotations

import numpy as np

from clap.worlds.tabletop import phrasing

OPEN, CLOSED = "open drawer", "closed drawer"


def pick(rng: np.random.Generator, options):  # type: ignore[no-untyped-def]
    """One of a sequence; several times as fast as ``rng.choice``."""
    return options[int(rng.random() * len(options))]


def some(rng: np.random.Generator, options: tuple[str, ...], count: int) -> list[str]:
    """``count`` different ones of a sequence, in random order."""
    left = list(options)
    return [left.pop(int(rng.random() * len(left))) for _ in range(min(count, len(left)))]


def random_table(rng: np.random.Generator) -> tuple[str, ...]:
    """The names on a random table, in the catalogue's order."""
    draw = rng.random()
    names: list[str] = []
    cups, cabinet, sorter = draw < 0.55, 0.45 <= draw < 0.85, draw >= 0.8
    if cups:
        names += [phrasing.cup(color) for color in some(rng, phrasing.BLOCK_COLORS, 1 + int(rng.random() * 3))]
    if cabinet:
        names.append(OPEN if rng.random() < 0.55 else CLOSED)
    if sorter:
        names.append(phrasing.SORTER)
    names += [phrasing.block(color) for color in some(rng, phrasing.BLOCK_COLORS, int(rng.random() * 4.2))]
    names += some(rng, phrasing.SHAPES, int(rng.random() * 4))
    if rng.random() < 0.3:
        names += some(rng, phrasing.DISTRACTORS, 1 + int(rng.random() * 3))
    present = set(names)
    return tuple(name for name in phrasing.CATALOGUE if name in present)
