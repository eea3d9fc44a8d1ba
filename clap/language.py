"""Plan, step, objects and keypoint as text: the planner's prompt format, its grammar and its parser.

Two rounds (paper, equation 4). Round one is text only::

    task : put the red block in the red cup last : the robot is currently at the initial state
    -> steps : the robot moves above the red block ; ... | complete | unclear

Round two sees the three views, the plan and the last step, and not the instruction::

    plan : the robot moves above the red block ; ... last : ...
    -> objects : red block front 101 80 left 55 80 top 101 150 ; red cup ... step : ... keypoint : front ...

Pixels are integers of the 224 grid, u then v, in the order of ``geometry.VIEWS``. The parsers raise
InvalidPlannerTextError and never guess; the grammars are regular expressions for constrained decoding, and whatever
they allow is parsed.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clap.failures import InvalidPlannerTextError
from clap.geometry import IMAGE_SIZE, VIEW_NAMES
from clap.prediction import Plan, PlanStatus

FORMAT_VERSION = 1
"""Version of the texts below; a checkpoint records the one it was trained on."""

LOCATE_PROMPT = "locate all objects"
"""Prompt of the object position data (paper, section 4.1): names with pixels are the answer."""

PROMPT_WORDS = ("task", "last", "plan", "locate", "all", "objects", "steps", "step", "keypoint", *VIEW_NAMES, ":", ";")
MAX_OBJECTS = 6
MAX_STEPS = 8

_NUMBER = r"(?:[0-9]|[1-9][0-9]|1[0-9][0-9]|2[01][0-9]|22[0-3])"
_NAME = r"[a-z]+(?: [a-z]+){0,3}"
_STEP = r"the robot(?: [a-z]+){1,16}"
_POINTS = " ".join(f"{view} {_NUMBER} {_NUMBER}" for view in VIEW_NAMES)
_OBJECT = f"{_NAME} {_POINTS}"

PLAN_GRAMMAR = rf"(?:steps : {_STEP}(?: ; {_STEP}){{0,{MAX_STEPS - 1}}}|complete|unclear) ?"
"""Regular expression of round one's answers (the last token of a word-level tokenizer carries a trailing space)."""


@dataclass(frozen=True)
class NamedPixels:
    """A name with one pixel per view: ``pixels`` (3, 2) int, (u, v) in 0..223."""

    name: str
    pixels: NDArray[np.int64]


MAX_NAMED = 3
"""Plans that speak of more things than this leave the names free: the grammar lists every order."""

_FUNCTION_WORDS = frozenset(
    ("above", "and", "at", "below", "by", "from", "in", "inside", "into", "its", "of", "off", "on", "onto", "over")
    + ("then", "to", "under", "with")
)


@dataclass(frozen=True)
class ReasoningText:
    """Round two's answer, parsed: objects, step, and ``keypoint_pixels`` (3, 2) int."""

    objects: tuple[NamedPixels, ...]
    step: str
    keypoint_pixels: NDArray[np.int64]


def normalise(text: str) -> str:
    """Lower case, plain quotes, no punctuation, hyphens as spaces, single spaces: what the planner is shown."""
    text = unicodedata.normalize("NFKC", text).lower().replace("\u2019", "'")
    text = re.sub(r"'s\b", "", text)
    return " ".join(re.sub(r"[^\w]|_", " ", text).split())


def plan_prompt(instruction: str, last_step: str) -> str:
    """Round one's question."""
    return f"task : {normalise(instruction)} last : {normalise(last_step)}"


def reasoning_prompt(steps: Sequence[str], last_step: str) -> str:
    """Round two's question, which follows the three views."""
    return f"plan : {' ; '.join(steps)} last : {normalise(last_step)}"


def format_plan(status: PlanStatus, steps: Sequence[str] = ()) -> str:
    """Round one's answer."""
    return f"steps : {' ; '.join(steps)}" if status is PlanStatus.STEPS else status.value


def format_pixels(pixels: NDArray[np.integer]) -> str:
    """One pixel per view (3, 2) as text."""
    return " ".join(f"{view} {int(u)} {int(v)}" for view, (u, v) in zip(VIEW_NAMES, pixels, strict=True))


