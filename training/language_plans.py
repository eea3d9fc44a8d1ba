"""Language plans: (instruction, last step) -> plan of the current sub-task, for all eight tasks (paper, A.2).

This is the paper's auxiliary language data, "a manual": it covers tasks that have no trajectories, and it is where
the planner learns words. All phrasings are data (``data/phrasings.json``); a tenth of the combinations of template
and verb is held out to measure whether unseen phrasings are understood.
"""

from __future__ import annotations

import functools
import json
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from typing import Any

import numpy as np

from clap.language import format_plan, normalise
from clap.policy import INITIAL_STEP
from clap.prediction import PlanStatus
from clap.worlds.tabletop import phrasing

HELD_OUT_SHARE = 10
"""One template-verb combination in this many is never trained on."""

Steps = tuple[str, ...]
SubtasksOf = Callable[[str, str, str], tuple[Steps, ...]]


@dataclass(frozen=True)
class LanguagePlan:
    """One sample: the typed instruction, the last step, and round one's answer as text."""

    instruction: str
    last_step: str
    answer: str


@functools.cache
def phrasings() -> dict:
    """The phrasing data."""
    return json.loads(resources.files("training").joinpath("data/phrasings.json").read_text("utf-8"))


def answer_for(subtasks: tuple[Steps, ...], last_step: str) -> str:
    """The plan that follows ``last_step``: that of its sub-task, of the next one if it ended one, or complete.

    A last step of some other task counts as the start, since the instruction has just changed.
    """
    for index, steps in enumerate(subtasks):
        if last_step in steps[:-1]:
            return format_plan(PlanStatus.STEPS, steps)
        if last_step == steps[-1]:
            if index + 1 == len(subtasks):
                return format_plan(PlanStatus.COMPLETE)
            return format_plan(PlanStatus.STEPS, subtasks[index + 1])
    return format_plan(PlanStatus.STEPS, subtasks[0])


