"""The policy protocol that the episode calls."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from clap.geometry.frames import Array
from clap.geometry.observation import Observation
from clap.policies.prediction import Plan, Prediction

INITIAL_STEP = "the robot is currently at the initial state"
"""The last step at the start of an instruction (paper, section 4.1)."""

OnText = Callable[[str], None]
"""Receives the planner's text so far, as it is written."""


@dataclass(frozen=True)
class PlanRequest:
    """The question of round one: what comes next of an ``instruction``, after the ``last_step``.

    ``detected_objects``: the names of the things on the table; None if nobody looked.
    ``on_text`` receives the plan as it is written.
    """

    instruction: str
    last_step: str = INITIAL_STEP
    detected_objects: Sequence[str] | None = None
    on_text: OnText | None = None


@dataclass(frozen=True)
class PredictRequest:
    """The question of round two: which step of the ``plan`` comes after the ``last_step``, and how it is carried out.

    ``step`` is the step of the plan that is wanted; None leaves the choice to the policy.
    """

    observation: Observation
    plan: Plan
    last_step: str = INITIAL_STEP
    step: str | None = None
    on_text: OnText | None = None


class Policy(Protocol):
    """Two rounds, as equation 4: text to plan, then views and plan to a step, its keypoint and an action.

    Before them a look, so that round one knows what the text is about. ``knows_completion``: round one can answer that
    nothing is left to do; for a policy that cannot, the instruction ends as soon as the world's goal holds.
    ``has_fine_action``: it can predict again in the window around a keypoint that the operator chose.
    """

    name: str
    is_expert: bool
    has_fine_action: bool

    @property
    def knows_completion(self) -> bool: ...

    @property
    def step_words(self) -> Collection[str]:
        """The words that it reads in a step instruction; empty if it reads any."""
        ...

    def detect_objects(self, observation: Observation, on_text: OnText | None = None) -> tuple[str, ...] | None:
        """Round zero: the names of the things on the table; None if this policy names nothing.

        Raises EmptyCloudError or InvalidPlannerTextError.
        """
        ...

    def plan(self, request: PlanRequest) -> Plan:
        """Round one: the plan of the current sub-task.

        Raises InvalidInstructionError if the instruction cannot be read (empty, too long, unknown words).
        """
        ...

    def predict(self, request: PredictRequest) -> Prediction:
        """Round two and the fine stage: objects, step, keypoint and the action that carries the step out.

        Raises EmptyCloudError, OutOfWorkspaceError or InvalidPlannerTextError.
        """
        ...

    def refine(self, observation: Observation, step: str, keypoint: Array) -> Prediction:
        """The fine stage alone, in the window around ``keypoint`` (3,) world metres.

        Raises EmptyCloudError or OutOfWorkspaceError, and NoFineStageError if there is none.
        """
        ...
