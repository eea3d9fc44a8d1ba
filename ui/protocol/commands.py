"""What a page sends: one model a message, every field of its type, finite and within bounds.

Whether a command makes sense in the present state is the episode's to judge, in its own process; what reaches it is
well-formed. Fields that may be left out have a default.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field, Strict, StringConstraints

from ui.protocol.shared import DemonstrationSet, Echo, Expected, Gripper, Message

MAX_SEED, MAX_COUNT = 2**31 - 1, 2**53
MAX_INSTRUCTION, MAX_STEP, MAX_STEPS, MAX_NAME = 4_000, 300, 30, 200
MAX_NOTES = 2_000
MAX_ID, MAX_FRAME, MAX_KEYFRAMES, MAX_CHOSEN = 64, 1_000_000, 1_000, 150
MAX_SPEED = 16.0
MAX_MINUTES = 480.0
MAX_METRES = 10.0
"""Coordinates beyond this are a mistake; the verdict judges the rest."""


def _turns(quaternion: tuple[float, ...]) -> tuple[float, ...]:
    if math.hypot(*quaternion) < 0.1:
        raise ValueError("it cannot be brought to unit length")
    return quaternion


Instruction = Annotated[str, StringConstraints(max_length=MAX_INSTRUCTION)]
StepText = Annotated[str, StringConstraints(max_length=MAX_STEP)]
Name = Annotated[str, StringConstraints(max_length=MAX_NAME)]
Notes = Annotated[str, StringConstraints(max_length=MAX_NOTES)]
Identity = Annotated[str, StringConstraints(max_length=MAX_ID)]

Switch = Annotated[bool, Expected("true or false")]
Seed = Annotated[int, Field(ge=0, le=MAX_SEED), Expected(f"a whole number from 0 to {MAX_SEED}")]
Count = Annotated[int, Field(ge=0, le=MAX_COUNT), Expected(f"a whole number from 0 to {MAX_COUNT}")]
FrameNumber = Annotated[int, Field(ge=0, le=MAX_FRAME), Expected(f"a whole number from 0 to {MAX_FRAME}")]

_Metres = Annotated[float, Field(ge=-MAX_METRES, le=MAX_METRES)]
_Rate = Annotated[float, Field(ge=-1, le=1)]
_Part = Annotated[float, Field(ge=-2, le=2)]

# JSON has lists alone: they are taken for tuples, while the numbers in them stay as strict as all else.
Position = Annotated[
    tuple[_Metres, _Metres, _Metres],
    Strict(False),
    Expected(f"a list of 3 numbers from {-MAX_METRES:g} to {MAX_METRES:g}"),
]
Rates = Annotated[tuple[_Rate, _Rate, _Rate], Strict(False), Expected("a list of 3 numbers from -1 to 1")]
Rotation = Annotated[
    tuple[_Part, _Part, _Part, _Part],
    Strict(False),
    AfterValidator(_turns),
    Expected("a rotation: a list of 4 numbers (x, y, z, w) of length 1"),
]
Chosen = Annotated[
    list[Identity],
    Field(max_length=MAX_CHOSEN),
    Expected(f"a list of at most {MAX_CHOSEN} texts of at most {MAX_ID} characters each"),
]


class Command(Message):
    """A message from a page. Nothing is converted: a number in quotes is no number, 1 is not true."""

    model_config = ConfigDict(strict=True)


# The link itself


class Open(Command):
    """The first message on a link: ``token`` from /clap/session; ``seat``, if the page had one before."""

    type: Literal["open"] = "open"
    token: str
    seat: str | None = None


class Stop(Command):
    """Stop all motion. Never refused: whatever else is in the message is left aside."""

    model_config = ConfigDict(extra="ignore")

    type: Literal["stop"] = "stop"
    id: Echo = None


class Ping(Command):
    """A sign of life; ``t`` comes back with the pong."""

    type: Literal["ping"] = "ping"
    t: Echo = None


class Seen(Command):
    """Whether the page is in front of somebody."""

    type: Literal["seen"] = "seen"
    value: Switch


class LeaseAction(Command):
    """Take, ask for, hand over or refuse the controls; ``to``: the page that asks."""

    type: Literal["lease"] = "lease"
    action: Annotated[
        Literal["take", "request", "cancel", "release", "grant", "deny"],
        Expected("one of: take, request, cancel, release, grant, deny"),
    ]
    to: Name | None = None


class Rename(Command):
    """Who sits in front of the page."""

    type: Literal["name"] = "name"
    name: Name


# The episode


class EpisodeCommand(Command):
    """A command that is a verb alone, named as the episode's method."""

    type: Literal[
        "predict", "approve", "run", "pause", "redo", "skip", "home", "replan", "revert", "undo", "preview", "recover"
    ]


