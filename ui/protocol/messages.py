"""What the console sends to its pages: one model a message, and the headers of the binary ones.

Plain numbers, texts and lists; lengths are metres, quaternions (x, y, z, w), times seconds. The newest of most messages
replaces the ones before, see ``ui.station.channel``.
"""

from __future__ import annotations

from typing import Literal

from ui.protocol.shared import Box, Echo, GripperPose, Level, Message, Pixel, Pose, Quaternion, Text, Vector

AbilityName = Literal["move", "reset", "undo", "faster-than-real-time", "calibrate", "preview"]
StateName = Literal[
    "starting",
    "ready",
    "planning",
    "planned",
    "predicting",
    "awaiting approval",
    "moving",
    "driving",
    "recovering",
    "paused",
    "done",
    "failed",
    "stopped",
]

# Once a link


class PolicyChoice(Message):
    """A policy in the picker. One that cannot be had now has ``missing``, the sentence that says why."""

    name: Text
    is_expert: bool = False
    missing: Text = ""


class Task(Message):
    """A task that the world offers."""

    key: Text
    title: Text
    trained: bool
    variations: int


class View(Message):
    """How one orthographic view maps the workspace: axes and signs of column u, row v and depth."""

    name: str
    eye: str
    u_axis: int
    u_sign: int
    v_axis: int
    v_sign: int
    depth_axis: int
    depth_sign: int


class SpeedLimits(Message):
    """Of driving: metres and radians a second at full deflection, and the share of them while it is slow."""

    linear: float
    angular: float
    slow: float


class Hello(Message):
    """The first message on a link: what does not change while the world is there.

    ``ages``: what the cameras saw grows old while nothing moves. ``notice``: shown until the operator closes it.
    """

    type: Literal["hello"] = "hello"
    world: Text
    mode: Text
    abilities: list[AbilityName]
    ages: bool
    notice: Text
    policies: list[PolicyChoice]
    tasks: list[Task]
    conditions: list[Text]
    workspace: Box
    views: list[View]
    limits: SpeedLimits
    dead_man_s: float


class Policies(Message):
    """The policies on offer now, where there is one more than hello told."""

    type: Literal["policies"] = "policies"
    policies: list[PolicyChoice]


class Starting(Message):
    """What takes its time while the world is being started."""

    type: Literal["starting"] = "starting"
    sentence: Text


class WorldLost(Message):
    """The world's process has died; another hello comes with the next one."""

    type: Literal["world-lost"] = "world-lost"
    sentence: Text


# The episode


class Step(Message):
    """A line of the checklist; sub-tasks count from 0."""

    text: Text
    status: Literal["done", "current", "todo", "skipped"]
    subtask: int
    by: Literal["policy", "human"]


class FoundObject(Message):
    """A thing that the policy has found: its pixel (u, v) in each view, and where that is."""

    name: Text
    pixels: list[Pixel]
    position: Vector


class Action(Message):
    """The pose that a step leads to."""

    position: Vector
    quaternion: Quaternion
    gripper_open: bool


class PredictedStep(Message):
    """The step that waits for approval. ``own``: the operator has corrected it; ``agreement``: of the views, pixels."""

    step: Text
    source: Text
    own: bool
    keypoint: Vector
    agreement: float
    keypoint_pixels: list[Pixel]
    objects: list[FoundObject]
    window: Box
    action: Action


class Check(Message):
    """One safety check."""

    name: Text
    ok: bool
    sentence: Text


class Verdict(Message):
    """What the safety checks say of the predicted step."""

    decision: Literal["allow", "ask", "refuse"]
    sentence: Text
    checks: list[Check]


class Failure(Message):
    """What went wrong, by a stable name, and what to do next."""

    name: Text
    sentence: Text
    next_move: Text


class CameraAge(Message):
    """How old a camera's picture is, seconds."""

    camera: Text
    age: float


