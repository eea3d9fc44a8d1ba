"""An instruction run to its end with nobody to ask, and the record of it."""

from __future__ import annotations

from dataclasses import dataclass

from clap.errors import ClapError, Failure
from clap.geometry.frames import Array
from clap.policies.base import Policy
from clap.rollout.decided import Decided
from clap.rollout.operator import Operator
from clap.rollout.rollout import Rollout
from clap.rollout.safety import Decision
from clap.rollout.self_correction import Correction
from clap.worlds.base import MotionReport, World


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
    corrections: tuple[Correction, ...] = ()


def run_unattended(world: World, policy: Policy, instruction: str, correction: bool = True) -> RolloutResult:
    """Run an instruction to its end with nobody to ask: what an operator would be asked about is carried out.

    ``correction``: failures that have a recovery action get it, within the budget of ``clap.rollout.self_correction``.
    """
    rollout, nobody = Rollout(world, policy, instruction, correction), _Nobody()
    failure = None
    try:
        while not rollout.complete:
            rollout.advance(nobody)
    except ClapError as error:
        failure = Failure.of(error)
    goal_holds = bool(world.success())
    success = failure is None and goal_holds
    state = rollout.state
    return RolloutResult(success, goal_holds, failure, state.steps_done, tuple(nobody.log), state.corrections)


class _Nobody(Operator):
    """Lets everything happen, and writes every step down, however it ends."""

    def __init__(self) -> None:
        self.log: list[StepRecord] = []

    def approves(self, decided: Decided) -> bool:
        if decided.verdict.decision is Decision.REFUSE:
            self.log.append(_record(decided, None))
        return True

    def moved(self, decided: Decided, report: MotionReport) -> None:
        self.log.append(_record(decided, report))


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
