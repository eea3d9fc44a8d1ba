"""What every world is, and the typed orders and results of motions in one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Protocol, runtime_checkable

from clap.geometry.frames import Pose, Workspace
from clap.geometry.observation import Observation
from clap.worlds.motion_limits import MotionLimits


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


ShouldStop = Callable[[], bool]
OnTick = Callable[[Pose, float], None]
"""Called during a motion every control tick (20 ms) with the gripper's pose and its opening (0 to 1)."""


@dataclass(frozen=True)
class MotionContext:
    """How a motion is watched, halted and paced; the default lets it run as fast as it can to its end.

    ``should_stop`` and ``on_tick`` are called every control tick (20 ms): once the first is true the motion halts where
    it is. ``speed`` 0 runs as fast as the world can; 1 paces to real time, 0.5 to half of it (simulation only).
    """

    should_stop: ShouldStop = lambda: False
    on_tick: OnTick = lambda pose, opening: None
    speed: float = 0.0


UNWATCHED = MotionContext()
"""Nobody watches the motion, and nobody halts it."""


@runtime_checkable
class World(Protocol):
    """A place that a policy sees. What else a world can do, it does by ``clap.worlds.capabilities``.

    All methods must be called from the thread that made the world.
    """

    workspace: Workspace
    is_real: bool
    """Time is wall time, and goes on while nothing moves: what was seen grows old."""

    tool_speed: float
    """The fastest that a motion moves the tool at the pace of real time, metres a second."""

    limits: MotionLimits | None
    """What no motion of a real robot may do; None in a simulation."""

    def observe(self) -> Observation:
        """Capture all cameras and the robot's state now."""
        ...

    def state(self) -> tuple[Pose, float]:
        """Gripper pose and opening, without rendering."""
        ...

    def reachable(self, pose: Pose) -> bool:
        """True if inverse kinematics finds joint angles for the pose."""
        ...

    def success(self) -> bool | None:
        """True if the instruction's goal holds in the physics state now; None if the world cannot judge it."""
        ...

    def close(self) -> None:
        """Release renderers and devices."""
        ...
