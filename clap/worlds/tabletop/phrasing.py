"""Words of the tabletop world: names of things, step instructions, and phrasings of the tasks.

Step instructions are canonical: each names one skill and its objects, so that skills are shared between tasks
(paper, section 4.1). Instructions come in several phrasings, kept as data in ``instructions.json``.
"""

from __future__ import annotations

import functools
import json
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


def cup(color: str) -> str:
    """Name of a cup, for instance "red cup"."""
    return f"{color} cup"


def pick_and_place_steps(thing: str, container: str) -> tuple[str, ...]:
    """The four steps that bring ``thing`` into ``container``."""
    return (
        f"the robot moves above the {thing}",
        f"the robot grasps the {thing}",
        f"the robot lifts the {thing}",
        f"the robot places the {thing} into the {container}",
    )


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
