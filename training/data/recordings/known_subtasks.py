"""What a plan's words tell of it: the sub-task of the tabletop world that it is, if it is one, and what it touches."""

from __future__ import annotations

import re
from collections.abc import Sequence

from clap.policies.planner.text_format import mentioned_objects
from clap.worlds.tabletop.phrasing import OPEN_DRAWER_STEPS, SORTER
from clap.worlds.tabletop.tasks import OPEN_DRAWER, Subtask
from training.predictor.samples import CONTACT_KINDS, step_kind

_ABOVE = re.compile(r"the robot moves above the (.+)")
_INTO = re.compile(r"the robot places the .+? (?:into|above) the (.+)")


def contact_kind(step: str) -> bool:
    """True if the step's verb is one of taking, letting go or pulling."""
    return step_kind(step).startswith(CONTACT_KINDS)


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


def things_of(plan: Sequence[str]) -> tuple[str, ...]:
    """What the plan is about, as the planner is to name it: what is moved first, then where it goes."""
    subtask = known_subtask(plan)
    return mentioned_objects(plan)[:2] if subtask is None else subtask.objects
