"""An instruction run to its end with nobody to ask, and the record of it."""

from __future__ import annotations

from dataclasses import dataclass

from clap.episode.snapshot import Failure
from clap.errors import ClapError
from clap.geometry.frames import Array
from clap.policies.base import Policy
from clap.rollout.errors import MotionFailedError, RefusedPredictionError, StepMissedError
from clap.rollout.rollout import Decided, Rollout
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

    ``correction``: failures that have a remedy get it, within the budget of ``clap.rollout.self_correction``.
    """
    rollout = Rollout(world, policy, instruction, correction)
    log: list[StepRecord] = []
    failure = None
    try:
        while not rollout.complete:
            try:
                if rollout.plan is None:
                    for _ in rollout.check_release():
                        pass
                    rollout.ask_plan()
                else:
                    _take_step(rollout, log)
            except ClapError as error:
                proposed = rollout.propose(error)
                if proposed is None:
                    raise
                for _ in rollout.carry_out(proposed):
                    pass
    except ClapError as error:
        failure = Failure.of(error)
    goal_holds = bool(world.success())
    success = failure is None and goal_holds
    return RolloutResult(success, goal_holds, failure, rollout.steps_done, tuple(log), tuple(rollout.corrections))


def _take_step(rollout: Rollout, log: list[StepRecord]) -> None:
    """Decide and execute one step, and write it down, however it ends."""
    decided = rollout.decide()
    if decided.verdict.decision is Decision.REFUSE:
        log.append(_record(decided, None))
        raise RefusedPredictionError(decided.verdict)
    try:
        report = rollout.execute(decided.prediction)
    except (MotionFailedError, StepMissedError) as error:
        log.append(_record(decided, error.report))
        raise
    log.append(_record(decided, report))


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
