"""Instants of a world: taken in a control tick, which has no time for cameras, and looked at on another thread."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from clap.geometry.frames import Pose
from clap.geometry.observation import Observation


@dataclass(frozen=True)
class WorldSnapshot:
    """A world at one instant. ``robot`` is the observation without its camera frames.

    ``commanded`` is the pose, world frame, that the arm is told to take at this instant, ``commanded_gripper`` the
    opening from 0 to 1; ``scene`` is what the world's own ``SnapshotRenderer`` needs to show the rest.
    """

    robot: Observation
    commanded: Pose
    commanded_gripper: float
    scene: object


class SnapshotRenderer(Protocol):
    """Looks at the instants of one world; belongs, with all it holds, to the thread that made it."""

    def observe(self, world_snapshot: WorldSnapshot) -> Observation:
        """What the world's ``observe`` would have given at that instant. Raises what it raises."""
        ...

    def positions(self, world_snapshot: WorldSnapshot) -> Mapping[str, tuple[float, float, float]]:
        """Where things were, by name, world metres; empty where the world does not know."""
        ...

    def close(self) -> None:
        """Release what it renders with."""
        ...