class Plan(Command):
    """Plan for an instruction."""

    type: Literal["plan"] = "plan"
    instruction: Instruction


class EditPlan(Command):
    """Put these steps in place of those to come."""

    type: Literal["edit-plan"] = "edit-plan"
    steps: Annotated[
        list[StepText],
        Field(max_length=MAX_STEPS),
        Expected(f"a list of at most {MAX_STEPS} texts of at most {MAX_STEP} characters each"),
    ]


class Keypoint(Command):
    """Predict the step around this point, world metres."""

    type: Literal["keypoint"] = "keypoint"
    position: Position


class Target(Command):
    """Put this pose, world metres and xyzw, in place of the predicted one."""

    type: Literal["target"] = "target"
    position: Position
    quaternion: Rotation
    gripper_open: Switch


class ChoosePolicy(Command):
    """Let another policy act."""

    type: Literal["policy"] = "policy"
    name: Name


class Speed(Command):
    """Multiples of real time; 0 is as fast as the world can."""

    type: Literal["speed"] = "speed"
    value: Annotated[float, Field(ge=0, le=MAX_SPEED), Expected(f"a number from 0 to {MAX_SPEED:g}")]


class ApproveEach(Command):
    """Whether a run waits for approval of every step."""

    type: Literal["approve-each"] = "approve-each"
    value: Switch


class Reset(Command):
    """Set a scene up; without a ``variation`` the seed chooses one."""

    type: Literal["reset"] = "reset"
    task: Name
    seed: Seed
    variation: Seed | None = None
    condition: Name


class Drive(Command):
    """Begin or end driving by hand."""

    type: Literal["drive"] = "drive"
    on: Switch


class Jog(Command):
    """What is held down while driving, in shares of full speed along and about the world's axes; ``seq`` comes back."""

    type: Literal["jog"] = "jog"
    seq: Count
    linear: Rates
    angular: Rates
    gripper: Annotated[Gripper, Expected("one of: open, close")] | None = None
    slow: Switch


class JogTarget(Command):
    """The pose to drive to, world metres and xyzw."""

    type: Literal["jog-target"] = "jog-target"
    position: Position
    quaternion: Rotation


# The recording


class RecordCommand(Command):
    """Of the recording."""


class RecordBegin(RecordCommand):
    """Begin a take."""

    type: Literal["record-begin"] = "record-begin"
    operator: Name
    notes: Notes


class RecordMark(RecordCommand):
    """Mark the latest frame as a keyframe."""

    type: Literal["record-mark"] = "record-mark"


class RecordEnd(RecordCommand):
    """End the take; it waits to be kept or discarded."""

    type: Literal["record-end"] = "record-end"


class RecordResume(RecordCommand):
    """Look again at a take that was left unfinished."""

    type: Literal["record-resume"] = "record-resume"
    take: Name


class RecordCommit(RecordCommand):
    """Keep the take; ``success`` None: the operator cannot tell."""

    type: Literal["record-commit"] = "record-commit"
    success: Switch | None = None
    notes: Notes


class RecordDiscard(RecordCommand):
    """Put the take into the trash."""

    type: Literal["record-discard"] = "record-discard"


# Demonstrations. The page's own ``id`` comes back with the answer.


class DemoCommand(Command):
    """Of the recorded demonstrations."""

    type: str
    id: Count


class DemoLabel(DemoCommand):
    """Change labels; None leaves one as it is."""

    type: Literal["demo-label"] = "demo-label"
    episode: Identity
    task: Instruction | None = None
    outcome: (
        Annotated[
            Literal["success", "partial", "failure", "unknown"], Expected("one of: success, partial, failure, unknown")
        ]
        | None
    ) = None
    notes: Notes | None = None


class DemoKeyframes(DemoCommand):
    """Let these frames be the keyframes."""

    type: Literal["demo-keyframes"] = "demo-keyframes"
    episode: Identity
    frames: Annotated[
        list[FrameNumber],
        Field(max_length=MAX_KEYFRAMES),
        Expected(f"a list of at most {MAX_KEYFRAMES} whole numbers from 0 to {MAX_FRAME}"),
    ]


class DemoStep(DemoCommand):
    """The text of the step that the frames from ``start`` up to ``stop`` show."""

    type: Literal["demo-step"] = "demo-step"
    episode: Identity
    start: FrameNumber
    stop: FrameNumber
    text: StepText


class DemoTrim(DemoCommand):
    """Keep the frames from ``start`` up to ``stop``."""

    type: Literal["demo-trim"] = "demo-trim"
    episode: Identity
    start: FrameNumber
    stop: FrameNumber