def format_objects(objects: Sequence[NamedPixels]) -> str:
    """The object section, which is also the answer to LOCATE_PROMPT."""
    return "objects : " + " ; ".join(f"{thing.name} {format_pixels(thing.pixels)}" for thing in objects)


def format_reasoning(objects: Sequence[NamedPixels], step: str, keypoint_pixels: NDArray[np.integer]) -> str:
    """Round two's answer."""
    return f"{format_objects(objects)} step : {step} keypoint : {format_pixels(keypoint_pixels)}"


def mentioned_objects(steps: Sequence[str]) -> tuple[str, ...]:
    """The things that a plan speaks of: what follows "the", up to the next function word, in order; not the robot."""
    found: dict[str, None] = {}
    for step in steps:
        for part in re.split(r"\bthe\b", normalise(step))[1:]:
            words = list(itertools.takewhile(lambda word: word not in _FUNCTION_WORDS, part.split()))
            if words and words[0] != "robot":
                found[" ".join(words)] = None
    return tuple(found)


def reasoning_grammar(steps: Sequence[str], last_step: str = "") -> str:
    """Regular expression of round two's answers for a plan: its objects and its step are the plan's own, verbatim.

    Round two does not choose what the task is about, the plan does (equation 4): left free, a planner trained on few
    combinations names the object that it has always seen with this one. Nor is the last step, which has been
    carried out, the next one again (no demonstration has that), unless the plan has no other.
    """
    step = "|".join(map(_escaped, [step for step in steps if step != normalise(last_step)] or steps))
    return rf"objects : (?:{_objects_grammar(mentioned_objects(steps))}) step : (?:{step}) keypoint : {_POINTS} ?"


def _objects_grammar(names: Sequence[str]) -> str:
    """Each named object at most once, in any order; any words for a plan that names nothing or very much."""
    if not 0 < len(names) <= MAX_NAMED:
        return rf"{_OBJECT}(?: ; {_OBJECT}){{0,{MAX_OBJECTS - 1}}}"
    orders = (order for count in range(1, len(names) + 1) for order in itertools.permutations(names, count))
    return "|".join(" ; ".join(f"{_escaped(name)} {_POINTS}" for name in order) for order in orders)


def _escaped(text: str) -> str:
    return re.escape(text).replace(r"\ ", " ")


def parse_plan(text: str) -> Plan:
    """Parse round one's answer. Raises InvalidPlannerTextError if it does not follow the grammar."""
    clean = text.strip()
    if not re.fullmatch(PLAN_GRAMMAR, clean):
        raise InvalidPlannerTextError("The planner's plan is no list of steps, nor 'complete' or 'unclear'.", raw=text)
    if clean in (PlanStatus.COMPLETE.value, PlanStatus.UNCLEAR.value):
        return Plan(PlanStatus(clean), raw=clean)
    steps = tuple(step.strip() for step in clean.removeprefix("steps :").split(" ; "))
    return Plan(PlanStatus.STEPS, steps, raw=clean)


def parse_reasoning(text: str, steps: Sequence[str]) -> ReasoningText:
    """Parse round two's answer to the plan ``steps``. Raises InvalidPlannerTextError if it breaks the grammar."""
    clean = text.strip()
    if not re.fullmatch(reasoning_grammar(steps), clean):
        raise InvalidPlannerTextError(
            "The planner's answer is not 'objects : ... step : ... keypoint : ...' with one of the plan's steps and "
            f"pixels from 0 to {IMAGE_SIZE - 1}.",
            raw=text,
        )
    objects_text, rest = clean.removeprefix("objects : ").split(" step : ", 1)
    step, keypoint_text = rest.split(" keypoint : ", 1)
    return ReasoningText(tuple(map(_parse_object, objects_text.split(" ; "))), step, _parse_pixels(keypoint_text))


def _parse_object(text: str) -> NamedPixels:
    """A name is all words before the last three views with their pixels (nine words)."""
    words = text.split(" ")
    return NamedPixels(" ".join(words[:-9]), _parse_pixels(" ".join(words[-9:])))


def _parse_pixels(text: str) -> NDArray[np.int64]:
    words = text.split(" ")
    return np.array([[int(words[3 * k + 1]), int(words[3 * k + 2])] for k in range(len(VIEW_NAMES))])