class LanguagePlanSampler:
    """Draws language plans. ``held_out`` picks the phrasings: False trains on them, True measures."""

    KINDS = ("place", "sort", "same_cup", "open", "open_and_place", "world", "unclear")
    WEIGHTS = (0.24, 0.08, 0.11, 0.10, 0.14, 0.16, 0.17)

    def __init__(self, held_out: bool = False):
        self.held_out = held_out
        self.data = phrasings()
        self._salad_words = sorted({w for text in _strings(self.data) if "{" not in text for w in text.split()})

    def sample(self, rng: np.random.Generator) -> LanguagePlan:
        """One sample."""
        kinds, weights = self.KINDS, np.array(self.WEIGHTS)
        kind = str(rng.choice(kinds, p=weights / weights.sum()))
        while True:
            text, subtasks = getattr(self, f"_{kind}")(rng)
            if text is not None:
                break
        if kind != "world":
            text = f"{self._pick(rng, 'polite_before')} {text} {self._pick(rng, 'polite_after')}"
        last_step = self._last_step(rng, subtasks)
        answer = answer_for(subtasks, last_step) if subtasks else format_plan(PlanStatus.UNCLEAR)
        return LanguagePlan(normalise(text), last_step, answer)

    def _last_step(self, rng: np.random.Generator, subtasks: tuple[Steps, ...]) -> str:
        draw = rng.random()
        if draw < 0.04 or (draw < 0.5 and not subtasks):
            return str(rng.choice(phrasing.pick_and_place_steps(self._thing(rng)[1], self._container(rng)[1])))
        if draw < 0.45 or not subtasks:
            return INITIAL_STEP
        return str(rng.choice([step for steps in subtasks for step in steps]))

    def _pick(self, rng: np.random.Generator, key: str) -> str:
        options = self.data[key]
        return options[int(rng.integers(len(options)))]

    def _the(self, rng: np.random.Generator) -> str:
        return self._pick(rng, "article")

    def _word(self, rng: np.random.Generator, table: str, key: str) -> str:
        options = self.data[table][key]
        return options[int(rng.integers(len(options)))]

    def _colored(self, rng: np.random.Generator, color: str, kind: str) -> str:
        return f"{self._the(rng)} {self._word(rng, 'colors', color)} {self._word(rng, 'things', kind)}"

    def _shape(self, rng: np.random.Generator) -> tuple[str, str]:
        shape = str(rng.choice(phrasing.SHAPES))
        color = self._word(rng, "colors", str(rng.choice(phrasing.BLOCK_COLORS))) if rng.random() < 0.15 else ""
        return f"{self._the(rng)} {color} {self._word(rng, 'things', shape)}", shape

    def _thing(self, rng: np.random.Generator) -> tuple[str, str]:
        """(phrase, canonical name) of something that can be picked up."""
        draw = rng.random()
        if draw < 0.55:
            color = str(rng.choice(phrasing.BLOCK_COLORS))
            return self._colored(rng, color, "block"), phrasing.block(color)
        if draw < 0.92:
            return self._shape(rng)
        name = str(rng.choice([name for name in phrasing.DISTRACTORS if "plate" not in name]))
        color, kind = name.split()
        word = self._word(rng, "distractor_colors", color)
        return f"{self._the(rng)} {word} {self._word(rng, 'things', kind)}", name

    def _drawer(self, rng: np.random.Generator, state: str) -> str:
        template = self._word(rng, "drawer_phrases", state)
        slots = {
            "the": self._the(rng),
            "drawer_word": self._pick(rng, "drawer"),
            "open_state": self._pick(rng, "open_state"),
            "closed_state": self._pick(rng, "closed_state"),
        }
        return template.format(**slots)

    def _container(self, rng: np.random.Generator) -> tuple[str, str]:
        draw = rng.random()
        if draw < 0.55:
            color = str(rng.choice(phrasing.BLOCK_COLORS))
            return self._colored(rng, color, "cup"), phrasing.cup(color)
        if draw < 0.85:
            return self._drawer(rng, "open"), phrasing.DRAWER
        return f"{self._the(rng)} {self._pick(rng, 'sorter')}", phrasing.SORTER

    def _fill(self, rng: np.random.Generator, template: str, **slots: str) -> str | None:
        """Fill a template; None if its combination with the verb belongs to the other split."""
        verbs = {key: self._pick(rng, key) for key in ("put", "take", "sort", "open", "into")}
        combination = "|".join(
            [template, *(verbs[key] for key in ("put", "take", "sort", "open") if f"{{{key}}}" in template)]
        )
        if (zlib.crc32(combination.encode()) % HELD_OUT_SHARE == 0) != self.held_out:
            return None
        return template.format(**verbs, the=self._the(rng), **slots)

    def _place(self, rng: np.random.Generator) -> tuple[str | None, tuple[Steps, ...]]:
        (thing, name), (container, place) = self._thing(rng), self._container(rng)
        text = self._fill(rng, self._template(rng, "place"), thing=thing, container=container)
        return text, (phrasing.pick_and_place_steps(name, place),)

    def _sort(self, rng: np.random.Generator) -> tuple[str | None, tuple[Steps, ...]]:
        thing, name = self._shape(rng)
        container = f"{self._the(rng)} {self._pick(rng, 'sorter')}"
        text = self._fill(rng, self._template(rng, "sort"), thing=thing, container=container)
        return text, (phrasing.pick_and_place_steps(name, phrasing.SORTER),)

    def _same_cup(self, rng: np.random.Generator) -> tuple[str | None, tuple[Steps, ...]]:
        color = str(rng.choice(phrasing.BLOCK_COLORS))
        text = self._fill(
            rng,
            self._template(rng, "same_cup"),
            block=self._colored(rng, color, "block"),
            cup=self._colored(rng, color, "cup"),
            same_cup=self._pick(rng, "same_cup"),
            same_color_block=self._pick(rng, "same_color_block"),
        )
        return text, (phrasing.pick_and_place_steps(phrasing.block(color), phrasing.cup(color)),)

    def _open(self, rng: np.random.Generator) -> tuple[str | None, tuple[Steps, ...]]:
        slots = {"drawer": self._drawer(rng, "plain"), "closed_drawer": self._drawer(rng, "closed")}
        return self._fill(rng, self._template(rng, "open"), **slots), (phrasing.OPEN_DRAWER_STEPS,)

    def _open_and_place(self, rng: np.random.Generator) -> tuple[str | None, tuple[Steps, ...]]:
        thing, name = self._thing(rng)
        slots = {"drawer": self._drawer(rng, "plain"), "closed_drawer": self._drawer(rng, "closed"), "thing": thing}
        text = self._fill(rng, self._template(rng, "open_and_place"), **slots)
        return text, (phrasing.OPEN_DRAWER_STEPS, phrasing.pick_and_place_steps(name, phrasing.DRAWER))

    def _world(self, rng: np.random.Generator) -> tuple[str | None, tuple[Steps, ...]]:
        """The tabletop world's own phrasings: always trained on, since operators start from them."""
        if self.held_out:
            return self._place(rng)
        task = str(rng.choice(list(WORLD_TASKS)))
        template = str(rng.choice(phrasing.instruction_templates(task)))
        color, other = (str(c) for c in rng.choice(phrasing.BLOCK_COLORS, 2))
        thing = phrasing.block(color) if task == "block_in_other_cup" else str(rng.choice(phrasing.SHAPES))
        text = template.format(color=color, thing=thing, container=phrasing.cup(other))
        return text, WORLD_TASKS[task](color, thing, phrasing.cup(other))

    def _unclear(self, rng: np.random.Generator) -> tuple[str | None, tuple[Steps, ...]]:
        draw = rng.random()
        if draw < 0.25:
            return " ".join(rng.choice(self._salad_words, int(rng.integers(1, 11)))), ()
        if draw < 0.33:
            words = str(self._shuffled(rng))
            return words, ()
        data = self.data["unclear"]
        if draw < 0.5:
            return str(rng.choice(data["requests"])), ()
        other, verb = str(rng.choice(data["others"])), str(rng.choice(data["verbs"]))
        missing = str(rng.choice(data["missing_colors"]))
        slots = {
            "thing": self._thing(rng)[0],
            "container": self._container(rng)[0],
            "cup": self._colored(rng, str(rng.choice(phrasing.BLOCK_COLORS)), "cup"),
            "drawer": self._drawer(rng, "plain"),
            "missing": f"{self._the(rng)} {missing} {self._word(rng, 'things', 'block')}",
            "missing_cup": f"{self._the(rng)} {missing} {self._word(rng, 'things', 'cup')}",
        }
        text = self._fill(rng, str(rng.choice(data["templates"])), other=other, verb=verb, **slots)
        return text, ()

    def _shuffled(self, rng: np.random.Generator) -> str:
        """A sensible instruction with its words in random order."""
        words: list[str] = []
        while len(words) < 6:
            words = (self._place(rng)[0] or "").split()
        return " ".join(words[i] for i in rng.permutation(len(words)))

    def _template(self, rng: np.random.Generator, kind: str) -> str:
        return self._word(rng, "templates", kind)


