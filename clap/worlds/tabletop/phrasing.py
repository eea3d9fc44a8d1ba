"""Words of the tabletop world: names of things, step instructions, and phrasings of the tasks.

Step instructions are canonical: each names one skill and its objects, so that skills are shared between tasks
(paper, section 4.1). Instructions come in several phrasings, kept as data in ``instructions.json``.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable
from importlib import resources

BLOCK_COLORS = ("red", "green", "blue", "yellow")
SHAPES = ("cylinder", "triangle", "rectangle")
SORTER = "shape sorter"
DRAWER = "drawer"
HANDLE = "drawer handle"
DISTRACTORS = ("orange ball", "purple ball", "white plate", "black plate", "brown bottle", "pink bottle")


def block(color: str) -> str:
    """Name of a block, for instance "red block"."""
    return f"{color} block"


def is_block(name: str) -> bool:
    """True for the name of a block."""
    return name.endswith(" block")


def cup(color: str) -> str:
    """Name of a cup, for instance "red cup"."""
    return f"{color} cup"


OPEN_STATE, CLOSED_STATE = "open", "closed"
CATALOGUE = (
    *(block(color) for color in BLOCK_COLORS),
    *(cup(color) for color in BLOCK_COLORS),
    *SHAPES,
    SORTER,
    f"{OPEN_STATE} {DRAWER}",
    f"{CLOSED_STATE} {DRAWER}",
    *DISTRACTORS,
)
"""Everything that can stand on the table, in the order in which the planner lists it; a drawer with its state."""


def scene_names(names: Iterable[str], drawer_open: bool | None) -> tuple[str, ...]:
    """What is on the table as the planner lists it: ``names`` of the world's points, in the catalogue's order.

    ``drawer_open`` None leaves the drawer out. The handle is part of the drawer, and no thing of its own.
    """
    state = OPEN_STATE if drawer_open else CLOSED_STATE
    present = {f"{state} {DRAWER}" if name == DRAWER and drawer_open is not None else name for name in names}
    return tuple(name for name in CATALOGUE if name in present)


def hole(shape: str) -> str:
    """Name of the hole for a shape in the shape sorter's lid."""
    return f"{shape} hole"


def pick_and_place_steps(thing: str, container: str) -> tuple[str, ...]:
    """The four steps that bring ``thing`` into ``container``; a shape goes through its own hole of the sorter.

    On a block it is placed "above" it: that is a word that the fine stage of the shipped checkpoint can read.
    """
    goal = f"{hole(thing)} of the {SORTER}" if container == SORTER and thing in SHAPES else container
    return (
        f"the robot moves above the {thing}",
        f"the robot grasps the {thing}",
        f"the robot lifts the {thing}",
        f"the robot places the {thing} {'above' if is_block(container) else 'into'} the {goal}",
    )


def pick_and_place_objects(thing: str, container: str) -> tuple[str, ...]:
    """What those steps are about, in the order in which the planner names it."""
    return (thing, hole(thing) if container == SORTER and thing in SHAPES else container)


OPEN_DRAWER_STEPS = (
    f"the robot moves in front of the {HANDLE}",
    f"the robot grasps the {HANDLE}",
    f"the robot pulls the {HANDLE} and opens the drawer",
    f"the robot moves back from the {DRAWER}",
)


@functools.cache
def instruction_templates(task: str) -> tuple[str, ...]:
    """Phrasings of a task, with ``{thing}``, ``{container}`` and ``{color}`` to fill in."""
    text = resources.files(__package__).joinpath("instructions.json").read_text("utf-8")
    return tuple(json.loads(text)[task])