class Status(Message):
    """The whole state as the page shows it; later ones replace earlier ones.

    ``preconditions``: by verb, why not now, null if it is accepted. ``texts``: what the planner has written, by round.
    ``seconds``: the latest wall time by stage.
    """

    type: Literal["status"] = "status"
    seq: int
    state: StateName
    busy: bool
    hint: Text
    preconditions: dict[str, Text | None]
    instruction: Text
    examples: list[Text]
    task: Text
    seed: int
    condition: Text
    policy: Text
    expert: bool
    speed: float
    approve_each: bool
    undo: int
    driving: bool
    detected_objects: Text | None
    plan: list[Step]
    texts: dict[str, Text]
    steps_done: int
    prediction: PredictedStep | None
    verdict: Verdict | None
    failure: Failure | None
    arm_fault: Failure | None
    camera_fault: Failure | None
    correction: Text | None
    corrections: int
    success: bool | None
    seconds: dict[str, float]
    frames: list[CameraAge]
    gripper: GripperPose | None


class PoseMoved(GripperPose):
    """Where the gripper is while it moves."""

    type: Literal["pose"] = "pose"


class MotionPreview(Message):
    """The preview of a motion: the tool's poses on the way, evenly spaced over ``seconds``; none without a way."""

    type: Literal["motion-preview"] = "motion-preview"
    poses: list[Pose]
    seconds: float
    clear: bool
    sentence: Text


class LogLine(Message):
    """An event as a sentence; ``time`` in seconds since 1970."""

    time: float
    level: Level
    text: Text


class Log(Message):
    """Lines to be added to the log."""

    type: Literal["log"] = "log"
    lines: list[LogLine]


# Answers


class Refused(Message):
    """Why a command had no effect. ``logged``: the log says it too."""

    type: Literal["refused"] = "refused"
    sentence: Text
    logged: bool = False


class StopAcknowledged(Message):
    """Stop was heard; ``id`` as the page sent it."""

    type: Literal["stop-ack"] = "stop-ack"
    id: Echo


class Halted(Message):
    """Nothing moves any more, ``seconds`` after stop number ``stop``, ``at`` so many seconds since 1970."""

    type: Literal["halted"] = "halted"
    stop: int
    seconds: float
    at: float


class Pong(Message):
    """The answer to a ping; ``t`` as the page sent it."""

    type: Literal["pong"] = "pong"
    t: Echo


class JogAcknowledged(Message):
    """What became of the jog with this ``seq``: it was taken up, or another one in its place."""

    type: Literal["jog-ack"] = "jog-ack"
    seq: int
    applied: bool
    at: float


class RetrainingAnswer(Message):
    """An order for a retraining was carried out, or was not."""

    type: Literal["retraining"] = "retraining"
    order: Literal["retrain-start", "retrain-cancel", "retrain-resume", "retrain-use"]
    done: bool


# Pages among themselves


class Operator(Message):
    """The page that operates."""

    id: str
    name: Text


class ControlRequest(Message):
    """A page that asks for control; without an answer it takes over in so many seconds."""

    id: str
    name: Text
    seconds_left: int


class LeaseState(Message):
    """Who operates, as one page sees it. ``seat``: this page's secret, with which it comes back after a lost link."""

    type: Literal["lease"] = "lease"
    you: str
    name: Text
    seat: str
    mine: bool
    operator: Operator | None
    requests: list[ControlRequest]
    watchers: int


class QueuePlace(Message):
    """A visitor's place in the queue for a world."""

    type: Literal["queue"] = "queue"
    place: int
    of: int
    sentence: Text


# The recording


class Take(Message):
    """The take that is open. ``elapsed`` since it began, None where that is not known; ``seconds``: how long it plays.

    ``rate``: frames per second of motion, ``wanted_rate`` as they should be. ``tick_ms``: what recording took of a
    control tick, the worst one beside it.
    """

    task: Text
    operator: Text
    notes: Text
    ended: Text
    elapsed: float | None
    seconds: float
    frames: int
    bytes: int
    rate: float
    wanted_rate: float
    dropped: int
    keyframes: int
    marked: int
    source: Text
    success: bool | None
    tick_ms: float
    worst_tick_ms: float


class UnfinishedTake(Message):
    """A take that was neither kept nor discarded when its console ended."""

    id: str
    task: Text
    operator: Text
    frames: int
    seconds: float
    bytes: int


class KeptEpisode(Message):
    """An episode of the set, in short."""

    id: str
    number: int
    task: Text
    frames: int
    seconds: float
    bytes: int
    outcome: str
    source: Text
    keyframes: int
    dropped: int


class RecordingOff(Message):
    """There is no recording, for a reason."""

    type: Literal["recording"] = "recording"
    state: Literal["off"] = "off"
    note: Text
    sentence: Text


