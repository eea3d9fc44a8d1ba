"""All that the run of one instruction remembers, frozen: every transition gives a new state, and going back keeps one.

The plan stands in it once, as ``task``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from clap.errors import ClapError
from clap.geometry.frames import Array
from clap.geometry.observation import Observation
from clap.policies.base import INITIAL_STEP
from clap.policies.prediction import Plan
from clap.rollout.refusals import RefusedInstructionError, is_missing
from clap.rollout.self_correction import (
    MAX_IN_ALL,
    WHAT_IT_DOES,
    Correction,
    RecoveryAction,
    Situation,
    holds_something,
    recovery_action_for,
)
from clap.rollout.task_plan import DONE, SKIPPED, TaskPlan
from clap.worlds.base import MotionReport


@dataclass(frozen=True)
class RolloutState:
    """The state of one instruction's run.

    ``detected_objects``: the names of what was on the table at its beginning; None if the policy names nothing.
    ``corrections``: what self-correction did so far; ``corrected`` names the step of each, and the last step before its
    sub-task. ``started_away_from_home``: the run began with the arm away from home, where it may hide something.
    ``predicted``: the step that is being attempted, "" before round two names one. ``executed``: the steps carried out
    since the last correction. ``lifted``: something was grasped and moved since. ``at_first``: what was seen when the
    sub-task began. ``released``: the motion that let something lifted go, until it was looked at; ``filled``: points
    (3,), world metres, where things were let go and went in. ``observed``: what objects were detected in, until it is
    used.
    """

    instruction: str
    started_away_from_home: bool = False
    task: TaskPlan = field(default_factory=TaskPlan)
    last_step: str = INITIAL_STEP
    steps_done: int = 0
    detected_objects: tuple[str, ...] | None = None
    has_detected: bool = False
    corrections: tuple[Correction, ...] = ()
    corrected: tuple[tuple[str, str], ...] = ()
    predicted: str = ""
    executed: tuple[str, ...] = ()
    lifted: bool = False
    at_first: Observation | None = None
    released: MotionReport | None = None
    filled: tuple[Array, ...] = ()
    observed: Observation | None = None

    @property
    def complete(self) -> bool:
        """True once round one answered that nothing is left to do."""
        return self.task.complete is not None

    @property
    def at_start(self) -> bool:
        """True while nothing of the current sub-task is done."""
        return self.last_step == self.task.before

    def correction_for(self, error: ClapError, opening: float) -> Correction | None:
        """What could be done about a failure, with the gripper open this far (0 to 1).

        None where no recovery action is known, or the step or the instruction has had its share.
        """
        if len(self.corrections) >= MAX_IN_ALL:
            return None
        step, holding = self.predicted or self.last_step, holds_something(opening)
        attempt = self.corrected.count((self.task.before, step))
        if isinstance(error, RefusedInstructionError):
            hidden = self.started_away_from_home and not holding and not self.corrections and is_missing(error.reason)
            recovery_action = RecoveryAction.REPLAN if hidden else None
        else:
            recovery_action = recovery_action_for(error.name, Situation(holding, holding and self.lifted, attempt))
        if recovery_action is None:
            return None
        return Correction(
            error.name, recovery_action, f"{error.sentence} {WHAT_IT_DOES[recovery_action]}", step, attempt
        )

    # Transitions

    def after_look(self, detected_objects: tuple[str, ...] | None, observation: Observation) -> RolloutState:
        """Round zero answered."""
        return replace(self, detected_objects=detected_objects, has_detected=True, observed=observation)

    def after_plan(self, plan: Plan) -> RolloutState:
        """Round one answered."""
        return replace(self, task=self.task.answered(plan, self.last_step))

    def after_edit(self, steps: Sequence[str]) -> RolloutState:
        """The operator wrote the steps to come."""
        return replace(self, task=self.task.edit(steps, self.last_step), predicted="")

    def after_step(self, step: str, released: MotionReport | None, lifted: bool) -> RolloutState:
        """A step was carried out; ``released``: something lifted was let go, and should now be in its place."""
        done = replace(self, executed=(*self.executed, step), released=released, lifted=lifted)
        return done._counted(step, DONE)

    def after_skip(self, step: str) -> RolloutState:
        """The operator counts a step as done."""
        return self._counted(step, SKIPPED)

    def after_correction(self, correction: Correction) -> RolloutState:
        """Set back as a correction says; its motions are still to be made."""
        before = self.task.before
        state = replace(
            self,
            corrections=(*self.corrections, correction),
            corrected=(*self.corrected, (before, correction.step)),
            executed=(),
        )
        if correction.recovery_action in (RecoveryAction.RELEASE, RecoveryAction.REPREDICT):
            return state
        # At the beginning all is looked at anew. Later "all blocks" would no longer be those of the beginning.
        looks_anew = correction.recovery_action is RecoveryAction.REPLAN and before == INITIAL_STEP
        task, has_detected = self.task.set_back(), self.has_detected and not looks_anew
        return replace(state, last_step=before, task=task, lifted=False, has_detected=has_detected)

    def _counted(self, step: str, mark: str) -> RolloutState:
        """A step lies behind: it is the last step, and round one has to be asked again."""
        return replace(self, task=self.task.mark(step, mark), last_step=step, steps_done=self.steps_done + 1)
