"""What all worlds with real cameras have in common: a person sets the table, and nothing there can be set back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol

from clap.errors import ClapError
from clap.geometry.frames import Pose
from clap.geometry.observation import CameraFrame, Observation
from clap.worlds.snapshot import SnapshotRenderer, WorldSnapshot

Frames = tuple[CameraFrame, ...]


class Cameras(Protocol):
    """What gives a world its images; ``clap.worlds.robot.cameras.camera_set.Cameras`` does."""

    def frames(self, tool: Pose, after: float | None = None) -> Frames:
        """The newest frame of every camera, with time.time() stamps; ``tool``: the tool's pose now.

        With ``after`` only frames taken later count, and it may wait a second for them. Raises a ClapError.
        """
        ...

    def close(self) -> None:
        """Release the devices."""
        ...


class Judge(Protocol):
    """What knows whether an instruction's goal holds; see ``Instructable.follow`` and ``World.success``."""

    def follow(self, instruction: str) -> bool: ...
    def success(self) -> bool | None: ...


class PhysicalWorld:
    """What a world with an arm and one without share."""

    is_real = True

    def __init__(self, cameras: Cameras):
        self.cameras = cameras

    def snapshot_renderer(self) -> SnapshotRenderer:
        return CameraSnapshotRenderer()

    def _frames_or_failure(self, tool: Pose) -> Frames | ClapError:
        """What an instant carries: the frames, or why there are none."""
        try:
            return self.cameras.frames(tool)
        except ClapError as error:
            return error


class CameraSnapshotRenderer:
    """Gives the frames that an instant carries; where things are, it does not know."""

    def observe(self, world_snapshot: WorldSnapshot) -> Observation:
        if isinstance(world_snapshot.scene, ClapError):
            raise world_snapshot.scene
        if not isinstance(world_snapshot.scene, tuple):
            raise TypeError(f"an instant of a real table is needed, not of {type(world_snapshot.scene).__name__}")
        return replace(world_snapshot.robot, frames=world_snapshot.scene)

    def positions(self, world_snapshot: WorldSnapshot) -> Mapping[str, tuple[float, float, float]]:
        return {}

    def close(self) -> None:
        """It holds nothing."""