def _place_in(container: str) -> SubtasksOf:
    return lambda color, thing, cup: (phrasing.pick_and_place_steps(thing, container),)


WORLD_TASKS: dict[str, SubtasksOf] = {
    "shape_in_sorter": _place_in(phrasing.SORTER),
    "block_in_same_cup": lambda color, thing, cup: (
        phrasing.pick_and_place_steps(phrasing.block(color), phrasing.cup(color)),
    ),
    "open_drawer": lambda color, thing, cup: (phrasing.OPEN_DRAWER_STEPS,),
    "block_in_open_drawer": lambda color, thing, cup: (
        phrasing.pick_and_place_steps(phrasing.block(color), phrasing.DRAWER),
    ),
    "block_in_other_cup": lambda color, thing, cup: (phrasing.pick_and_place_steps(thing, cup),),
    "shape_in_open_drawer": _place_in(phrasing.DRAWER),
    "shape_in_cup": lambda color, thing, cup: (phrasing.pick_and_place_steps(thing, cup),),
    "block_in_closed_drawer": lambda color, thing, cup: (
        phrasing.OPEN_DRAWER_STEPS,
        phrasing.pick_and_place_steps(phrasing.block(color), phrasing.DRAWER),
    ),
}
"""Task -> sub-tasks, from (color, thing, cup)."""


def _strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [re.sub(r"\s+", " ", value)]
    children = value.values() if isinstance(value, dict) else value
    return [text for child in children for text in _strings(child)]
