"""The loop of one instruction: plan, predict, judge, execute, remember. No threads and no input or output of its own.

The episode takes its steps one by one as the operator allows them; the evaluator runs it to the end. Both thereby
go the same way through the data.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from clap.episode_state import Failure
from clap.failures import ClapError, InvalidInstructionError
from clap.geometry import Array
from clap.observation import Observation
from clap.policy import INITIAL_STEP, OnText, Policy
from clap.prediction import Plan, PlanStatus, Prediction
from clap.safety import Decision, Verdict, judge
from clap.worlds.world import MotionOutcome, MotionReport, OnTick, ShouldStop, World

MAX_STEPS = 25
"""Steps that one instruction may take (GemBench's limit)."""

MAX_REPEATS = 3
"""Predictions of the same step in a row, each but the last carried out, that count as getting nowhere."""

SHORT_POSITION, SHORT_ROTATION = 0.03, 0.35
"""A motion that fell short by no more than this (metres, radians) counts as done: contact with what is grasped or
pushed leaves such errors."""


class StepRepeatedError(ClapError):
    """The same step was predicted again and again although it was carried out."""

    name = "step repeated without change"
    default_next_move = "Reset the scene, change the policy, or give another instruction."


class StepLimitError(ClapError):
    """The instruction took more steps than it may."""

    name = "step limit reached"
    default_next_move = "Reset the scene, or give a shorter instruction."


class RefusedPredictionError(ClapError):
    """The verdict on a prediction is to refuse it; ``name`` is that of the check which decided."""

    default_next_move = "Predict again, skip the step, or correct the scene."

    def __init__(self, verdict: Verdict):
        super().__init__(verdict.sentence)
        self.name = verdict.worst.failure or "refused"


class MotionFailedError(ClapError):
    """The arm did not get where it should; ``name`` is the motion's outcome, ``report`` tells the rest."""

    default_next_move = "Predict again from where the arm is, or move it home."

    def __init__(self, report: MotionReport):
        reason = f": {report.reason.rstrip('.')}" if report.reason else ""
        super().__init__(
            f"The arm stopped {100 * report.position_error:.1f} cm and {report.rotation_error:.2f} rad from the "
            f"target{reason}."
        )
        self.name = report.outcome.value
        self.report = report


@dataclass(frozen=True)
class Decided:
    """A prediction, what it was made from, and the verdict on it."""

    observation: Observation
    prediction: Prediction
    verdict: Verdict


class Rollout:
    """One instruction's run: the plan of the current sub-task, the last step, and what was executed so far."""

    def __init__(self, world: World, policy: Policy, instruction: str):
        self.world = world
        self.policy = policy
        self.instruction = instruction
        self.last_step = INITIAL_STEP
        self.steps_done = 0
        self._moved: list[str] = []
        self._plan: Plan | None = None

    @property
    def plan(self) -> Plan | None:
        """The plan of the current sub-task; None while round one has to be asked (again)."""
        return self._plan

    @property
    def complete(self) -> bool:
        """True once round one answered that nothing is left to do."""
        return self._plan is not None and self._plan.status is PlanStatus.COMPLETE

    def ask_plan(self, on_text: OnText | None = None) -> Plan:
        """Round one, f(L, last step) of equation 4. Raises InvalidInstructionError if nothing can be planned."""
        plan = self.policy.plan(self.instruction, self.last_step, on_text)
        if plan.status is PlanStatus.UNCLEAR or (plan.status is PlanStatus.STEPS and not plan.steps):
            raise InvalidInstructionError(f'No plan was found for the instruction "{_shortened(self.instruction)}".')
        self._plan = plan
        return plan

    def decide(self, on_text: OnText | None = None) -> Decided:
        """Look, predict the next step (round two and the fine stage), and judge it. Nothing moves.

        Raises what the policy raises, StepLimitError, and StepRepeatedError.
        """
        if self._plan is None or self._plan.status is not PlanStatus.STEPS:
            raise ValueError("decide needs a plan with steps: call ask_plan first and check `complete`")
        if self.steps_done >= MAX_STEPS:
            raise StepLimitError(f"The instruction is not finished after {MAX_STEPS} steps.")
        observation = self.world.observe()
        prediction = self.policy.predict(observation, self._plan, self.last_step, on_text)
        if self._moved[1 - MAX_REPEATS :] == [prediction.step] * (MAX_REPEATS - 1):
            raise StepRepeatedError(f'The step "{prediction.step}" was predicted {MAX_REPEATS} times in a row.')
        return Decided(observation, prediction, self.judge(prediction, observation))

    def judge(self, prediction: Prediction, observation: Observation) -> Verdict:
        """The verdict at this moment. In simulation nothing ages while nothing moves; a real table goes on."""
        now = time.time() if self.world.is_real else observation.timestamp
        return judge(prediction, observation, self.world.workspace, self.world.reachable, now)

    def execute(
        self,
        prediction: Prediction,
        should_stop: ShouldStop = lambda: False,
        on_tick: OnTick | None = None,
        speed: float = 0.0,
    ) -> MotionReport:
        """Carry a prediction out and, if the arm arrived, remember its step as the last one.

        A motion that the operator stopped is returned as it is. Raises MotionFailedError if the pose cannot be
        reached or the arm fell short by more than a little.
        """
        report = self.world.execute(prediction.action, should_stop, on_tick, speed)
        if report.outcome is MotionOutcome.STOPPED:
            return report
        fell_short_a_little = (
            report.outcome is MotionOutcome.FELL_SHORT
            and report.position_error <= SHORT_POSITION
            and report.rotation_error <= SHORT_ROTATION
        )
        if not report.ok and not fell_short_a_little:
            raise MotionFailedError(report)
        self._moved.append(prediction.step)
        self.remember(prediction.step)
        return report

    def remember(self, step: str) -> None:
        """Count a step as done: it becomes the last step, and round one has to be asked again."""
        self.last_step = step
        self.steps_done += 1
        self._plan = None


@dataclass(frozen=True)
class StepRecord:
    """One step of an unattended run: keypoint and target (x, y, z) in world metres, and what the motion left over.

    ``position_error`` metres and ``rotation_error`` radians, from the target to the pose reached.
    """

    step: str
    keypoint: tuple[float, ...]
    target: tuple[float, ...]
    decision: str
    agreement_px: float
    outcome: str
    position_error: float
    rotation_error: float
    seconds: dict[str, float]


@dataclass(frozen=True)
class RolloutResult:
    """``success``: the policy finished and the goal holds. ``goal_holds``: the goal alone, however the run ended."""

    success: bool
    goal_holds: bool
    failure: Failure | None
    steps_done: int
    log: tuple[StepRecord, ...]


def run_unattended(world: World, policy: Policy, instruction: str) -> RolloutResult:
    """Run an instruction to its end with nobody to ask: what an operator would be asked about is carried out."""
    rollout = Rollout(world, policy, instruction)
    log: list[StepRecord] = []
    failure = None
    try:
        while rollout.ask_plan().status is not PlanStatus.COMPLETE:
            decided = rollout.decide()
            if decided.verdict.decision is Decision.REFUSE:
                log.append(_record(decided, None))
                raise RefusedPredictionError(decided.verdict)
            try:
                log.append(_record(decided, rollout.execute(decided.prediction)))
            except MotionFailedError as error:
                log.append(_record(decided, error.report))
                raise
    except ClapError as error:
        failure = Failure.of(error)
    goal_holds = bool(world.success())
    return RolloutResult(failure is None and goal_holds, goal_holds, failure, rollout.steps_done, tuple(log))


def _record(decided: Decided, report: MotionReport | None) -> StepRecord:
    prediction = decided.prediction
    return StepRecord(
        step=prediction.step,
        keypoint=_rounded(prediction.keypoint.position),
        target=_rounded(prediction.action.pose.position),
        decision=decided.verdict.decision.value,
        agreement_px=prediction.keypoint.agreement_px,
        outcome="not moved" if report is None else report.outcome.value,
        position_error=0.0 if report is None else report.position_error,
        rotation_error=0.0 if report is None else report.rotation_error,
        seconds=dict(prediction.seconds),
    )


def _rounded(point: Array) -> tuple[float, ...]:
    return tuple(round(float(value), 4) for value in point)


def _shortened(text: str, length: int = 80) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
