"""Language plans from recorded demonstrations: the operator's instruction, and the plan that was carried out."""

from __future__ import annotations

import numpy as np

from clap.errors import ClapError
from clap.geometry.frames import Workspace
from clap.policies.base import INITIAL_STEP
from clap.policies.planner.local import CoarseTaskPlanner
from clap.policies.planner.text_format import format_plan, normalise
from clap.policies.prediction import PlanStatus
from clap.worlds.tabletop.phrasing import CATALOGUE, DRAWER
from training.data.language.tables import random_table
from training.data.language_plans import LanguagePlan, answer_for
from training.data.recordings.things import objects_of_plan
from training.planner.evaluation import scene_views
from training.planner.scenes import SceneStore

UNKNOWN_SHARE, SEEN_SHARE = 0.25, 0.25
"""So often round one is told that nobody has looked, or what the planner, as it was, saw in the first moment; else that
any other things stand there: an answer must not depend on them, nor on what the planner only believes to see.
"""


class RecordedPlans:
    """Draws samples for round one. The planner looks at each demonstration once, when this is made."""

    def __init__(self, store: SceneStore, planner: CoarseTaskPlanner):
        self._demonstrations: list[tuple[str, tuple[tuple[str, ...], ...], tuple[str, ...] | None]] = []
        for name in sorted({name for name, _ in (*store.trajectories, *store.held_out)}):
            keys = [key for key in (*store.trajectories, *store.held_out) if key[0] == name]
            records = list(store.records(keys))
            plans = {int(record["subtask"]): tuple(record["plan"]) for record in records}
            ordered = tuple(plans[number] for number in sorted(plans))
            detected_objects = _detected_objects(store, keys[0], planner, ordered)
            self._demonstrations.append((normalise(records[0]["instruction"]), ordered, detected_objects))

    def sample(self, rng: np.random.Generator) -> LanguagePlan:
        """One sample: a demonstration, and how far it has come."""
        instruction, plans, detected_objects = self._demonstrations[int(rng.integers(len(self._demonstrations)))]
        steps = [INITIAL_STEP, *(step for plan in plans for step in plan)]
        last = steps[int(rng.integers(len(steps)))]
        whole = format_plan(PlanStatus.STEPS, steps[1:])
        report, draw = detected_objects, rng.random()
        if detected_objects is None or draw < UNKNOWN_SHARE:
            report = None
        elif draw > UNKNOWN_SHARE + SEEN_SHARE:
            report = _among_others(plans, detected_objects, random_table(rng))
        return LanguagePlan(instruction, report, last, answer_for(plans, last), whole)


def _detected_objects(
    store: SceneStore, key: tuple[str, int], planner: CoarseTaskPlanner, plans: tuple[tuple[str, ...], ...]
) -> tuple[str, ...] | None:
    """What the planner saw, and the things of the plans that can stand on a table; None if it cannot tell."""
    try:
        found = planner.detect_objects(scene_views(store.scene(key), Workspace()))
    except ClapError:
        return None
    if found is None:
        return None
    return _listed(_wanted(plans) | set(found))


def _wanted(plans: tuple[tuple[str, ...], ...]) -> set[str]:
    """The things of the plans that can stand on a table."""
    return {thing for plan in plans for thing in objects_of_plan(plan)} & set(CATALOGUE)


def _among_others(
    plans: tuple[tuple[str, ...], ...], detected_objects: tuple[str, ...], others: tuple[str, ...]
) -> tuple[str, ...]:
    """The things of the plans among ``others``. A drawer that the plans speak of stays as it was seen."""
    drawers = {name for name in CATALOGUE if name.endswith(DRAWER)}
    if any(DRAWER in step for plan in plans for step in plan):
        return _listed(_wanted(plans) | (set(others) - drawers) | (set(detected_objects) & drawers))
    return _listed(_wanted(plans) | set(others))


def _listed(names: set[str]) -> tuple[str, ...]:
    return tuple(name for name in CATALOGUE if name in names)
