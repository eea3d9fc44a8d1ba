"""Language plans: (instruction, things seen, last step) -> plan of the current sub-task, or a refusal (paper, A.2).

This is the paper's auxiliary language data, "a manual": it covers tasks that have no trajectories, and it is where
the planner learns words. A request is drawn for a random table, worded from data files (``data/language``), and
answered by ``training.data.language.meaning``. A tenth of the skeletons of sentences is held out of the training split.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from clap.policies.base import INITIAL_STEP
from clap.policies.planner.text_format import format_plan, normalise
from clap.policies.prediction import PlanStatus
from clap.worlds.tabletop import phrasing
from training.data.language.meaning import Refused, Steps, subtasks_of
from training.data.language.requests import Requests, Wording
from training.data.language.tables import pick, random_table

SPLITS = ("train", "phrasing", "composition", "impossible")
WEIGHTS: dict[str, tuple[tuple[str, float], ...]] = {
    "train": (("task", 0.50), ("world", 0.13), ("composition", 0.26), ("refusal", 0.11)),
    "phrasing": (("task", 1.0),),
    "composition": (("composition", 1.0),),
    "impossible": (("refusal", 0.65), ("missing", 0.35)),
}
"""What the samples of each split are about, with shares."""
UNKNOWN_SHARE = 0.15
"""So often nobody has looked at the table."""
TYPO_SHARE = 0.08
STEP_OF_ANOTHER_TASK = 0.04
_STRAY_STEPS = (
    tuple(
        step
        for thing in (*map(phrasing.block, phrasing.BLOCK_COLORS), *phrasing.SHAPES)
        for place in (*map(phrasing.cup, phrasing.BLOCK_COLORS), phrasing.DRAWER, phrasing.SORTER)
        for step in phrasing.pick_and_place_steps(thing, place)
    )
    + phrasing.OPEN_DRAWER_STEPS
)


@dataclass(frozen=True)
class LanguagePlan:
    """One sample: the typed instruction, what was seen (None: unknown), the last step, and round one's answer.

    ``whole`` is the answer of a planner that is not told the last step: the steps of all sub-tasks.
    """

    instruction: str
    detected_objects: tuple[str, ...] | None
    last_step: str
    answer: str
    whole: str


@dataclass(frozen=True)
class Drawn:
    """A sample with the ``keys`` by which its wording belongs to a split."""

    plan: LanguagePlan
    keys: tuple[str, ...]


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


def answer_to(wording: Wording, detected_objects: tuple[str, ...] | None, last_step: str) -> str:
    """Round one's answer to a worded request."""
    try:
        if wording.reason:
            raise Refused(wording.reason)
        return answer_for(subtasks_of(wording.requests, detected_objects), last_step)
    except Refused as refused:
        return format_plan(PlanStatus.REFUSED, reason=refused.reason)


class LanguagePlanSampler:
    """Draws language plans of one split.

    "train"; "phrasing": tasks of the training data in sentences held out of it; "composition": several tasks in one
    sentence, in combinations held out; "impossible": requests to be refused, in sentences held out.
    """

    def __init__(self, split: str = "train"):
        if split not in SPLITS:
            raise ValueError(f"There is no split '{split}'. Splits: {', '.join(SPLITS)}.")
        self.split = split
        self._requests = Requests(held_out=split != "train")
        self._kinds = [kind for kind, _ in WEIGHTS[split]]
        self._edges = np.cumsum([share for _, share in WEIGHTS[split]]).tolist()

    def sample(self, rng: np.random.Generator) -> LanguagePlan:
        """One sample."""
        return self.draw(rng).plan

    def draw(self, rng: np.random.Generator) -> Drawn:
        """One sample with its keys."""
        at = rng.random() * self._edges[-1]
        kind = next(kind for kind, edge in zip(self._kinds, self._edges, strict=True) if at < edge)
        while True:
            table = random_table(rng)
            detected_objects = None if rng.random() < UNKNOWN_SHARE else table
            wording = getattr(self._requests, kind)(rng, table)
            if wording is None:
                continue
            refused = bool(wording.reason) or self._is_refused(wording, detected_objects)
            if self.split == "train" or refused == (self.split == "impossible"):
                break
        text = self._requests.sentences.misspelt(rng, normalise(wording.text), 0 if kind == "world" else TYPO_SHARE)
        subtasks = () if refused else subtasks_of(wording.requests, detected_objects)
        last_step = self._last_step(rng, subtasks)
        answer = answer_to(wording, detected_objects, last_step)
        whole = format_plan(PlanStatus.STEPS, [step for steps in subtasks for step in steps]) if subtasks else answer
        return Drawn(LanguagePlan(text, detected_objects, last_step, answer, whole), wording.keys)

    def _is_refused(self, wording: Wording, detected_objects: tuple[str, ...] | None) -> bool:
        try:
            subtasks_of(wording.requests, detected_objects)
        except Refused:
            return True
        return False

    def _last_step(self, rng: np.random.Generator, subtasks: tuple[Steps, ...]) -> str:
        """Uniform over the start and all steps; now and then a step of some other task."""
        if rng.random() < (STEP_OF_ANOTHER_TASK if subtasks else 0.4):
            return pick(rng, _STRAY_STEPS)
        return pick(rng, (INITIAL_STEP, *(step for steps in subtasks for step in steps)))
