"""The planner's rounds as questions and answers, wherever the model runs that answers them (paper, equation 4)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from clap.errors import InvalidPlannerTextError
from clap.geometry.frames import VIEW_NAMES
from clap.geometry.views import CanonicalViews
from clap.policies.base import INITIAL_STEP, OnText, PlanRequest
from clap.policies.planner import text_format as language
from clap.policies.planner.compound import held_against_parts, parts_of
from clap.policies.planner.grounding import (
    denies_what_is_there,
    denies_what_was_not_asked,
    ends_with_what_is_done,
    missing_object,
    of_this_plan,
)
from clap.policies.planner.instruction_words import read_instruction
from clap.policies.planner.model import PlannerSettings
from clap.policies.planner.question import Question
from clap.policies.prediction import Plan, PlanStatus

Parsed = TypeVar("Parsed")

PARTS_KEPT = 64
"""Plans for parts of instructions that are remembered."""


@dataclass(frozen=True)
class Reasoning:
    """Round two: objects (name and (3, 2) int pixels), the step, ``keypoint_pixels`` (3, 2) int, the raw text, and
    ``spread`` (3, 2): how far several looks at the keypoint lay apart, pixels; 0 after a single one."""

    objects: tuple[tuple[str, NDArray[np.int64]], ...]
    step: str
    keypoint_pixels: NDArray[np.int64]
    raw: str
    spread: NDArray[np.float64]


class PlannerRounds(ABC):
    """Asks the questions and reads the answers; a planner gives ``settings``, ``known_words`` and ``answer``."""

    settings: PlannerSettings

    @property
    @abstractmethod
    def known_words(self) -> Collection[str]:
        """Words of a word-level vocabulary; empty for a subword tokenizer, which can spell any word."""

    @abstractmethod
    def answer(self, question: Question) -> str:
        """The answer to a question."""

    @property
    def knows_completion(self) -> bool:
        """Whether round one can say that a task is complete: it has to exist, and to know the last step."""
        return self.settings.reason_plan and self.settings.last_step

    def detect_objects(self, views: CanonicalViews, on_text: OnText | None = None) -> tuple[str, ...] | None:
        """Round zero: the names of the things on the table, as round one is told them; None if it asks for none.

        Raises InvalidPlannerTextError if the length limit cut the answer.
        """
        if not (self.settings.reason_plan and self.settings.look_first):
            return None
        return self._ask(
            Question(language.NAME_PROMPT, language.DETECTED_OBJECTS_GRAMMAR, views, on_text),
            language.parse_detected_objects,
        )

    def plan(self, request: PlanRequest) -> Plan:
        """Round one: the plan of the current sub-task, from the instruction, the last step, and what was seen.

        A planner without round one passes the instruction on as the plan; a plan of which nothing is left to do is
        read as the end of the task; a plan for several tasks is held against the plans of each (``plan_parts``).
        Raises InvalidInstructionError (empty, too long, unknown words) or InvalidPlannerTextError.
        """
        instruction, last_step, detected_objects = (
            self.check_instruction(request.instruction),
            request.last_step,
            request.detected_objects,
        )
        if not self.settings.reason_plan:
            return Plan(PlanStatus.STEPS, (instruction,))
        plan = self._plan_alone(instruction, last_step, detected_objects, request.on_text)
        parts = parts_of(instruction) if self.settings.last_step else ()
        if not parts:
            return plan

        def ask(text: str, last: str | None) -> Plan | None:
            return self._asked_before(text, last or INITIAL_STEP, detected_objects)

        return held_against_parts(plan, instruction, last_step, parts, ask)

    def _asked_before(self, text: str, last_step: str, detected_objects: Sequence[str] | None) -> Plan | None:
        """The plan for a part, asked for once: at the next step of the same instruction it is the same question."""
        key = text, last_step, None if detected_objects is None else tuple(detected_objects)
        if key not in self._parts_plans:
            if len(self._parts_plans) >= PARTS_KEPT:
                del self._parts_plans[next(iter(self._parts_plans))]
            try:
                self._parts_plans[key] = self._plan_alone(text, last_step, detected_objects, is_part=True)
            except InvalidPlannerTextError:
                self._parts_plans[key] = None
        return self._parts_plans[key]

    @cached_property
    def _parts_plans(self) -> dict[tuple[str, str, tuple[str, ...] | None], Plan | None]:
        return {}

    def _plan_alone(
        self,
        instruction: str,
        last_step: str,
        detected_objects: Sequence[str] | None,
        on_text: OnText | None = None,
        is_part: bool = False,
    ) -> Plan:
        """The plan for a checked instruction, held against what was seen and done; of a part, whose whole was not
        refused, also a refusal that mixes its words up."""
        prompt = self.format.plan_prompt(instruction, last_step, detected_objects)
        question = Question(prompt, self.format.plan_grammar, on_text=on_text)
        plan = self._ask(question, language.parse_plan)
        denied = is_part and denies_what_was_not_asked(plan.reason, instruction)
        if (
            detected_objects is not None
            and plan.status is PlanStatus.REFUSED
            and (denied or denies_what_is_there(plan.reason, detected_objects))
        ):
            plan = self._ask(replace(question, grammar=self.format.steps_grammar), language.parse_plan)
        if self.settings.last_step and ends_with_what_is_done(plan.steps, last_step):
            return Plan(PlanStatus.COMPLETE, raw=plan.raw)
        missing = None if detected_objects is None else missing_object(plan.steps, detected_objects)
        return plan if missing is None else Plan(PlanStatus.REFUSED, raw=plan.raw, reason=f"there is no {missing}")

    def reason(
        self,
        views: CanonicalViews,
        plan: Plan,
        last_step: str,
        on_text: OnText | None = None,
        step: str | None = None,
    ) -> Reasoning:
        """Round two: objects, step and keypoint from the three views, the plan (with steps) and the last step, if that
        was one of the plan's: a plan that is not begun is begun at its start.

        ``step``, one of the plan's, is what it is to look for; None leaves it the choice. Raises
        InvalidPlannerTextError if the length limit cut the answer.
        """
        if not plan.steps:
            raise ValueError(f"round two needs a plan with steps, this one is {plan.status.value}")

        last_step = of_this_plan(last_step, plan.steps)
        prompt = self.format.reasoning_prompt(plan.steps, last_step)
        grammar = self.format.reasoning_grammar(plan.steps, last_step, step)
        text, spread = self.answer_places(Question(prompt, grammar, views, on_text))
        answer = self.format.parse_reasoning(text, plan.steps)
        objects = tuple((thing.name, thing.pixels) for thing in answer.objects)
        return Reasoning(objects, answer.step, answer.keypoint_pixels, text, spread)

    def answer_places(self, question: Question) -> tuple[str, NDArray[np.float64]]:
        """The answer to a question for places, and the scatter (3, 2) of the last one, pixels; 0 if it is not known."""
        return self.answer(question), np.zeros((len(VIEW_NAMES), 2))

    def check_instruction(self, instruction: str) -> str:
        """The instruction as the planner is shown it. Raises InvalidInstructionError with a sentence and a hint."""
        return read_instruction(instruction, self.known_words, self.settings.misspelt)

    @property
    def format(self) -> language.Format:
        """How this planner's questions and answers are written."""
        return self.settings.format

    @property
    def max_new_tokens(self) -> int:
        """Length limit of an answer: six objects with three pixels each fit with room to spare, in words; the plan
        of a whole task is longer."""
        return 192 if self.known_words and self.settings.last_step else 640

    def _ask(self, question: Question, parse: Callable[[str], Parsed]) -> Parsed:
        return parse(self.answer(question))
