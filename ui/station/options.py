"""What a station is made from: options that travel to its process, and the set-up that is made of them there."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clap.stop_button import StopButton
from ui.protocol.messages import PolicyChoice

if TYPE_CHECKING:  # the server holds these options and must stay light
    from clap.policies.base import Policy
    from clap.worlds.base import World
    from clap.worlds.robot.calibration.bench import CalibrationBench

DEAD_MAN_S = 1.5
"""Seconds without a sign of the operator's page after which a motion halts."""


NOT_RECORDING = "Recording is off. To record demonstrations, start the console without --recordings off."


Progress = Callable[[str], None]
"""Told in sentences what takes its time while a station starts."""


class CannotStartError(Exception):
    """The console cannot start as asked; the text says why and what to do."""


@dataclass(frozen=True)
class StationOptions:
    """``factory`` is "module:function", called in the station's process with ``arguments``; it returns a Setup.

    ``recordings``: the folder of the demonstrations; None where nothing is recorded, for the reason ``why_not``.
    """

    factory: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    dead_man_s: float = DEAD_MAN_S
    recordings: Path | None = None
    why_not: str = NOT_RECORDING

    def make(self, progress: Progress, button: StopButton) -> Setup:
        """Make the set-up; ``button`` is the console's Stop. Raises CannotStartError."""
        module, _, name = self.factory.partition(":")
        factory = getattr(importlib.import_module(module), name)
        made: Setup = factory(progress=progress, button=button, **self.arguments)
        return made


@dataclass(frozen=True)
class ConsoleInfo:
    """What does not change while the console runs. ``notice`` is shown until the operator closes it.

    ``mode``: where motions happen, in one word, such as SIM or REAL.
    """

    world: str
    mode: str
    policies: tuple[PolicyChoice, ...]
    notice: str = ""


@dataclass(frozen=True)
class Setup:
    """A world to make, the policies on offer by name, the one to begin with, and the scene to begin with.

    ``recorded_as``: what recordings call the world. ``calibration``: what calibrates its cameras, to be called once the
    world is there; None for what has no cameras of its own.
    """

    world: Callable[[], World]
    policies: Mapping[str, Callable[[World], Policy]]
    first: str
    info: ConsoleInfo
    scene: tuple[str, int, int | None] | None = None
    speed: float = 1.0
    recorded_as: str = "tabletop"
    calibration: Callable[[], CalibrationBench | None] = lambda: None
