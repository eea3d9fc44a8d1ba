"""Driving by hand: what the operator holds down, how long that counts, and how it becomes a smooth motion.

A jog is a state that is held, not a distance to go: it counts for a quarter of a second after it was sent, so that a
lost key release, page or link stops the arm by itself.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from clap.geometry.frames import TABLE_TOP, Array, Pose, Workspace, matrix_to_quaternion

CONTROL_PERIOD = 0.02
"""Seconds between two control ticks."""

JOG_LIFETIME_S = 0.25
"""Seconds for which a jog counts after it came in."""

REDUCED_SPEED = 0.25
"""Metres a second: ISO 10218's limit for the tool while a person guides the robot by hand."""

MAX_LINEAR, MAX_ANGULAR = 0.15, 0.8
"""Speed of the tool at full deflection: metres and radians a second."""

MOST_WAITING = 2
"""Jogs that may wait for the control loop."""

SLOW = 0.25
"""Share of that while the operator asks for slow motion."""

LINEAR_ACCELERATION, ANGULAR_ACCELERATION = 0.8, 4.0
"""Metres and radians a second, each second: full speed after a fifth of a second."""

CLEARANCE = 0.006
"""Metres above the table top below which the tool centre point is not driven: the pads of the fingers reach past it."""

AT_REST = 1e-4
"""Metres (radians) a second below which the tool stands still."""


@dataclass(frozen=True)
class Jog:
    """What the operator holds down. ``seq`` is the page's number of the message.

    ``linear`` and ``angular`` (3,) are fractions from -1 to 1 of the full speed along and about the world's axes (about
    an axis through the tool). ``target`` asks instead to move towards a pose at driving speed. ``gripper`` "open" or
    "close" starts the gripper; None leaves it. Raises ValueError for anything that is not finite.
    """

    linear: tuple[float, float, float] = (0.0, 0.0, 0.0)
    angular: tuple[float, float, float] = (0.0, 0.0, 0.0)
    gripper: Literal["open", "close"] | None = None
    slow: bool = False
    target: Pose | None = None
    seq: int = 0

    def __post_init__(self) -> None:
        pose = [] if self.target is None else [*self.target.position, *self.target.quaternion]
        if not np.all(np.isfinite([*self.linear, *self.angular, *pose])):
            raise ValueError("a jog needs finite numbers")
        if self.gripper not in (None, "open", "close"):
            raise ValueError(f'a jog\'s gripper is None, "open" or "close", not {self.gripper!r}')
        if self.target is not None and float(np.linalg.norm(self.target.quaternion)) < 1e-6:
            raise ValueError("a jog's target needs a quaternion that is not zero")


STILL = Jog()

OnJog = Callable[[int, bool], None]
"""Told, on whatever thread settles it, that the jog of this ``seq`` was taken up by the control loop, or was not."""


class JogFeed:
    """The latest jogs on their way from any thread to the control loop, which calls this object every tick.

    Two that come in within one tick are taken up one tick after the other, so that an uneven link loses none; of more,
    the oldest are reported as not taken up, as are those that grew old. What one that is lost asked of the gripper is
    passed on to the next.
    """

    def __init__(self, on_jog: OnJog, clock: Callable[[], float] = time.monotonic):
        self._on_jog, self._clock = on_jog, clock
        self._lock = threading.Lock()
        self._waiting: deque[tuple[Jog, float]] = deque()
        self._jog, self._came, self._ended = STILL, -math.inf, False

    def put(self, jog: Jog) -> None:
        """Add the latest jog. Any thread may call this."""
        lost = None
        with self._lock:
            self._waiting.append((jog, self._clock()))
            if len(self._waiting) > MOST_WAITING:
                lost, _ = self._waiting.popleft()
                following, came = self._waiting[0]
                self._waiting[0] = replace(following, gripper=following.gripper or lost.gripper), came
        if lost is not None:
            self._on_jog(lost.seq, False)

    def end(self) -> None:
        """End the driving: the arm slows down and stops."""
        self._ended = True

    def __call__(self) -> Jog | None:
        """What counts now: the jog whose turn it is, standing still if it is too old, None once driving has ended."""
        with self._lock:
            fresh = bool(self._waiting)
            if fresh:
                self._jog, self._came = self._waiting.popleft()
            jog, counts = self._jog, self._clock() - self._came <= JOG_LIFETIME_S
        if fresh:
            self._on_jog(jog.seq, counts and not self._ended)
        if self._ended:
            return None
        return jog if counts else STILL