class DemoSplit(DemoCommand):
    """Make two of one, before this frame."""

    type: Literal["demo-split"] = "demo-split"
    episode: Identity
    frame: FrameNumber


class DemoDelete(DemoCommand):
    """Move demonstrations to the trash."""

    type: Literal["demo-delete"] = "demo-delete"
    episodes: Chosen


class DemoRestore(DemoCommand):
    """Take demonstrations out of the trash."""

    type: Literal["demo-restore"] = "demo-restore"
    episodes: Chosen


class DemoEmptyTrash(DemoCommand):
    """Delete what is in the trash for good."""

    type: Literal["demo-empty-trash"] = "demo-empty-trash"


class DemoUndo(DemoCommand):
    """Take the latest edit back."""

    type: Literal["demo-undo"] = "demo-undo"


class DemoCopySample(DemoCommand):
    """Copy the sample into the recordings."""

    type: Literal["demo-copy-sample"] = "demo-copy-sample"


class DemoReplay(DemoCommand):
    """Carry a demonstration out again: its keyframes, or every frame."""

    type: Literal["demo-replay"] = "demo-replay"
    episode: Identity
    set: Annotated[DemonstrationSet, Expected("one of: recordings, sample")]
    every_frame: Switch


# Retraining; the server itself sees to it.


class RetrainCommand(Command):
    """Of retrainings."""


class RetrainStart(RetrainCommand):
    """Train the policy further on chosen demonstrations."""

    type: Literal["retrain-start"] = "retrain-start"
    set: Annotated[DemonstrationSet, Expected("one of: recordings, sample")]
    episodes: Chosen
    method: Annotated[Literal["full", "lora"], Expected("one of: full, lora")]
    minutes: Annotated[float, Field(ge=0.05, le=MAX_MINUTES), Expected(f"a number from 0.05 to {MAX_MINUTES:g}")]


class RetrainCancel(RetrainCommand):
    """End a retraining; what it has learned is kept."""

    type: Literal["retrain-cancel"] = "retrain-cancel"
    run: Identity


class RetrainResume(RetrainCommand):
    """Go on with a retraining that ended early."""

    type: Literal["retrain-resume"] = "retrain-resume"
    run: Identity


class RetrainUse(RetrainCommand):
    """Let the checkpoint of a retraining act."""

    type: Literal["retrain-use"] = "retrain-use"
    run: Identity


# Calibration


class CalibrateCommand(Command):
    """Of a camera's calibration."""

    type: str
    camera: Name


class CalibrateLook(CalibrateCommand):
    """Keep the picture live for a moment."""

    type: Literal["calibrate-look"] = "calibrate-look"


class CalibrateSample(CalibrateCommand):
    """Take a sample."""

    type: Literal["calibrate-sample"] = "calibrate-sample"


class CalibrateRemove(CalibrateCommand):
    """Remove a sample."""

    type: Literal["calibrate-remove"] = "calibrate-remove"
    sample: Identity


class CalibrateClear(CalibrateCommand):
    """Remove all samples."""

    type: Literal["calibrate-clear"] = "calibrate-clear"


class CalibrateSolve(CalibrateCommand):
    """Calibrate from the samples."""

    type: Literal["calibrate-solve"] = "calibrate-solve"


class CalibrateSave(CalibrateCommand):
    """Save the calibration, and use it."""

    type: Literal["calibrate-save"] = "calibrate-save"


AnyRecordCommand = RecordBegin | RecordMark | RecordEnd | RecordResume | RecordCommit | RecordDiscard
AnyDemoCommand = (
    DemoLabel
    | DemoKeyframes
    | DemoStep
    | DemoTrim
    | DemoSplit
    | DemoDelete
    | DemoRestore
    | DemoEmptyTrash
    | DemoUndo
    | DemoCopySample
    | DemoReplay
)
AnyRetrainCommand = RetrainStart | RetrainCancel | RetrainResume | RetrainUse
AnyCalibrateCommand = (
    CalibrateLook | CalibrateSample | CalibrateRemove | CalibrateClear | CalibrateSolve | CalibrateSave
)

StationCommand = (
    EpisodeCommand
    | Plan
    | EditPlan
    | Keypoint
    | Target
    | ChoosePolicy
    | Speed
    | ApproveEach
    | Reset
    | Drive
    | Jog
    | JogTarget
    | AnyRecordCommand
    | AnyDemoCommand
    | AnyCalibrateCommand
)
"""What goes on to the world's process."""

LinkMessage = Open | Stop | Ping | Seen | LeaseAction | Rename
"""What the server answers itself, beside retrainings."""

PageMessage = LinkMessage | AnyRetrainCommand | StationCommand
"""Everything that a page may send, told apart by ``type``."""
