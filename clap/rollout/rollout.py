"""The loop of one instruction: plan, predict, judge, execute, remember. No threads and no input or output of its own.

The episode takes its steps one by one as the operator allows them; the evaluator runs it to the end. Both thereby
go the same way through the data.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator

import numpy as np

from clap.errors import ClapError
from clap.geometry.frames import Array, Pose
from clap.geometry.observation import Observation, fuse
from clap.policies.base import INITIAL_STEP, OnText, PlanRequest, Policy, PredictRequest
from clap.policies.prediction import Plan, PlanStatus, Prediction
from clap.rollout.errors import StepLimitError, StepMissedError, StepRepeatedError
from clap.rollout.operator_plan import OperatorPlan
from clap.rollout.operator_share import Decided, OperatorShare
from clap.rollout.recovery import go_home, motions
from clap.rollout.refusals import RefusedInstructionError, is_missing, refusal
from clap.rollout.release_check import check_let_go, check_release, goes_on_top
from clap.rollout.safety import Pace, Verdict, judge
from clap.rollout.self_correction import (
    MAX_IN_ALL,
    WHAT_IT_DOES,
    Correction,
    Remedy,
    Situation,
    holds_something,
    remedy_for,
)
from clap.rollout.step_motion import carry_out_step
from clap.worlds.base import UNWATCHED, MotionContext, MotionOutcome, MotionReport, World
from clap.worlds.capabilities import Movable, require

MAX_STEPS = 25
"""Steps that one instruction may take (GemBench's limit)."""

MAX_REPEATS = 3
"""Predictions of the same step in a row, each but the last carried out, that count as getting nowhere."""


class Rollout(OperatorShare):
    """One instruction's run: the plan of the current sub-task, the last step, and what was executed so far.

    ``seen``: the names of the things that were on the table at its beginning; None if the policy names nothing.
    ``corrections``: what self-correction did so far. Without ``correction`` the hand's feeling is not asked for, and
    nothing is proposed. A policy that does not follow the last step cannot be sent back to one, and is not corrected.
    ``away``: the arm stands where it was left, not at home, and may hide something.
    """

    def __init__(self, world: World, policy: Policy, instruction: str, correction: bool = True, away: bool = False):
        self.world = world
        self.policy = policy
        self.instruction = instruction
        self.last_step = INITIAL_STEP
        self.steps_done = 0
        self.seen: tuple[str, ...] | None = None
        self.has_looked = False
        self.corrections: list[Correction] = []
        self._correction, self._away = correction, away
        self._just_seen: Observation | None = None
        self._moved: list[str] = []
        self._plan: Plan | None = None
        self._own: OperatorPlan | None = None
        self._subtask: tuple[str, ...] = ()
        self._before_subtask = INITIAL_STEP
        self._step = ""
        self._lifted = False
        self._at_first: Observation | None = None
        self._released: MotionReport | None = None
        self._filled: tuple[Array, ...] = ()
        self._attempts: Counter[tuple[str, str]] = Counter()

    @property
    def plan(self) -> Plan | None:
        """The plan of the current sub-task; None while round one has to be asked (again)."""
        return self._plan

    @property
    def complete(self) -> bool:
        """True once round one answered that nothing is left to do."""
        return self._plan is not None and self._plan.status is PlanStatus.COMPLETE

    @property
    def corrects(self) -> bool:
        """True if steps are checked and failures get remedies."""
        return self._correction and self.policy.knows_completion

    def look(self, on_text: OnText | None = None) -> tuple[str, ...] | None:
        """Round zero, once for the instruction: "all blocks" stay the same ones when some are in the drawer."""
        if not self.has_looked:
            observation = self.world.observe()
            self.seen = self.policy.look(observation, on_text)
            self.has_looked, self._just_seen = True, observation
        return self.seen

    def use(self, policy: Policy) -> None:
        """Go on with another policy, which looks for itself if the one before named nothing."""
        self.policy = policy
        self.has_looked = self.seen is not None

    def ask_plan(self, on_text: OnText | None = None) -> Plan:
        """Round one, f(L, last step) of equation 4, after a look. Raises RefusedInstructionError.

        The operator's own plan is followed to its end before the policy is asked again. A policy that does not know
        when it is done is not asked again once the world's goal holds.
        """
        self._step = ""
        if self._own is not None:
            self._plan = self._own.plan
            return self._plan
        if not self.policy.knows_completion and self.steps_done and self.world.success():
            plan = Plan(PlanStatus.COMPLETE, raw="complete: the goal holds")
        else:
            plan = self.policy.plan(PlanRequest(self.instruction, self.last_step, self.look(), on_text))
        if plan.status is PlanStatus.REFUSED:
            raise refusal(plan.reason, self.seen)
        if plan.steps != self._subtask:
            self._subtask, self._before_subtask = plan.steps, self.last_step
        self._plan = plan
        return plan

    def decide(self, on_text: OnText | None = None, pace: float = 0.0) -> Decided:
        """Look, predict the next step (round two and the fine stage), and judge it. Nothing moves.

        Where the operator has written the steps, the next one of them is what is predicted, at the operator's ``pace``.
        Raises what the policy raises, StepLimitError, and StepRepeatedError.
        """
        if self._plan is None or self._plan.status is not PlanStatus.STEPS:
            raise ValueError("decide needs a plan with steps: call ask_plan first and check `complete`")
        if self.steps_done >= MAX_STEPS:
            raise StepLimitError(f"The instruction is not finished after {MAX_STEPS} steps.")
        observation = self._observe()
        if self.last_step == self._before_subtask:
            self._at_first = observation
        wanted = None if self._own is None else self._own.next_step
        prediction = self.policy.predict(PredictRequest(observation, self._plan, self.last_step, wanted, on_text))
        self._step = prediction.step
        # The step of a policy that only knows the whole task is always the same sentence.
        repeats = self._moved[1 - MAX_REPEATS :] == [prediction.step] * (MAX_REPEATS - 1)
        if repeats and self.policy.knows_completion and wanted is None:
            raise StepRepeatedError(f'The step "{prediction.step}" was predicted {MAX_REPEATS} times in a row.')
        return Decided(observation, prediction, self.judge(prediction, observation, pace))

    def _observe(self) -> Observation:
        """A fresh observation; once that of the look, if nothing moved since: the policy has its views already."""
        seen, self._just_seen = self._just_seen, None
        if seen is None or self.world.is_real:
            return self.world.observe()
        pose, opening = self.world.state()
        still = opening == seen.gripper_open and _same(pose, seen.gripper_pose)
        return seen if still else self.world.observe()

    def judge(self, prediction: Prediction, observation: Observation, pace: float = 0.0) -> Verdict:
        """The verdict at this moment, for a motion at this ``pace``.

        In simulation nothing ages while nothing moves; a real table goes on.
        """
        world = self.world
        now = time.time() if self.world.is_real else observation.timestamp
        expected = Pace(world.tool_speed, pace, world.is_real)
        return judge(prediction, observation, world.workspace, world.reachable, now, expected, world.limits)

    def execute(self, prediction: Prediction, context: MotionContext = UNWATCHED) -> MotionReport:
        """Carry a prediction out and, if the arm arrived, remember its step as the last one.

        A motion that the operator stopped is returned as it is. Raises MotionFailedError if the pose cannot be
        reached or the arm fell short by more than a little, and StepMissedError if self-correction is on and the hand
        felt that the step failed, or still holds what it was to set down; neither step counts as done.
        """
        action, before = prediction.action, self.world.state()[1]
        report = carry_out_step(require(self.world, Movable), action, self.corrects, context)
        if report.outcome is MotionOutcome.STOPPED:
            return report
        finding = check_let_go(prediction.step, action, report.gripper_open) if self.corrects else None
        if finding is not None:
            raise StepMissedError(finding, report)
        goes_in = action.gripper_open and not goes_on_top(prediction.step)
        self._done(prediction.step, report, self._lifted and goes_in)
        self._lifted = holds_something(before) and holds_something(report.gripper_open)
        return report

    def _done(self, step: str, report: MotionReport, released: bool) -> None:
        """A step was carried out; ``released``: something lifted was let go, and should now be in its place."""
        self._released = report if released else None
        self._lifted = False
        self._moved.append(step)
        self.remember(step)

    def remember(self, step: str) -> None:
        """Count a step as done: it becomes the last step, and round one has to be asked again."""
        self._own = None if self._own is None else self._own.after_step()
        self.last_step = step
        self.steps_done += 1
        self._plan = None

    # Self-correction

    def check_release(self, context: MotionContext = UNWATCHED) -> Iterator[MotionReport]:
        """After something lifted was let go: move the arm home, out of the view, and see whether it went in.

        Yields the motions' reports. Nothing moves after other steps, or if self-correction is off. Raises
        StepMissedError if it sticks out, and MotionFailedError.
        """
        released, before = self._released, self._at_first
        self._released = None
        if released is None or before is None or not self.corrects:
            return
        for report in go_home(require(self.world, Movable), context):
            yield report
            if report.outcome is MotionOutcome.STOPPED:
                return
        workspace = self.world.workspace
        after = fuse(self.world.observe(), workspace)
        place = np.asarray(released.reached.position)
        finding = check_release(fuse(before, workspace), after, place, self._filled)
        if finding is not None:
            raise StepMissedError(finding, released)
        self._filled = (*self._filled, place)

    def propose(self, error: ClapError) -> Correction | None:
        """What could be done about a failure; None if self-correction is off, knows no remedy, or has had its share."""
        if not self.corrects or len(self.corrections) >= MAX_IN_ALL:
            return None
        step = self._step or self.last_step
        attempt = self._attempts[self._before_subtask, step]
        holding = holds_something(self.world.state()[1])
        if isinstance(error, RefusedInstructionError):
            hidden = self._away and not holding and not self.corrections and is_missing(error.reason)
            remedy = Remedy.REPLAN if hidden else None
        else:
            remedy = remedy_for(error.name, Situation(holding, holding and self._lifted, attempt))
        if remedy is None:
            return None
        return Correction(error.name, remedy, f"{error.sentence} {WHAT_IT_DOES[remedy]}", step, attempt)

    def carry_out(self, correction: Correction, context: MotionContext = UNWATCHED) -> Iterator[MotionReport]:
        """Set the run back as the correction says, then make its motions one by one, as the reports are asked for.

        Raises MotionFailedError if the arm cannot go home.
        """
        at_start = self.last_step == self._before_subtask
        self.corrections.append(correction)
        self._attempts[self._before_subtask, correction.step] += 1
        self._moved.clear()
        reports = motions(require(self.world, Movable), correction, context, at_start)
        if correction.remedy is Remedy.RELEASE:
            return self._let_go(correction.step, reports)
        if correction.remedy is not Remedy.REPREDICT:
            self.last_step, self._plan, self._lifted = self._before_subtask, None, False
            self._own = None if self._own is None else self._own.from_start()
            if correction.remedy is Remedy.REPLAN and self.last_step == INITIAL_STEP:
                # Later "all blocks" would no longer be those of the beginning.
                self.has_looked = False
        return reports

    def _let_go(self, step: str, reports: Iterator[MotionReport]) -> Iterator[MotionReport]:
        """Open the hand, with which the step is done."""
        for report in reports:
            yield report
            if report.outcome is not MotionOutcome.STOPPED:
                self._done(step, report, self._lifted and not goes_on_top(step))


def _same(a: Pose, b: Pose) -> bool:
    return np.array_equal(a.position, b.position) and np.array_equal(a.quaternion, b.quaternion)
