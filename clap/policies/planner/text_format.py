"""What the planner is asked and answers, as text: the prompts, the grammars of the answers, and their parsers.

Three rounds; the paper has the last two (equation 4). Round zero sees the three views and names what is there::

    name all objects
    -> seen : red block ; red cup ; closed drawer

Round one is text only; what was seen decides what a phrase means, and whether it can be done at all::

    task : put the block in the red cup seen : red block ; red cup ; closed drawer last : the robot is currently ...
    -> steps : the robot moves above the red block ; ... | complete | refuse : there is no green block

Round two sees the three views, the plan and the last step, and not the instruction::

    plan : the robot moves above the red block ; ... last : ...
    -> objects : red block top 101 150 front 101 80 left 55 80 ; red cup ... step : ... keypoint : top ...

``Format`` leaves parts of rounds one and two out (paper, table 2). Pixels are integers of the 224 grid, u then v. The
view from above comes first: it alone shows both coordinates on the table, so that they are read off the same thing.
The parsers raise InvalidPlannerTextError and never guess; the grammars are regular expressions for constrained
decoding, and whatever they allow is parsed.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clap.errors import InvalidPlannerTextError
from clap.geometry.frames import IMAGE_SIZE, VIEW_NAMES
from clap.policies.prediction import Plan, PlanStatus

FORMAT_VERSION = 2
"""Version of the texts below; a checkpoint records the one it was trained on."""

LOCATE_PROMPT = "locate all objects"
"""Prompt of the object position data (paper, section 4.1): names with pixels are the answer."""

NAME_PROMPT = "name all objects"
"""Round zero's question, which follows the three views."""

NOTHING, UNKNOWN = "nothing", "unknown"
"""What is written for an empty table, and asked about one that nobody has looked at."""

PROMPT_WORDS = (
    *("name", "locate", "all", "objects", "seen", NOTHING, UNKNOWN, "task", "last", "plan"),
    *("steps", "complete", "refuse", "step", "keypoint", *VIEW_NAMES, ":", ";"),
)
"""Words of the format itself: a word-level tokenizer has to know them."""

TOP_FIRST = (2, 0, 1)
"""Order of the views in a point's text, as indices of ``geometry.VIEWS``."""

MAX_DETECTED_OBJECTS = 16
MAX_OBJECTS = 6
MAX_STEPS, MAX_STEPS_OF_ALL = 8, 32
"""Steps of a sub-task's plan, and of the plan of a whole task."""

MAX_STEP_WORDS = 16
"""Words of a step after "the robot"."""

_NUMBER = r"(?:[0-9]|[1-9][0-9]|1[0-9][0-9]|2[01][0-9]|22[0-3])"
_NAME = r"[a-z]+(?: [a-z]+){0,3}"
STEP_GRAMMAR = rf"the robot(?: [a-z]+){{1,{MAX_STEP_WORDS}}}"
_REFUSAL = r"refuse :(?: [a-z]+){1,10}"

DETECTED_OBJECTS_GRAMMAR = rf"seen : {_NAME}(?: ; {_NAME}){{0,{MAX_DETECTED_OBJECTS - 1}}} ?"
"""Regular expression of round zero's answers (the last token of a word-level tokenizer carries a trailing space)."""

MAX_NAMED = 3
"""Plans that speak of more things than this leave the names free: the grammar lists every order."""

_FUNCTION_WORDS = frozenset(
    ("above", "and", "at", "below", "by", "from", "in", "inside", "into", "its", "of", "off", "on", "onto", "over")
    + ("then", "to", "under", "with")
)


@dataclass(frozen=True)
class NamedPixels:
    """A name with one pixel per view: ``pixels`` (3, 2) int, (u, v) in 0..223."""

    name: str
    pixels: NDArray[np.int64]


@dataclass(frozen=True)
class ReasoningText:
    """Round two's answer, parsed: objects (none if the format has none), step, ``keypoint_pixels`` (3, 2) int."""

    objects: tuple[NamedPixels, ...]
    step: str
    keypoint_pixels: NDArray[np.int64]


def normalise(text: str) -> str:
    """Lower case, plain quotes, no punctuation, hyphens as spaces, single spaces: what the planner is shown."""
    text = unicodedata.normalize("NFKC", text).lower().replace("\u2019", "'")
    text = re.sub(r"'s\b", "", text)
    return " ".join(re.sub(r"[^\w]|_", " ", text).split())


