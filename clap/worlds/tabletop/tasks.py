"""The eight tasks of the paper's table 3 and one that nobody was ever taught: what stands on the table, what is asked,
and the sub-tasks behind it."""

from __future__ import annotations

import itertools
import re
import zlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from clap.errors import WorldError
from clap.worlds.base import TaskInfo
from clap.worlds.tabletop.layout import Layout
from clap.worlds.tabletop.objects import HANDLES, SceneObject
from clap.worlds.tabletop.phrasing import (
    BLOCK_COLORS,
    DISTRACTORS,
    DRAWER,
    HANDLE,
    OPEN_DRAWER_STEPS,
    SHAPES,
    SORTER,
    block,
    cup,
    instruction_templates,
    is_block,
    pick_and_place_objects,
    pick_and_place_steps,
)
from clap.worlds.tabletop.scene import Lighting

OPENED = 0.10
"""A drawer counts as open when it is pulled out this far, metres."""

CONDITIONS = ("none", "table colour", "distractors", "light strength")
TABLE_COLORS = ((0.25, 0.42, 0.30), (0.30, 0.33, 0.45), (0.80, 0.78, 0.72), (0.22, 0.20, 0.20), (0.55, 0.25, 0.25))
LIGHT_STRENGTHS = (0.45, 0.6, 1.35, 1.55)


@dataclass(frozen=True)
class Subtask:
    """One skill sequence: opening the drawer (``thing`` empty), or bringing ``thing`` into ``container``, or on it."""

    thing: str = ""
    container: str = DRAWER

    @property
    def opens_drawer(self) -> bool:
        return not self.thing

    @property
    def steps(self) -> tuple[str, ...]:
        """The step instructions of this sub-task."""
        return OPEN_DRAWER_STEPS if self.opens_drawer else pick_and_place_steps(self.thing, self.container)

    @property
    def objects(self) -> tuple[str, ...]:
        """The task-relevant objects, in the order in which the planner names them."""
        return (HANDLE,) if self.opens_drawer else pick_and_place_objects(self.thing, self.container)

    def touches(self, index: int) -> bool:
        """True if the step ends in contact with something: taking, letting go, pulling (not moving in free space)."""
        return index in ((1, 2) if self.opens_drawer else (1, 3))


OPEN_DRAWER = Subtask()


@dataclass(frozen=True)
class TaskSetup:
    """A sampled episode: the things and light, the instruction, and the sub-tasks that fulfil it."""

    task: str
    seed: int
    variation: int
    condition: str
    instruction: str
    subtasks: tuple[Subtask, ...]
    things: tuple[SceneObject, ...]
    lighting: Lighting


_PAIRS = tuple(itertools.permutations(BLOCK_COLORS, 2))
_SHAPE_CUPS = tuple(itertools.product(SHAPES, BLOCK_COLORS))

_TITLES: dict[str, tuple[str, bool, int]] = {
    "shape_in_sorter": ("Place shape in shape sorter", True, len(SHAPES)),
    "block_in_same_cup": ("Put block in cup of the same colour", True, len(BLOCK_COLORS)),
    "open_drawer": ("Open drawer", True, len(HANDLES)),
    "block_in_open_drawer": ("Put block in open drawer", True, len(BLOCK_COLORS)),
    "block_in_other_cup": ("Put block in cup of another colour", False, len(_PAIRS)),
    "shape_in_open_drawer": ("Put shape in open drawer", False, len(SHAPES)),
    "shape_in_cup": ("Put shape in cup", False, len(_SHAPE_CUPS)),
    "block_in_closed_drawer": ("Put block in closed drawer", False, len(BLOCK_COLORS)),
}
TASK_KEYS = tuple(_TITLES)

STACK = "block_on_block"
_EXTRA = {STACK: ("Put block on another block", False, len(_PAIRS))}
"""Beyond the paper: in no data set and no evaluation, so that there is something to teach by demonstrations."""
_ALL = _TITLES | _EXTRA

MAX_EXAMPLES = 4


