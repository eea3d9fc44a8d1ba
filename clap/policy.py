"""The policy protocol that the episode calls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from clap.observation import Observation
from clap.prediction import Plan, Prediction

INITIAL_STEP = "the robot is currently at the initial state"
"""The last step at the start of an instruction (paper, section 4.1)."""

OnText = Callable[[str], None]
"""Receives the planner's text so far, as it is written."""


class Policy(Protocol):
    """Two rounds, as equation 4: text to plan, then views and plan to a step, its keypoint and an action.

    Before them a look, so that round one knows what the text is about. ``knows_completion``: round one can answer that
    nothing is left to do; for a policy that cannot, the instruction ends as soon as the world's goal holds.
    """

    name: str
    is_expert: bool

    @property
    def knows_completion(self) -> bool: ...

    def look(self, observation: Observation, on_text: OnText | None = None) -> tuple[str, ...] | None:
        """Round zero: the names of the things on the table; None if this policy names nothing.

        Raises EmptyCloudError or InvalidPlannerTextError.
        """
        ...

    def plan(
        self, instruction: str, last_step: str, on_text: OnText | None = None, seen: Sequence[str] | None = None
    ) -> Plan:
        """Round one: the plan of the current sub-task, from the instruction, the last step, and the names ``seen``.

        Raises InvalidInstructionError if the instruction cannot be read (empty, too long, unknown words).
        """
        ...

    def predict(
        self, observation: Observation, plan: Plan, last_step: str, on_text: OnText | None = None
    ) -> Prediction:
        """Round two and the fine stage: objects, step, keypoint and the action that carries the step out.

        Raises EmptyCloudError, OutOfWorkspaceError or InvalidPlannerTextError.
        """
        ...