def format_detected_objects(names: Sequence[str]) -> str:
    """Round zero's answer."""
    return f"seen : {' ; '.join(names) or NOTHING}"


def parse_detected_objects(text: str) -> tuple[str, ...]:
    """The names in round zero's answer, each once. Raises InvalidPlannerTextError if it breaks the grammar."""
    clean = text.strip()
    if not re.fullmatch(DETECTED_OBJECTS_GRAMMAR, clean):
        raise InvalidPlannerTextError("The planner's list of what it sees is no list of names.", raw=text)
    names = dict.fromkeys(clean.removeprefix("seen : ").split(" ; "))
    return tuple(name for name in names if name != NOTHING)


def format_plan(status: PlanStatus, steps: Sequence[str] = (), reason: str = "") -> str:
    """Round one's answer: the steps, "complete", or "refuse" with its reason."""
    if status is PlanStatus.COMPLETE:
        return status.value
    return f"{status.value} : {reason if status is PlanStatus.REFUSED else ' ; '.join(steps)}"


def parse_plan(text: str) -> Plan:
    """Parse round one's answer. Raises InvalidPlannerTextError if it does not follow the grammar."""
    clean = text.strip()
    if not re.fullmatch(_plan_grammar(MAX_STEPS_OF_ALL), clean):
        raise InvalidPlannerTextError("The planner's plan is no list of steps, nor 'complete' or 'refuse'.", raw=text)
    word, _, rest = clean.partition(" : ")
    status = PlanStatus(word)
    steps = tuple(rest.split(" ; ")) if status is PlanStatus.STEPS else ()
    return Plan(status, steps, raw=clean, reason=rest if status is PlanStatus.REFUSED else "")


def mentioned_objects(steps: Sequence[str]) -> tuple[str, ...]:
    """The things that a plan speaks of: what follows "the", up to the next function word, in order; not the robot."""
    found: dict[str, None] = {}
    for step in steps:
        for part in re.split(r"\bthe\b", normalise(step))[1:]:
            words = list(itertools.takewhile(lambda word: word not in _FUNCTION_WORDS, part.split()))
            if words and words[0] != "robot":
                found[" ".join(words)] = None
    return tuple(found)


def _plan_grammar(max_steps: int, refusal: bool = True) -> str:
    refused = f"|{_REFUSAL}" if refusal else ""
    return rf"(?:steps : {STEP_GRAMMAR}(?: ; {STEP_GRAMMAR}){{0,{max_steps - 1}}}|complete{refused}) ?"


