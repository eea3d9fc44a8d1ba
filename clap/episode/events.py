"""What an episode tells its subscribers: one frozen dataclass per kind of event."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from clap.episode.snapshot import EpisodeState, SceneFrame
from clap.errors import Failure
from clap.geometry.frames import Pose
from clap.policies.prediction import Plan, Prediction
from clap.rollout.safety import Verdict
from clap.worlds.base import MotionReport
from clap.worlds.capabilities import PreviewedMotion


@dataclass(frozen=True, kw_only=True)
class Event:
    """``seq`` counts the events of one episode from 1; ``time`` is wall time, seconds since the epoch."""

    seq: int
    time: float


@dataclass(frozen=True, kw_only=True)
class StateChanged(Event):
    """The episode entered a state."""

    state: EpisodeState


@dataclass(frozen=True, kw_only=True)
class Reset(Event):
    """The world was set up anew; ``instruction`` is the one that the world gave."""

    task: str
    seed: int
    instruction: str


@dataclass(frozen=True, kw_only=True)
class SceneUpdated(Event):
    """The cameras were looked at."""

    scene: SceneFrame


@dataclass(frozen=True, kw_only=True)
class PoseUpdated(Event):
    """The gripper is on its way: its pose and its opening from 0 to 1, about ten times a second."""

    pose: Pose
    gripper_open: float


@dataclass(frozen=True, kw_only=True)
class TextWritten(Event):
    """The planner wrote on; ``text`` is all it wrote so far in this ``round`` ("look", "plan" or "reason")."""

    round: str
    text: str


@dataclass(frozen=True, kw_only=True)
class ObjectsDetected(Event):
    """The policy named the things on the table, at the beginning of an instruction."""

    detected_objects: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Planned(Event):
    """Round one answered."""

    plan: Plan


@dataclass(frozen=True, kw_only=True)
class Predicted(Event):
    """Round two and the fine stage answered, and the prediction was judged."""

    prediction: Prediction
    verdict: Verdict


@dataclass(frozen=True, kw_only=True)
class MotionPreviewed(Event):
    """The pending step was shown in a preview."""

    previewed_motion: PreviewedMotion


@dataclass(frozen=True, kw_only=True)
class Approved(Event):
    """A step may be carried out; ``by`` is "operator", or "verdict" while the episode runs by itself.

    ``prediction`` is what will be carried out, its ``source`` says whose it is; ``own`` is the policy's own prediction
    where the operator has put another one in its place.
    """

    step: str
    by: str
    prediction: Prediction
    own: Prediction | None = None


@dataclass(frozen=True, kw_only=True)
class Moved(Event):
    """A motion ended, in whatever way."""

    report: MotionReport


@dataclass(frozen=True, kw_only=True)
class StepDone(Event):
    """A step counts as done: executed, or skipped by the operator.

    ``source`` is that of the prediction which was carried out, empty for a skipped step.
    """

    step: str
    skipped: bool = False
    source: str = ""


@dataclass(frozen=True, kw_only=True)
class Undone(Event):
    """The world and the run are again as they were before this ``step``."""

    step: str


@dataclass(frozen=True, kw_only=True)
class Teleoperated(Event):
    """The operator has driven the arm by hand, and stopped doing so."""

    report: MotionReport


@dataclass(frozen=True, kw_only=True)
class Corrected(Event):
    """Self-correction found something and does something about it; ``proposed``: it waits for the operator's yes.

    ``detected_fault`` is the failure's name, ``recovery_action`` a ``self_correction.RecoveryAction``, the ``sentence``
    says both.
    """

    detected_fault: str
    recovery_action: str
    sentence: str
    proposed: bool = False


@dataclass(frozen=True, kw_only=True)
class Failed(Event):
    """Something failed; the operator decides what comes next."""

    failure: Failure


@dataclass(frozen=True, kw_only=True)
class Refused(Event):
    """A command was not accepted in the present state."""

    sentence: str


@dataclass(frozen=True, kw_only=True)
class Finished(Event):
    """The planner says that nothing is left to do; ``success`` is the world's answer, None if it cannot tell."""

    success: bool | None


@dataclass(frozen=True, kw_only=True)
class Stopped(Event):
    """The operator pressed stop; ``reason`` says what else halted the arm, if it was something else."""

    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class ArmFaultChanged(Event):
    """The arm cannot move until a person has seen to this ``arm_fault``; None: it can again."""

    arm_fault: Failure | None


@dataclass(frozen=True, kw_only=True)
class CameraFaultChanged(Event):
    """The scene cannot be seen, for this reason; None: it can again."""

    failure: Failure | None


OnEvent = Callable[[Event], None]
"""A subscriber: called on the episode's worker thread, must be quick."""
