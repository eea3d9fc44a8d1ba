"""What all worlds with real cameras have in common: a person sets the table, and nothing there can be set back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol

from clap.errors import ClapError, WorldError
from clap.geometry.frames import Pose
from clap.geometry.observation import CameraFrame, Observation
from clap.worlds.base import TaskInfo
from clap.worlds.snapshot import Instant, Onlooker

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
    """What knows whether an instruction's goal holds; see ``World.follow`` and ``World.success``."""

    def follow(self, instruction: str) -> bool: ...
    def success(self) -> bool | None: ...


class RealTable:
    """A part of ``clap.worlds.base.World``. ``prompts``: the instructions to offer. No real table has a ``judge``."""

    is_real = True

    def __init__(self, cameras: Cameras, prompts: tuple[str, ...] = (), judge: Judge | None = None):
        self.cameras, self._prompts, self._judge = cameras, prompts, judge

    def tasks(self) -> tuple[TaskInfo, ...]:
        return ()

    def conditions(self) -> tuple[str, ...]:
        return ()

    def reset(self, task: str, seed: int, variation: int | None = None, condition: str = "none") -> str:
        raise WorldError(
            "A real table is set by hand: there are no tasks.", "Put things on the table, and say what to do."
        )

    def examples(self) -> tuple[str, ...]:
        return self._prompts

    def follow(self, instruction: str) -> bool:
        return self._judge is not None and self._judge.follow(instruction)

    def success(self) -> bool | None:
        return None if self._judge is None else self._judge.success()

    def save(self) -> object | None:
        return None

    def restore(self, saved: object) -> None:
        raise WorldError("A real table cannot be set back.", "Put things back by hand.")

    def onlooker(self) -> Onlooker:
        return RealOnlooker()

    def _frames_or_failure(self, tool: Pose) -> Frames | ClapError:
        """What an instant carries: the frames, or why there are none."""
        try:
            return self.cameras.frames(tool)
        except ClapError as error:
            return error


class RealOnlooker:
    """Gives the frames that an instant carries; where things are, it does not know."""

    def observe(self, instant: Instant) -> Observation:
        if isinstance(instant.scene, ClapError):
            raise instant.scene
        if not isinstance(instant.scene, tuple):
            raise TypeError(f"an instant of a real table is needed, not of {type(instant.scene).__name__}")
        return replace(instant.robot, frames=instant.scene)

    def positions(self, instant: Instant) -> Mapping[str, tuple[float, float, float]]:
        return {}

    def close(self) -> None:
        """It holds nothing."""
