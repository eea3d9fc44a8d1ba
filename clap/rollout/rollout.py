"""The run of one instruction, turn by turn: plan, predict, judge, execute, correct. No threads, no input or output.

The console takes turns as the operator allows them, the evaluator takes them to the end: both call ``advance``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from enum import Enum

import numpy as np

from clap.errors import ClapError
from clap.geometry.frames import Pose
from clap.geometry.observation import Observation, fuse
from clap.policies.base import OnText, PlanRequest, Policy, PredictRequest
from clap.policies.prediction import Plan, PlanStatus, Prediction
from clap.rollout.decided import Decided, judged
from clap.rollout.errors import (
    MotionFailedError,
    RefusedPredictionError,
    StepLimitError,
    StepMissedError,
    StepRepeatedError,
)
from clap.rollout.operator import Operator
from clap.rollout.recovery import go_home, motions
from clap.rollout.refusals import refusal
from clap.rollout.release_check import check_let_go, check_release, goes_on_top
from clap.rollout.safety import Decision
from clap.rollout.self_correction import Correction, RecoveryAction, holds_something
from clap.rollout.state import RolloutState
from clap.rollout.step_motion import execute_step
from clap.worlds.base import UNWATCHED, MotionContext, MotionOutcome, MotionReport, World
from clap.worlds.capabilities import Movable, require

MAX_STEPS = 25
"""Steps that one instruction may take (GemBench's limit)."""

MAX_REPEATS = 3
"""Predictions of the same step in a row, each but the last carried out, that count as getting nowhere."""


class Turn(str, Enum):
    """What a turn did."""

    PLANNED = "planned"
    COMPLETE = "complete"
    WAITING = "waiting"
    EXECUTED = "executed"
    CORRECTED = "corrected"
    STOPPED = "stopped"


class Rollout:
    """A world, a policy, and the state of one instruction's run in them.

    Without ``correction`` the gripper's feeling is not asked for, and nothing is proposed. A policy that does not
    follow the last step cannot be sent back to one, and is not corrected. ``arm_left_home``: the arm stands where it
    was left, not at home, and may hide something.
    """

    def __init__(
        self, world: World, policy: Policy, instruction: str, correction: bool = True, arm_left_home: bool = False
    ):
        self.world = world
        self.policy = policy
        self.state = RolloutState(instruction, arm_left_home)
        self._correction = correction

    @property
    def plan(self) -> Plan | None:
        """The plan of the current sub-task; None while round one has to be asked (again)."""
        return self.state.task.current

    @property
    def complete(self) -> bool:
        """True once round one answered that nothing is left to do."""
        return self.state.complete

    @property
    def corrects(self) -> bool:
        """True if steps are checked and failures get recovery actions."""
        return self._correction and self.policy.knows_completion

    def advance(self, operator: Operator, approved: Decided | Correction | None = None) -> Turn:
        """One turn: the plan if it is due, else a step, which the ``operator`` may make wait.

        ``approved``: a prediction that waited, or a recovery action, to be carried out now. A failure gets its recovery
        action at once while the operator is absent; else the recovery action is proposed, and the failure is raised, as
        is one without recovery action.
        """
        while True:
            try:
                if isinstance(approved, Correction):
                    return self._take_correction(operator, approved)
                if approved is None and self.plan is None:
                    return self._take_plan(operator)
                return self._take_step(operator, approved)
            except ClapError as error:
                approved = self._recovery_action(operator, error)

    # Turns

    def _take_plan(self, operator: Operator) -> Turn:
        operator.planning()
        self.state = replace(self.state, predicted="")
        if not self.state.has_detected:
            self.detect_objects(operator.writer("look"))
            operator.looked(self.state)
        plan = self.ask_plan(operator.writer("plan"))
        operator.planned(plan, self.state)
        return Turn.COMPLETE if self.complete else Turn.PLANNED

    def _take_step(self, operator: Operator, decided: Decided | None) -> Turn:
        if decided is None:
            operator.predicting()
            decided = self.decide(operator.writer("reason"), operator.motion.speed)
            if not operator.approves(decided):
                return Turn.WAITING
            _refuse(decided)
        decided = decided.judged(self.world, operator.motion.speed)
        operator.moving(decided)
        _refuse(decided)
        operator.executing(decided, self.state)
        prediction = decided.prediction
        try:
            report = self.execute(prediction, operator.motion)
        except (MotionFailedError, StepMissedError) as error:
            operator.moved(decided, error.report)
            raise
        operator.moved(decided, report)
        if report.outcome is MotionOutcome.STOPPED:
            return Turn.STOPPED
        operator.step_done(prediction.step, prediction.source, self.state)
        self._see_to_release(operator)
        return Turn.EXECUTED

    def _take_correction(self, operator: Operator, correction: Correction) -> Turn:
        operator.correcting(correction)
        reports = self.correct(correction, operator.motion)
        operator.set_back(self.state)
        operator.watch(reports)
        if correction.recovery_action is RecoveryAction.RELEASE:
            operator.step_done(correction.step, "", self.state)
            self._see_to_release(operator)
        return Turn.CORRECTED

    def _see_to_release(self, operator: Operator) -> None:
        """Where nobody is asked before the next motion: whether what was let go is in its place."""
        if operator.absent:
            operator.watch(self.check_release(operator.motion))

    def _recovery_action(self, operator: Operator, error: ClapError) -> Correction:
        """The correction to make at once. Raises the error if there is none, or if the operator is to approve it."""
        correction = self.propose(error)
        if correction is None:
            raise error
        if not operator.absent:
            operator.proposed(correction)
            raise error
        return correction

    # Their parts

    def detect_objects(self, on_text: OnText | None = None) -> tuple[str, ...] | None:
        """Round zero, once for the instruction: "all blocks" stay the same ones when some are in the drawer."""
        if not self.state.has_detected:
            observation = self.world.observe()
            self.state = self.state.after_look(self.policy.detect_objects(observation, on_text), observation)
        return self.state.detected_objects

    def use(self, policy: Policy) -> None:
        """Go on with another policy, which looks for itself if the one before named nothing."""
        self.policy = policy
        self.state = replace(self.state, has_detected=self.state.detected_objects is not None)

    def ask_plan(self, on_text: OnText | None = None) -> Plan:
        """Round one, f(L, last step) of equation 4, after a look. Raises RefusedInstructionError.

        The operator's own plan is followed to its end before the policy is asked again. A policy that does not know
        when it is done is not asked again once the world's goal holds.
        """
        state = self.state
        if state.task.operator_step is not None:
            task = state.task.follow_operator()
            self.state = replace(state, task=task)
            return task.subtasks[-1].plan
        if not self.policy.knows_completion and state.steps_done and self.world.success():
            plan = Plan(PlanStatus.COMPLETE, raw="complete: the goal holds")
        else:
            plan = self.policy.plan(PlanRequest(state.instruction, state.last_step, self.detect_objects(), on_text))
        if plan.status is PlanStatus.REFUSED:
            raise refusal(plan.reason, self.state.detected_objects)
        self.state = self.state.after_plan(plan)
        return plan

    def decide(self, on_text: OnText | None = None, pace: float = 0.0) -> Decided:
        """Look, predict the next step (round two and the fine stage), and judge it. Nothing moves.

        Where the operator has written the steps, the next one of them is what is predicted, at the operator's ``pace``.
        Raises what the policy raises, StepLimitError, and StepRepeatedError.
        """
        plan = self.plan
        if plan is None or plan.status is not PlanStatus.STEPS:
            raise ValueError("decide needs a plan with steps: call ask_plan first and check `complete`")
        if self.state.steps_done >= MAX_STEPS:
            raise StepLimitError(f"The instruction is not finished after {MAX_STEPS} steps.")
        observation = self._observe()
        if self.state.at_start:
            self.state = replace(self.state, at_first=observation)
        wanted = self.state.task.operator_step
        prediction = self.policy.predict(PredictRequest(observation, plan, self.state.last_step, wanted, on_text))
        self.state = replace(self.state, predicted=prediction.step)
        # The step of a policy that only knows the whole task is always the same sentence.
        repeats = self.state.executed[1 - MAX_REPEATS :] == (prediction.step,) * (MAX_REPEATS - 1)
        if repeats and self.policy.knows_completion and wanted is None:
            raise StepRepeatedError(f'The step "{prediction.step}" was predicted {MAX_REPEATS} times in a row.')
        return Decided(observation, prediction, judged(self.world, prediction, observation, pace))

    def _observe(self) -> Observation:
        """A fresh observation; once that of the look, if nothing moved since: the policy has its views already."""
        observed = self.state.observed
        self.state = replace(self.state, observed=None)
        if observed is None or self.world.is_real:
            return self.world.observe()
        pose, opening = self.world.state()
        still = opening == observed.gripper_open and _same(pose, observed.gripper_pose)
        return observed if still else self.world.observe()

    def execute(self, prediction: Prediction, context: MotionContext = UNWATCHED) -> MotionReport:
        """Carry a prediction out and, if the arm arrived, remember its step as the last one.

        A motion that the operator stopped is returned as it is. Raises MotionFailedError if the pose cannot be
        reached or the arm fell short by more than a little, and StepMissedError if self-correction is on and the
        gripper felt that the step failed, or still holds what it was to set down; neither step counts as done.
        """
        action, before = prediction.action, self.world.state()[1]
        report = execute_step(require(self.world, Movable), action, self.corrects, context)
        if report.outcome is MotionOutcome.STOPPED:
            return report
        detected_fault = check_let_go(prediction.step, action, report.gripper_open) if self.corrects else None
        if detected_fault is not None:
            raise StepMissedError(detected_fault, report)
        goes_in = self.state.lifted and action.gripper_open and not goes_on_top(prediction.step)
        lifted = holds_something(before) and holds_something(report.gripper_open)
        self.state = self.state.after_step(prediction.step, report if goes_in else None, lifted)
        return report

    def check_release(self, context: MotionContext = UNWATCHED) -> Iterator[MotionReport]:
        """After something lifted was let go: move the arm home, out of the view, and see whether it went in.

        Yields the motions' reports. Nothing moves after other steps, or if self-correction is off. Raises
        StepMissedError if it sticks out, and MotionFailedError.
        """
        released, before = self.state.released, self.state.at_first
        self.state = replace(self.state, released=None)
        if released is None or before is None or not self.corrects:
            return
        for report in go_home(require(self.world, Movable), context):
            yield report
            if report.outcome is MotionOutcome.STOPPED:
                return
        workspace = self.world.workspace
        after = fuse(self.world.observe(), workspace)
        place = np.asarray(released.reached.position)
        detected_fault = check_release(fuse(before, workspace), after, place, self.state.filled)
        if detected_fault is not None:
            raise StepMissedError(detected_fault, released)
        self.state = replace(self.state, filled=(*self.state.filled, place))

    def propose(self, error: ClapError) -> Correction | None:
        """What could be done about a failure; None if self-correction is off, knows no recovery action, or has had its
        share."""
        return self.state.correction_for(error, self.world.state()[1]) if self.corrects else None

    def correct(self, correction: Correction, context: MotionContext = UNWATCHED) -> Iterator[MotionReport]:
        """Set the run back as the correction says, then make its motions one by one, as the reports are asked for.

        Raises MotionFailedError if the arm cannot go home.
        """
        reports = motions(require(self.world, Movable), correction, context, self.state.at_start)
        self.state = self.state.after_correction(correction)
        return (
            self._let_go(correction.step, reports) if correction.recovery_action is RecoveryAction.RELEASE else reports
        )

    def _let_go(self, step: str, reports: Iterator[MotionReport]) -> Iterator[MotionReport]:
        """Open the gripper, with which the step is done."""
        for report in reports:
            yield report
            if report.outcome is not MotionOutcome.STOPPED:
                goes_in = self.state.lifted and not goes_on_top(step)
                self.state = self.state.after_step(step, report if goes_in else None, lifted=False)


def _refuse(decided: Decided) -> None:
    if decided.verdict.decision is Decision.REFUSE:
        raise RefusedPredictionError(decided.verdict)


def _same(a: Pose, b: Pose) -> bool:
    return np.array_equal(a.position, b.position) and np.array_equal(a.quaternion, b.quaternion)
