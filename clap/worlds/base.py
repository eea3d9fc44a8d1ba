"""The protocol that every world follows, and the typed results of acting in one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from clap.errors import ClapError
from clap.geometry.frames import Pose, Workspace
from clap.geometry.observation import Observation
from clap.worlds.motion_limits import MotionLimits
from clap.worlds.snapshot import Instant, Onlooker
from clap.worlds.teleoperation import DriveCommand


@dataclass(frozen=True)
class Action:
    """A keyframe action: the pose of the tool centre point to reach, then the state of the gripper there.

    The gripper keeps its former state during the motion, as in RLBench's MoveArmThenGripper. ``ignore_collisions``
    True lets the motion press against things, as grasping, placing and pulling must; False asks the world to stop it
    where the robot, or what it holds, presses against anything.
    """

    pose: Pose
    gripper_open: bool
    ignore_collisions: bool = True


class MotionOutcome(str, Enum):
    """How a motion ended."""

    REACHED = "reached"
    UNREACHABLE = "unreachable pose"
    FELL_SHORT = "pose not reached"
    STOPPED = "stopped by operator"


@dataclass(frozen=True)
class MotionReport:
    """What really happened: the pose reached, the errors left, and why it fell short.

    ``position_error`` metres, ``rotation_error`` radians, ``duration`` seconds of the world's time.
    """

    outcome: MotionOutcome
    reached: Pose
    gripper_open: float
    position_error: float
    rotation_error: float
    duration: float
    reason: str = ""

    @property
    def ok(self) -> bool:
        return self.outcome is MotionOutcome.REACHED


@dataclass(frozen=True)
class TaskInfo:
    """A task that a world offers: a stable key, a title, whether it was trained on, and how many variations it has."""

    key: str
    title: str
    trained: bool
    variations: int


class Ability(str, Enum):
    """What only some worlds can do. What a world cannot do is not offered, and its methods for it raise WorldError."""

    MOVE = "move"
    SET_UP = "set-up"
    GO_BACK = "go-back"
    HURRY = "hurry"
    """Motions faster than real time."""
    CALIBRATE = "calibrate"
    """Find out where its own cameras are."""

    REHEARSE = "rehearse"
    """Showing a motion in a model of the arm, before the arm makes it."""


@dataclass(frozen=True)
class Rehearsal:
    """A motion in the arm's twin: the tool's ``poses`` on the way, evenly spaced in time over ``seconds``, whether all
    of it is ``clear``, and a ``sentence`` that says so or what is in the way. No poses if there is no way."""

    poses: tuple[Pose, ...]
    seconds: float
    clear: bool
    sentence: str


ShouldStop = Callable[[], bool]
OnTick = Callable[[Pose, float], None]
"""Called during a motion every control tick (20 ms) with the gripper's pose and its opening (0 to 1)."""


class World(Protocol):
    """A place where a policy acts. All methods must be called from the thread that made the world."""

    workspace: Workspace
    is_real: bool
    """Time is wall time, and goes on while nothing moves: what was seen grows old."""

    abilities: frozenset[Ability]

    tool_speed: float
    """The fastest that ``execute`` moves the tool at the pace of real time, metres a second."""

    limits: MotionLimits | None
    """What no motion of a real robot may do; None in a simulation."""

    def tasks(self) -> tuple[TaskInfo, ...]:
        """The tasks on offer; empty for a world without tasks, such as a real table."""
        ...

    def conditions(self) -> tuple[str, ...]:
        """Perturbations on offer, for instance ("none", "table colour")."""
        ...

    def reset(self, task: str, seed: int, variation: int | None = None, condition: str = "none") -> str:
        """Set up an episode and return its instruction. ``variation`` None draws one from the seed.

        Raises WorldError for an unknown task, variation or condition, naming those that exist.
        """
        ...

    def observe(self) -> Observation:
        """Capture all cameras and the robot's state now."""
        ...

    def observe_in_parts(self) -> Iterator[Observation | None]:
        """As ``observe``, in parts short enough for a control loop: None after each camera, the observation at last."""
        ...

    def instant(self) -> Instant:
        """This instant, without rendering: quick enough for a control tick."""
        ...

    def onlooker(self) -> Onlooker:
        """What looks at instants of this world. Unlike all else it may be called from any thread, and belongs to it."""
        ...

    def state(self) -> tuple[Pose, float]:
        """Gripper pose and opening, without rendering."""
        ...

    def reachable(self, pose: Pose) -> bool:
        """True if inverse kinematics finds joint angles for the pose."""
        ...

    def rehearse(self, action: Action, speed: float = 0.0) -> Rehearsal:
        """``execute`` in a model of the arm; nothing moves. Raises WorldError without Ability.REHEARSE."""
        ...

    def execute(
        self,
        action: Action,
        should_stop: ShouldStop = lambda: False,
        on_tick: OnTick | None = None,
        speed: float = 0.0,
    ) -> MotionReport:
        """Move to the pose, then set the gripper. Never raises for a pose it cannot reach: it reports.

        ``should_stop`` is polled every control tick (20 ms): once it is true the motion halts where it is.
        ``speed`` 0 runs as fast as it can; 1 paces to real time, 0.5 to half of it (simulation only).
        """
        ...

    def drive(
        self, command: DriveCommand, should_stop: ShouldStop = lambda: False, on_tick: OnTick | None = None
    ) -> MotionReport:
        """Follow the operator's jogs in real time until ``command`` gives None, then slow down and stop.

        Both callables are polled every control tick (20 ms); once ``should_stop`` is true the arm halts where it is.
        The motion is smooth, and stays in the workspace and above the table. Where the arm cannot go further it holds
        still, and the report's ``reason`` says so.
        """
        ...

    def examples(self) -> tuple[str, ...]:
        """Instructions that make sense for what is on the table now, the scene's own first."""
        ...

    def follow(self, instruction: str) -> bool:
        """Let ``success`` judge this instruction instead of the one that ``reset`` gave. False if it cannot."""
        ...

    def success(self) -> bool | None:
        """True if the instruction's goal holds in the physics state now; None if the world cannot judge it."""
        ...

    def home(
        self, should_stop: ShouldStop = lambda: False, on_tick: OnTick | None = None, speed: float = 0.0
    ) -> MotionReport:
        """Open the gripper where it is, then return to the home posture; arguments as for ``execute``."""
        ...

    def save(self) -> object | None:
        """All that decides what happens next, to be given to ``restore``; None for a world that cannot be set back."""
        ...

    def restore(self, saved: object) -> None:
        """Set the world back exactly to when ``saved`` was saved. Raises WorldError if it was set up anew since."""
        ...

    def trouble(self) -> ClapError | None:
        """What keeps the arm from moving until a person has seen to it; None if nothing does. Quick."""
        ...

    def recover(self, should_stop: ShouldStop = lambda: False) -> None:
        """A person has seen to it: clear the trouble, unless ``should_stop`` says that Stop was pressed meanwhile.

        Nothing moves by that. Raises the ClapError that remains.
        """
        ...

    def close(self) -> None:
        """Release renderers and devices."""
        ...
