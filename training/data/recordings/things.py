"""What a plan's words tell of its things, and where they are, as far as the demonstration itself shows it.

A recording knows no positions of objects: a camera sees no names, and what a simulator could tell is not looked at,
so that retraining learns on a simulated table what it could learn on a real one. But where the gripper closes, the
thing is; where it opens, the container is. Both are exact across the table. Their height is not: fingers take a thing
anywhere on its side, and let go above a cup. So x and y are learned and z is not, and nothing of a thing that was
never touched.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from clap.geometry.frames import Array
from clap.policies.planner.text_format import mentioned_objects
from clap.worlds.tabletop.phrasing import OPEN_DRAWER_STEPS, SORTER
from clap.worlds.tabletop.tasks import OPEN_DRAWER, Subtask
from demos.store.episode import RecordedEpisode
from training.data.recordings.steps import RecordedStep

ACROSS_THE_TABLE = (True, True, False)
NOWHERE = (False, False, False)
_ABOVE = re.compile(r"the robot moves above the (.+)")
_INTO = re.compile(r"the robot places the .+? (?:into|above) the (.+)")


@dataclass(frozen=True)
class Place:
    """A thing's ``position`` (3,) world metres, and which of its coordinates are ``known``."""

    name: str
    position: Array
    known: tuple[bool, bool, bool]


def known_subtask(plan: Sequence[str]) -> Subtask | None:
    """The tabletop world's sub-task with exactly these steps, None if there is none."""
    if tuple(plan) == OPEN_DRAWER_STEPS:
        return OPEN_DRAWER
    above, into = _ABOVE.fullmatch(plan[0]), _INTO.fullmatch(plan[-1])
    if above is None or into is None:
        return None
    container = SORTER if into[1].endswith(f"hole of the {SORTER}") else into[1]
    subtask = Subtask(above[1], container)
    return subtask if subtask.steps == tuple(plan) else None


def objects_of_plan(plan: Sequence[str]) -> tuple[str, ...]:
    """What the plan is about, as the planner is to name it: what is moved first, then where it goes."""
    subtask = known_subtask(plan)
    return mentioned_objects(plan)[:2] if subtask is None else subtask.objects


def places_at(episode: RecordedEpisode, steps: Sequence[RecordedStep], step: RecordedStep, frame: int) -> list[Place]:
    """The things of a step's plan as they lay when ``frame`` was seen."""
    subtask = [one for one in steps if one.subtask == step.subtask and one.contact]
    taken = next((one for one in subtask if not one.action.gripper_open), None)
    left = next((one for one in subtask if taken and one.action.gripper_open and one.ends_at > taken.ends_at), None)
    out = []
    for name, contact in zip(objects_of_plan(step.plan), (taken, left), strict=False):
        if contact is None:
            out.append(Place(name, step.action.pose.position, NOWHERE))
            continue
        position = contact.action.pose.position
        if contact is taken and left is not None and frame >= left.ends_at:
            position = left.action.pose.position
        elif contact is taken and frame >= taken.ends_at:
            position = episode.state[frame, :3]
        out.append(Place(name, np.asarray(position, float), ACROSS_THE_TABLE))
    return out