def _goal(task: str, variation: int) -> tuple[str, str, str]:
    """(thing, container, colour word) of a task's variation."""
    if task == "shape_in_sorter":
        return SHAPES[variation], SORTER, ""
    if task == "block_in_same_cup":
        color = BLOCK_COLORS[variation]
        return block(color), cup(color), color
    if task == "open_drawer":
        return "", DRAWER, ""
    if task in ("block_in_open_drawer", "block_in_closed_drawer"):
        color = BLOCK_COLORS[variation]
        return block(color), DRAWER, color
    if task in ("block_in_other_cup", STACK):
        first, second = _PAIRS[variation]
        return block(first), block(second) if task == STACK else cup(second), first
    if task == "shape_in_open_drawer":
        return SHAPES[variation], DRAWER, ""
    shape, color = _SHAPE_CUPS[variation]
    return shape, cup(color), color


def task_infos() -> tuple[TaskInfo, ...]:
    """The paper's eight tasks, the trained ones first."""
    return tuple(TaskInfo(key, *facts) for key, facts in _TITLES.items())


def all_task_infos() -> tuple[TaskInfo, ...]:
    """The paper's tasks, then those beyond it."""
    return tuple(TaskInfo(key, *facts) for key, facts in _ALL.items())


def _stream(*words: object) -> np.random.Generator:
    """A random stream of its own for each purpose, so that one choice never shifts another."""
    return np.random.default_rng([zlib.crc32(str(word).encode()) for word in words])


def variation_of(task: str, seed: int) -> int:
    """The variation that an episode of a known task has if none is asked for."""
    return int(_stream(task, seed, "variation").integers(_ALL[task][2]))


def sample_task(task: str, seed: int, variation: int | None = None, condition: str = "none") -> TaskSetup:
    """Draw an episode. The same arguments give the same episode; conditions leave the layout as it is.

    Raises WorldError for an unknown task, variation or condition.
    """
    if task not in _ALL:
        raise WorldError(f"There is no task '{task}'. Tasks: {', '.join(_ALL)}.")
    if condition not in CONDITIONS:
        raise WorldError(f"There is no condition '{condition}'. Conditions: {', '.join(CONDITIONS)}.")
    count = _ALL[task][2]
    if variation is None:
        variation = variation_of(task, seed)
    if not 0 <= variation < count:
        raise WorldError(f"Task '{task}' has variations 0..{count - 1}, not {variation}.")
    thing, container, color = _goal(task, variation)
    layout = Layout(_stream(task, seed, variation, "layout"))
    _furnish(layout, task, variation, thing, container)
    lighting = Lighting()
    rng = _stream(task, seed, variation, condition)
    if condition == "table colour":
        lighting = Lighting(table_color=TABLE_COLORS[rng.integers(len(TABLE_COLORS))])
    elif condition == "light strength":
        lighting = Lighting(strength=LIGHT_STRENGTHS[rng.integers(len(LIGHT_STRENGTHS))])
    elif condition == "distractors":
        layout.rng = rng
        for name in rng.permutation(DISTRACTORS)[: rng.integers(2, 4)]:
            layout.add_distractor(str(name), optional=True)
    templates = instruction_templates(task)
    template = templates[_stream(task, seed, variation, "words").integers(len(templates))]
    subtasks = _subtasks(task, thing, container)
    words = template.format(thing=thing, container=container, color=color)
    return TaskSetup(task, seed, variation, condition, words, subtasks, tuple(layout.things), lighting)


def phrasings(setup: TaskSetup) -> tuple[str, ...]:
    """The instruction of an episode in all of its task's phrasings."""
    thing, container, color = _goal(setup.task, setup.variation)
    templates = instruction_templates(setup.task)
    return tuple(template.format(thing=thing, container=container, color=color) for template in templates)


def _subtasks(task: str, thing: str, container: str) -> tuple[Subtask, ...]:
    if task == "open_drawer":
        return (OPEN_DRAWER,)
    if task == "block_in_closed_drawer":
        return (OPEN_DRAWER, Subtask(thing, container))
    return (Subtask(thing, container),)


