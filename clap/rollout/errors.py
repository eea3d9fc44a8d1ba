"""What can go wrong with a step: named failures, which self-correction may repair before an operator sees them."""

from __future__ import annotations

from clap.errors import ClapError
from clap.rollout.safety import Verdict
from clap.rollout.self_correction import DetectedFault
from clap.worlds.base import MotionReport


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


class StepMissedError(ClapError):
    """The arm arrived, and what the step is for did not happen; ``name`` is that of the finding."""

    default_next_move = "Move the arm home and predict again, or skip the step if it is done after all."

    def __init__(self, detected_fault: DetectedFault, report: MotionReport):
        super().__init__(detected_fault.sentence, detected_fault.next_move)
        self.name = detected_fault.name
        self.report = report