@dataclass(frozen=True)
class Format:
    """Which parts rounds one and two have; all of them but in the ablations of the paper's table 2.

    ``objects``: round two says where the objects are before it says the step. ``plan``: round two follows round one's
    plan; without, there is no round one, and the ``steps`` below are the instruction alone. ``last``: both rounds are
    told the last step; without, a plan is that of the whole task.
    """

    objects: bool = True
    plan: bool = True
    last: bool = True

    @property
    def plan_grammar(self) -> str:
        """Regular expression of round one's answers."""
        return _plan_grammar(MAX_STEPS if self.last else MAX_STEPS_OF_ALL)

    @property
    def steps_grammar(self) -> str:
        """The same without refusals."""
        return _plan_grammar(MAX_STEPS if self.last else MAX_STEPS_OF_ALL, refusal=False)

    @property
    def _points(self) -> str:
        return " ".join(f"{VIEW_NAMES[k]} {_NUMBER} {_NUMBER}" for k in TOP_FIRST)

    def format_pixels(self, pixels: NDArray[np.integer]) -> str:
        """One pixel per view (3, 2) as text."""
        return " ".join(f"{VIEW_NAMES[k]} {int(pixels[k][0])} {int(pixels[k][1])}" for k in TOP_FIRST)

    def format_objects(self, objects: Sequence[NamedPixels]) -> str:
        """The object section, which is also the answer to LOCATE_PROMPT."""
        return "objects : " + " ; ".join(f"{thing.name} {self.format_pixels(thing.pixels)}" for thing in objects)

    def plan_prompt(self, instruction: str, last_step: str, detected_objects: Sequence[str] | None = None) -> str:
        """Round one's question; ``detected_objects`` None says that nobody has looked."""
        names = UNKNOWN if detected_objects is None else " ; ".join(detected_objects) or NOTHING
        return f"task : {normalise(instruction)} seen : {names}{self._last(last_step)}"

    def reasoning_prompt(self, steps: Sequence[str], last_step: str) -> str:
        """Round two's question, which follows the three views."""
        return f"{'plan' if self.plan else 'task'} : {' ; '.join(steps)}{self._last(last_step)}"

    def _last(self, last_step: str) -> str:
        return f" last : {normalise(last_step)}" if self.last else ""

    def format_reasoning(self, objects: Sequence[NamedPixels], step: str, keypoint_pixels: NDArray[np.integer]) -> str:
        """Round two's answer."""
        found = f"{self.format_objects(objects)} " if self.objects else ""
        return f"{found}step : {step} keypoint : {self.format_pixels(keypoint_pixels)}"

    def reasoning_grammar(self, steps: Sequence[str], last_step: str = "", wanted: str | None = None) -> str:
        """Regular expression of round two's answers for a plan: its objects and its step are the plan's own, verbatim.

        Round two does not choose what the task is about, the plan does (equation 4): left free, a planner trained on
        few combinations names the object that it has always seen with this one. Nor is the last step, which has been
        carried out, the next one again (no demonstration has that), unless the plan has no other. Without a plan,
        names and step are free. A ``wanted`` step is the only one that can be answered.
        """
        told = normalise(last_step) if self.last else ""
        step = "|".join(map(_escaped, [step for step in steps if step != told] or steps)) if self.plan else STEP_GRAMMAR
        step = step if wanted is None else _escaped(wanted)
        names = mentioned_objects(steps) if self.plan else ()
        found = rf"objects : (?:{self._objects_grammar(names)}) " if self.objects else ""
        return rf"{found}step : (?:{step}) keypoint : {self._points} ?"

    def parse_reasoning(self, text: str, steps: Sequence[str]) -> ReasoningText:
        """Parse round two's answer to the plan ``steps``. Raises InvalidPlannerTextError if it breaks the grammar."""
        clean = text.strip()
        if not re.fullmatch(self.reasoning_grammar(steps), clean):
            wanted = "objects : ... step : ..." if self.objects else "step : ..."
            raise InvalidPlannerTextError(
                f"The planner's answer is not '{wanted} keypoint : ...' with one of the plan's steps and pixels from 0 "
                f"to {IMAGE_SIZE - 1}.",
                raw=text,
            )
        objects_text, rest = clean.split("step : ", 1)
        step, keypoint_text = rest.split(" keypoint : ", 1)
        found = objects_text.removeprefix("objects : ").strip()
        objects = tuple(map(self._parse_object, found.split(" ; "))) if found else ()
        return ReasoningText(objects, step, self._parse_pixels(keypoint_text))

    def _objects_grammar(self, names: Sequence[str]) -> str:
        """Each named object at most once, in any order; any words for a plan that names nothing or very much."""
        if not 0 < len(names) <= MAX_NAMED:
            thing = f"{_NAME} {self._points}"
            return rf"{thing}(?: ; {thing}){{0,{MAX_OBJECTS - 1}}}"
        orders = (order for count in range(1, len(names) + 1) for order in itertools.permutations(names, count))
        return "|".join(" ; ".join(f"{_escaped(name)} {self._points}" for name in order) for order in orders)

    def _parse_object(self, text: str) -> NamedPixels:
        """A name is all words before the last three views with their pixels (nine words)."""
        words = text.split(" ")
        return NamedPixels(" ".join(words[:-9]), self._parse_pixels(" ".join(words[-9:])))

    def _parse_pixels(self, text: str) -> NDArray[np.int64]:
        words = text.split(" ")
        pixels = np.zeros((len(VIEW_NAMES), 2), np.int64)
        for place, k in enumerate(TOP_FIRST):
            pixels[k] = int(words[3 * place + 1]), int(words[3 * place + 2])
        return pixels


FULL_FORMAT = Format()
PLAN_GRAMMAR = FULL_FORMAT.plan_grammar


def plan_prompt(instruction: str, last_step: str, detected_objects: Sequence[str] | None = None) -> str:
    """Round one's question in the full format."""
    return FULL_FORMAT.plan_prompt(instruction, last_step, detected_objects)


def _escaped(text: str) -> str:
    return re.escape(text).replace(r"\ ", " ")
