"""More round-two questions from the same scenes: the first step of any trained sub-task that a scene allows.

A first step ("the robot moves above the red block", from the initial state) needs no history, so a scene answers it
for each of its objects, if the keypoint's offset from the object is known. The offset is measured on the trajectory
records and used only where it is constant to 2 mm: along the world's axes for loose things, and for the drawer's
handle along the drawer, which points from its middle to its handle. Only combinations of trained tasks are asked for,
so that the tasks that are never trained stay so.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from clap.policies.base import INITIAL_STEP
from clap.worlds.tabletop import phrasing
from training.planner.scenes import Scene, SceneStore, StepQuery

SPREAD = 0.002
"""An offset counts as constant if its standard deviation is below this on every axis, metres."""
LEAST_RECORDS = 8

Points = Mapping[str, NDArray[np.floating]]


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
            (thing, steps, objects)
            for thing, detected_objects in zip(scene.names, scene.visible, strict=True)
            if detected_objects and thing not in asked and kind_of(thing) in self.offsets
            for steps, objects in trained_subtasks(thing, scene.drawer_open)
            if set(objects) <= set(scene.names)
        ]
        if not choices:
            return None
        thing, steps, objects = choices[int(rng.integers(len(choices)))]
        points = dict(zip(scene.names, scene.positions, strict=True))
        offset = self.offsets[kind_of(thing)] @ frame_of(thing, points)
        return StepQuery(steps, INITIAL_STEP, steps[0], 0, objects, points[thing] + offset)


def kind_of(thing: str) -> str:
    """The last word of its name: offsets are the same for things of one kind."""
    return thing.split()[-1]


def frame_of(thing: str, points: Points) -> NDArray[np.floating]:
    """(3, 3) rows: the axes along which a thing's offset is constant, in the world frame."""
    if thing != phrasing.HANDLE:
        return np.eye(3)
    x, y = (points[phrasing.HANDLE] - points[phrasing.DRAWER])[:2]
    length = float(np.hypot(x, y))
    return np.array([[x / length, y / length, 0], [-y / length, x / length, 0], [0, 0, 1]])


def trained_subtasks(thing: str, drawer_open: bool | None) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Steps and objects of the trained sub-tasks that begin with a thing: blocks go into the cup of their colour or
    the drawer, shapes into the sorter, and a closed drawer is opened by its handle."""
    if thing == phrasing.HANDLE:
        return [] if drawer_open is not False else [(phrasing.OPEN_DRAWER_STEPS, (phrasing.HANDLE,))]
    color, _, kind = thing.partition(" ")
    containers: tuple[str, ...] = (phrasing.SORTER,) if thing in phrasing.SHAPES else ()
    if kind == "block":
        containers = (phrasing.cup(color), phrasing.DRAWER)
    return [
        (phrasing.pick_and_place_steps(thing, place), phrasing.pick_and_place_objects(thing, place))
        for place in containers
    ]


def measured_offsets(records: Iterable[dict]) -> dict[str, NDArray[np.floating]]:
    """Kind of thing (last word of its name) -> mean offset (3,) of a first keypoint from it, in its frame, where
    constant."""
    detected_objects: dict[str, list[NDArray[np.floating]]] = defaultdict(list)
    for record in records:
        thing = record["task_objects"][0] if record["task_objects"] else ""
        points = {item["name"]: np.asarray(item["position"]) for item in record["objects"]}
        is_first = record["step_index"] == 0 and record["last_step"] == INITIAL_STEP
        if is_first and thing in points and trained_subtasks(thing, drawer_open=False):
            offset = np.asarray(record["keypoint"]) - points[thing]
            detected_objects[kind_of(thing)].append(frame_of(thing, points) @ offset)
    return {
        kind: np.mean(offsets, 0)
        for kind, offsets in detected_objects.items()
        if len(offsets) >= LEAST_RECORDS and float(np.std(offsets, 0).max()) < SPREAD
    }