class RecordingOpening(Message):
    """The set is being opened."""

    type: Literal["recording"] = "recording"
    state: Literal["opening"] = "opening"
    note: Text


class RecordingOpen(Message):
    """How the recording goes, and the set: its folder, the bytes ``free`` on its disk, how many episodes."""

    type: Literal["recording"] = "recording"
    state: Literal["idle", "recording", "ended", "saving"]
    note: Text
    folder: Text
    free: int
    episodes: int
    last: KeptEpisode | None
    unfinished: list[UnfinishedTake]
    take: Take | None


RecordingState = RecordingOff | RecordingOpening | RecordingOpen

# Demonstrations


class EditDone(Message):
    """The answer to an edit of demonstrations, by the ``id`` of its command; ``undo``: it can be taken back."""

    type: Literal["review-done"] = "review-done"
    id: int
    undo: bool
    ok: bool
    sentence: Text
    made: list[str]


ReplayOutcome = Literal["running", "waiting", "success", "missed", "done", "stopped", "failed"]


class Replay(Message):
    """How the replay of an episode goes. ``leads``: the arm is being led through every frame."""

    episode: str
    state: ReplayOutcome
    sentence: Text
    leads: bool


class ReviewState(Message):
    """What could be undone, and how a replay goes."""

    type: Literal["review"] = "review"
    undo: Text | None
    replay: Replay | None


# Calibration


class Sample(Message):
    """A sample of a calibration. What is left of it once it was calibrated: pixels, millimetres, degrees."""

    name: str
    corners: int


class JudgedSample(Sample):
    """A sample that the calibration was made from, with what is left of it; an outlier was left out."""

    pixels: float
    mm: float
    degrees: float
    outlier: bool


class Lacks(Message):
    """What the samples still lack."""

    sentence: Text
    next_move: Text


class Change(Message):
    """How far a camera counted as being from where it is found to be."""

    mm: float
    degrees: float


class CalibrationResult(Message):
    """A calibration: how certain it is, where the camera is, and the file that it was saved to, if it was."""

    mm: float
    degrees: float
    pixels: float
    position: list[float]
    change: Change | None
    warnings: list[Text]
    saved: Text


class CalibrationState(Message):
    """All that is known of one camera's calibration but its picture. ``answered`` counts the commands carried out."""

    type: Literal["calibration"] = "calibration"
    camera: Text
    cameras: list[Text]
    setting: Text
    board: Text
    in_use: Text
    warns: bool
    samples: list[JudgedSample | Sample]
    lacks: Lacks | None
    result: CalibrationResult | None
    answered: int


# Headers of binary messages; the names and sizes of their parts go with them, see ``ui.protocol.pictures``.


class SceneHeader(Message):
    """The latest look: pictures ``view0`` to ``view2`` and ``camera0`` …, and the cloud: ``positions``, ``colors``."""

    type: Literal["scene"] = "scene"
    seq: int
    cameras: list[Text]
    points: int
    shown: int
    low: Vector
    high: Vector


class FineHeader(Message):
    """The zoomed views: pictures ``zoom0`` …, with the heatmaps over them, and ``plain0`` … without."""

    type: Literal["fine"] = "fine"
    heatmaps: bool


class BoardSeen(Message):
    """What a camera sees of the calibration's board (``picture``), and the pose to take the next sample at."""

    type: Literal["board"] = "board"
    camera: Text
    sentence: Text
    ready: bool
    way: Text
    near: bool
    target: Pose | None


class BoardUnseen(Message):
    """Why a camera sees nothing."""

    type: Literal["board"] = "board"
    camera: Text
    sentence: Text
    ready: Literal[False] = False


BinaryHeader = SceneHeader | FineHeader | BoardSeen | BoardUnseen

ConsoleMessage = (
    Hello
    | Policies
    | Starting
    | WorldLost
    | Status
    | PoseMoved
    | MotionPreview
    | Log
    | Refused
    | StopAcknowledged
    | Halted
    | Pong
    | JogAcknowledged
    | RetrainingAnswer
    | LeaseState
    | QueuePlace
    | RecordingOff
    | RecordingOpening
    | RecordingOpen
    | EditDone
    | ReviewState
    | CalibrationState
)
"""Everything that the console sends as text, told apart by ``type``."""
