"""More round-two questions from the same scenes: the first step of picking up any object that is on the table.

A first step ("the robot moves above the red block", from the initial state) needs no history, so a scene answers it
for each of its objects, if the keypoint's offset from the object is known. The offset is measured on the trajectory
records and used only for kinds of things where it is constant to 2 mm; other first steps (in front of a drawer
handle, which turns with the drawer) stay unasked. Only combinations of trained tasks are asked for, so that the
tasks that are never trained stay so.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from clap.policy import INITIAL_STEP
from clap.worlds.tabletop import phrasing
from training.planner_data import Scene, SceneStore, StepQuery

SPREAD = 0.002
"""An offset counts as constant if its standard deviation is below this on every axis, metres."""
LEAST_RECORDS = 8


class FirstSteps:
    """Draws first-step questions for scenes, from offsets measured on a store's trajectory records."""

    def __init__(self, store: SceneStore):
        self.offsets = measured_offsets(store.records(store.trajectories))

    def draw(self, scene: Scene, rng: np.random.Generator) -> StepQuery | None:
        """A first step that this scene answers, other than its own question; None if there is none."""
        if scene.query is not None and scene.query.last_step != INITIAL_STEP:
            return None  # something is held or half done: from here no task starts afresh
        asked = scene.query.objects[:1] if scene.query else ()
        choices = [
            (thing, container)
            for thing, seen in zip(scene.names, scene.visible, strict=True)
            if seen
            if thing not in asked and thing.split()[-1] in self.offsets
            for container in trained_containers(thing)
            if set(phrasing.pick_and_place_objects(thing, container)) <= set(scene.names)
        ]
        if not choices:
            return None
        thing, container = choices[int(rng.integers(len(choices)))]
        steps = phrasing.pick_and_place_steps(thing, container)
        keypoint = scene.positions[scene.names.index(thing)] + self.offsets[thing.split()[-1]]
        objects = phrasing.pick_and_place_objects(thing, container)
        return StepQuery(steps, INITIAL_STEP, steps[0], 0, objects, keypoint)


def trained_containers(thing: str) -> tuple[str, ...]:
    """Where trained tasks put a thing: blocks into the cup of their colour or the drawer, shapes into the sorter."""
    if thing in phrasing.SHAPES:
        return (phrasing.SORTER,)
    color, _, kind = thing.partition(" ")
    return (phrasing.cup(color), phrasing.DRAWER) if kind == "block" else ()


def measured_offsets(records: Iterable[dict]) -> dict[str, NDArray[np.floating]]:
    """Kind of thing (last word of its name) -> mean offset (3,) of a first keypoint from it, where constant."""
    seen: dict[str, list[NDArray[np.floating]]] = defaultdict(list)
    for record in records:
        thing = record["task_objects"][0] if record["task_objects"] else ""
        positions = {item["name"]: item["position"] for item in record["objects"]}
        is_first_pick = record["step_index"] == 0 and record["last_step"] == INITIAL_STEP and trained_containers(thing)
        if is_first_pick and thing in positions:
            seen[thing.split()[-1]].append(np.asarray(record["keypoint"]) - np.asarray(positions[thing]))
    return {
        kind: np.mean(offsets, 0)
        for kind, offsets in seen.items()
        if len(offsets) >= LEAST_RECORDS and float(np.std(offsets, 0).max()) < SPREAD
    }