def _furnish(layout: Layout, task: str, variation: int, thing: str, container: str) -> None:
    """Put the containers, the thing that is asked for, and others of its kind on the table."""
    rng = layout.rng
    if container == SORTER:
        layout.add_sorter()
    elif container == DRAWER:
        handle = HANDLES[variation] if task == "open_drawer" else HANDLES[rng.integers(len(HANDLES))]
        layout.add_cabinet(handle, float(rng.uniform(0.125, 0.15)) if "_open_drawer" in task else 0.0)
    elif task != STACK:
        wanted = container.split()[0]
        others = [c for c in BLOCK_COLORS if c != wanted]
        if task == "block_in_other_cup":
            # The cup of the block's own colour is there too: habit alone must not succeed.
            own = thing.split()[0]
            others = [own] + [c for c in others if c != own][: rng.integers(0, 2)]
        else:
            others = [str(c) for c in rng.permutation(others)[: rng.integers(1, 3)]]
        for color in rng.permutation([wanted, *others]):
            layout.add_cup(str(color))
    if thing in SHAPES:
        for shape in rng.permutation(SHAPES):
            layout.add_shape(str(shape))
    elif thing:
        wanted_blocks = [name.split()[0] for name in (thing, container) if is_block(name)]
        others = [c for c in BLOCK_COLORS if c not in wanted_blocks]
        more = rng.permutation(others)[: rng.integers(1, 3)]
        for color in rng.permutation([*wanted_blocks, *more]):
            layout.add_block(str(color))
    else:
        for color in rng.permutation(BLOCK_COLORS)[: rng.integers(0, 3)]:
            layout.add_block(str(color))


def possible_goals(things: tuple[SceneObject, ...], tasks: Iterable[str] = TASK_KEYS) -> list[tuple[str, int]]:
    """Those of the tasks and their variations for which everything needed is on the table, in order."""
    names = {name for thing in things for name in (thing.name, *((DRAWER,) if thing.kind == "cabinet" else ()))}
    drawer = next((thing for thing in things if thing.kind == "cabinet"), None)
    is_open = drawer is not None and drawer.opening >= OPENED
    goals = []
    for task in tasks:
        if is_open != ("_open_drawer" in task) and "drawer" in task:
            continue
        for variation in range(_ALL[task][2]):
            thing, container, _ = _goal(task, variation)
            if not {thing, container} - {""} - names:
                goals.append((task, variation))
    return goals


def examples(things: tuple[SceneObject, ...], own: str) -> tuple[str, ...]:
    """Up to four instructions for this table: its own first, then one of every other task that it allows."""
    texts = [own] if own else []
    seen: set[str] = set()
    for task, variation in possible_goals(things):
        thing, container, color = _goal(task, variation)
        text = instruction_templates(task)[0].format(thing=thing, container=container, color=color)
        if task not in seen and understand(text, things) != understand(own, things):
            seen.add(task)
            texts.append(text)
    return tuple(texts[:MAX_EXAMPLES])


_SAME = {"into": "in", "inside": "in", "place": "put", "drop": "put", "move": "put", "colour": "color"}
_EMPTY = frozenset({"the", "a", "an", "please", "robot", "now"})


def _canonical(text: str) -> list[str]:
    """The words that matter, with words of the same meaning made equal."""
    words = re.findall(r"[a-z]+", text.lower())
    return [_SAME.get(word, word) for word in words if word not in _EMPTY]


def understand(instruction: str, things: tuple[SceneObject, ...]) -> tuple[Subtask, ...] | None:
    """The sub-tasks that an instruction asks for on this table, if it follows one of the tasks' phrasings.

    This is how the world judges success, and what the scripted expert follows; CLAP never sees it. Articles and a few
    words of equal meaning (put, place, drop; in, into) make no difference. None if the phrasing is not one of the
    world's own, or names something that is not on the table.
    """
    words = _canonical(instruction)
    for task, variation in possible_goals(things, _ALL):
        thing, container, color = _goal(task, variation)
        for template in instruction_templates(task):
            if _canonical(template.format(thing=thing, container=container, color=color)) == words:
                return _subtasks(task, thing, container)
    return None