TeleoperationCommand = Callable[[], Jog | None]
"""Asked every control tick for what counts now; None ends the driving."""


class Driver:
    """Turns jogs into the next pose, tick by tick: limited in speed and acceleration, inside the workspace.

    ``pose`` is where the tool is to be now. A pose that the arm cannot take is given back with ``hold``.
    """

    def __init__(self, pose: Pose, workspace: Workspace):
        self.pose = pose
        self._before = pose
        self._linear: Array = np.zeros(3)
        self._angular: Array = np.zeros(3)
        # Where the arm stands outside already it is not thrown back in: it may only not go further out.
        low = np.maximum(workspace.low, [-np.inf, -np.inf, TABLE_TOP + CLEARANCE])
        self._low = np.minimum(low, pose.position)
        self._high = np.maximum(workspace.high, pose.position)

    @property
    def at_rest(self) -> bool:
        """True while the tool stands still."""
        return float(max(np.linalg.norm(self._linear), np.linalg.norm(self._angular))) < AT_REST

    def advance(self, jog: Jog) -> Pose:
        """The pose one control tick later."""
        linear, angular = self._wanted(jog)
        self._linear = _towards(self._linear, linear, LINEAR_ACCELERATION * CONTROL_PERIOD)
        self._angular = _towards(self._angular, angular, ANGULAR_ACCELERATION * CONTROL_PERIOD)
        free = np.asarray(self.pose.position) + CONTROL_PERIOD * self._linear
        position = np.clip(free, self._low, self._high)
        self._linear = np.where(free == position, self._linear, 0.0)
        self._before = self.pose
        if self._angular.any():
            rotation = turned(CONTROL_PERIOD * self._angular) @ self.pose.rotation
            self.pose = Pose.from_rotation(position, rotation)
        else:
            self.pose = Pose(position, self.pose.quaternion)
        return self.pose

    def hold(self) -> None:
        """Take the last tick back and stand still: the arm cannot go there."""
        self.pose = self._before
        self._linear, self._angular = np.zeros(3), np.zeros(3)

    def _wanted(self, jog: Jog) -> tuple[Array, Array]:
        """Velocities (3,) in metres and radians a second."""
        share = SLOW if jog.slow else 1.0
        fastest, fastest_turn = share * MAX_LINEAR, share * MAX_ANGULAR
        if jog.target is None:
            return fastest * _at_most_one(jog.linear), fastest_turn * _at_most_one(jog.angular)
        way = np.asarray(jog.target.position) - self.pose.position
        turn = rotation_vector(jog.target.rotation @ self.pose.rotation.T)
        return _approach(way, fastest, LINEAR_ACCELERATION), _approach(turn, fastest_turn, ANGULAR_ACCELERATION)


def _at_most_one(fractions: tuple[float, float, float]) -> Array:
    vector = np.asarray(fractions, float)
    return vector / max(1.0, float(np.linalg.norm(vector)))


def _towards(present: Array, wanted: Array, most: float) -> Array:
    """``present`` changed by no more than ``most`` in the direction of ``wanted``."""
    change = wanted - present
    size = float(np.linalg.norm(change))
    return wanted if size <= most else present + change * (most / size)


def _approach(way: Array, fastest: float, acceleration: float) -> Array:
    """Velocity along ``way`` (3,) from which half of the ``acceleration`` can still stop at its end."""
    length = float(np.linalg.norm(way))
    if length < 1e-9:
        return np.zeros(3)
    return way * (min(fastest, float(np.sqrt(acceleration * length)), length / CONTROL_PERIOD) / length)


def rotation_vector(rotation: Array) -> Array:
    """Axis times angle (3,) in radians, at most pi, of a rotation matrix (3, 3)."""
    *axis, cosine = matrix_to_quaternion(rotation)
    sine = float(np.linalg.norm(axis))
    return np.zeros(3) if sine < 1e-12 else np.asarray(axis) * (2 * np.arctan2(sine, cosine) / sine)


def turned(vector: Array) -> Array:
    """The rotation matrix (3, 3) of an axis times its angle (3,), radians: the inverse of ``rotation_vector``."""
    angle = float(np.linalg.norm(vector))
    if angle < 1e-12:
        return np.eye(3)
    x, y, z = np.asarray(vector) / angle
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
