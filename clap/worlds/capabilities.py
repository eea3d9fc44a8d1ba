"""What only some worlds can do: one protocol for each capability. A world has those whose methods it has.

Who needs one asks for it, by ``isinstance`` where there is another way and by ``require`` where there is none.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Protocol, TypeVar, runtime_checkable

from clap.errors import ClapError, WorldError
from clap.geometry.frames import Pose
from clap.geometry.observation import Observation
from clap.worlds.base import UNWATCHED, Action, MotionContext, MotionReport, TaskInfo, World
from clap.worlds.snapshot import SnapshotRenderer, WorldSnapshot
from clap.worlds.teleoperation import TeleoperationCommand


@runtime_checkable
class Movable(World, Protocol):
    """Has an arm that goes where it is told to."""

    def execute(self, action: Action, context: MotionContext = UNWATCHED) -> MotionReport:
        """Move to the pose, then set the gripper. Never raises for a pose it cannot reach: it reports."""
        ...

    def home(self, context: MotionContext = UNWATCHED) -> MotionReport:
        """Open the gripper where it is, then return to the home posture."""
        ...


@runtime_checkable
class Drivable(World, Protocol):
    """Has an arm that follows an operator's jogs."""

    def drive(self, command: TeleoperationCommand, context: MotionContext = UNWATCHED) -> MotionReport:
        """Follow the operator's jogs in real time until ``command`` gives None, then slow down and stop.

        ``command`` is polled every control tick (20 ms) as the context is, whose speed does not count. The motion is
        smooth, and stays in the workspace and above the table. Where the arm cannot go further it holds still, and the
        report's ``reason`` says so.
        """
        ...


@runtime_checkable
class Recoverable(World, Protocol):
    """Has an arm that can be held by a trouble which a person has to see to."""

    def arm_fault(self) -> ClapError | None:
        """What keeps the arm from moving until a person has seen to it; None if nothing does. Quick."""
        ...

    def recover(self, context: MotionContext = UNWATCHED) -> None:
        """A person has seen to it: clear the trouble, unless the context says that Stop was pressed meanwhile.

        Nothing moves by that. Raises the ClapError that remains.
        """
        ...


@runtime_checkable
class Previewable(World, Protocol):
    """Has a model of its arm that makes a motion before the arm does."""

    def preview(self, action: Action, speed: float = 0.0) -> PreviewedMotion:
        """``execute`` in the model of the arm; nothing moves."""
        ...


@runtime_checkable
class Resettable(World, Protocol):
    """Sets scenes up by itself."""

    def tasks(self) -> tuple[TaskInfo, ...]:
        """The tasks on offer."""
        ...

    def conditions(self) -> tuple[str, ...]:
        """Perturbations on offer, for instance ("none", "table colour")."""
        ...

    def reset(self, task: str, seed: int, variation: int | None = None, condition: str = "none") -> str:
        """Set up an episode and return its instruction. ``variation`` None draws one from the seed.

        Raises WorldError for an unknown task, variation or condition, naming those that exist.
        """
        ...


@runtime_checkable
class Restorable(World, Protocol):
    """Can be set back."""

    def save(self) -> object:
        """All that decides what happens next, to be given to ``restore``."""
        ...

    def restore(self, saved: object) -> None:
        """Set the world back exactly to when ``saved`` was saved. Raises WorldError if it was set up anew since."""
        ...


@runtime_checkable
class Instructable(World, Protocol):
    """Knows what can be asked for on its table."""

    def examples(self) -> tuple[str, ...]:
        """Instructions that make sense for what is on the table now, the scene's own first."""
        ...

    def follow(self, instruction: str) -> bool:
        """Let ``success`` judge this instruction from now on. False if it cannot."""
        ...


@runtime_checkable
class ObservableInParts(World, Protocol):
    """Can be observed while its arm moves."""

    def observe_in_parts(self) -> Iterator[Observation | None]:
        """As ``observe``, in parts short enough for a control loop: None after each camera, the observation at last."""
        ...


@runtime_checkable
class Snapshotable(World, Protocol):
    """Can be recorded at every control tick, and looked at later."""

    def world_snapshot(self) -> WorldSnapshot:
        """This instant, without rendering: quick enough for a control tick."""
        ...

    def snapshot_renderer(self) -> SnapshotRenderer:
        """What looks at instants of this world. Unlike all else it may be called from any thread, and belongs to it."""
        ...


@dataclass(frozen=True)
class PreviewedMotion:
    """The preview of a motion: the tool's ``poses`` on the way, evenly spaced in time over ``seconds``, whether all
    of it is ``clear``, and a ``sentence`` that says so or what is in the way. No poses if there is no way."""

    poses: tuple[Pose, ...]
    seconds: float
    clear: bool
    sentence: str


class Ability(str, Enum):
    """What the page is told that a world can do. What it cannot do is neither offered nor accepted."""

    MOVE = "move"
    RESET = "reset"
    UNDO = "undo"
    PREVIEW = "preview"
    FASTER_THAN_REAL_TIME = "faster-than-real-time"
    CALIBRATE = "calibrate"
    """Find out where its own cameras are."""


_BY_PROTOCOL = {
    Ability.MOVE: Movable,
    Ability.RESET: Resettable,
    Ability.UNDO: Restorable,
    Ability.PREVIEW: Previewable,
}


def abilities_of(world: World) -> frozenset[Ability]:
    """What a world can do, as its methods say.

    A simulated arm may hurry, and by a real one the cameras can be calibrated.
    """
    found = {ability for ability, protocol in _BY_PROTOCOL.items() if isinstance(world, protocol)}
    if isinstance(world, Movable):
        found.add(Ability.CALIBRATE if world.is_real else Ability.FASTER_THAN_REAL_TIME)
    return frozenset(found)


_LACKS: dict[type, tuple[str, str]] = {
    Movable: ("There is no arm here: this world can only be looked at.", "Configure an arm to move one."),
    Drivable: ("This world has no arm that could be driven by hand.", "Approve predicted steps, or use another world."),
    Recoverable: ("Nothing can hold the arm of this world.", "Go on."),
    Previewable: ("This world has no model of its arm that could show a motion.", "Carry the step out instead."),
    Resettable: ("This table is set by hand: there are no tasks.", "Put things on the table, and say what to do."),
    Restorable: ("This table cannot be set back.", "Put things back by hand."),
    Instructable: ("This world does not know what can be asked for on its table.", "Give an instruction of your own."),
    ObservableInParts: ("This world cannot be observed while its arm moves.", "Observe it when the arm rests."),
    Snapshotable: ("This world cannot be recorded while its arm moves.", "Use another world."),
}

Capability = TypeVar("Capability", bound=World)


def require(world: World, capability: type[Capability]) -> Capability:
    """The world, as one that has the capability. Raises WorldError if it has not."""
    if not isinstance(world, capability):
        raise WorldError(*_LACKS[capability])
    return world
