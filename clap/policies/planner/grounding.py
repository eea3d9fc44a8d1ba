"""Whether a plan agrees with what the planner knows: what it saw, and the step that was carried out last.

A small planner's text follows its habits now and then (a cup that most plans speak of, the part of a task that it has
just done); such slips show when its answer is held against its own list of what it sees and against the last step,
and are mended without any other knowledge of the table.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from clap.policies.base import INITIAL_STEP
from clap.policies.planner.text_format import mentioned_objects, normalise

_PART = re.compile(r"\bthe (?:[a-z]+ ){1,4}?of (?=the\b)")
"""A part that is named with its whole, "the cylinder hole of the shape sorter": the whole is what has to be there."""


def missing_object(steps: Sequence[str], detected_objects: Sequence[str]) -> str | None:
    """The first object that the steps speak of and that is not among ``detected_objects``; None if all are there."""
    things = mentioned_objects([_PART.sub("", step) for step in steps])
    return next((thing for thing in things if not any(_is(thing, name) for name in detected_objects)), None)


def denies_what_is_there(reason: str, detected_objects: Sequence[str]) -> bool:
    """True if a refusal says that an object is absent, ambiguous or unknown, and ``detected_objects`` say otherwise."""
    if reason.startswith("it is not known what is on the table"):
        return True
    if absent := re.fullmatch(r"there is no (.+)", reason):
        return any(_is(absent.group(1), name) for name in detected_objects)
    if several := re.fullmatch(r"several (.+?)e?s match", reason):
        # None at all: "shapes" and "things" are no last words of names, and say nothing that could be counted.
        return sum(name.split()[-1].rstrip("e") == several.group(1).rstrip("e") for name in detected_objects) == 1
    return False


def denies_what_was_not_asked(reason: str, instruction: str) -> bool:
    """True if a refusal says that a thing is absent whose words all stand in the normalised instruction, but apart: a
    red cup, where a red block is to go into a green cup."""
    absent = re.fullmatch(r"there is no (.+)", reason)
    if absent is None:
        return False
    words = instruction.split()
    return set(absent.group(1).split()) <= set(words) and f" {absent.group(1)} " not in f" {' '.join(words)} "


def ends_with_what_is_done(steps: Sequence[str], last_step: str) -> bool:
    """True if the plan's last step is the one just carried out, and comes once: nothing of this plan is left to do."""
    done = normalise(last_step)
    return bool(steps) and steps[-1] == done and steps.count(done) == 1


def of_this_plan(last_step: str, steps: Sequence[str]) -> str:
    """The last step if it belongs to the plan, else the initial state: nothing of the plan is done.

    Demonstrations hold one sub-task each, so a planner that is told the last step of another takes the plan's own last
    step to be next (two blocks into two cups by one sentence: 8 of 16 blocks, with this 15; seeds 20003 to 20006).
    """
    return last_step if normalise(last_step) in steps else INITIAL_STEP


def _is(thing: str, name: str) -> bool:
    """True if what is called ``thing`` is ``name`` ("drawer": "open drawer"), or a part of it ("drawer handle")."""
    words, named = thing.split(), name.split()
    return named[-len(words) :] == words or (len(words) > 1 and words[0] == named[-1])
