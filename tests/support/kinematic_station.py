"""A station with the kinematic world, for tests of the console's server; it runs in a process of its own."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from clap.stop_button import StopButton
from tests.support.kinematic_world import KinematicWorld, TouchPolicy
from ui.protocol.messages import PolicyChoice
from ui.station.options import CannotStartError, ConsoleInfo, Setup, StationOptions
from ui.station.station import Station

FACTORY = "tests.support.kinematic_station:make"
CHOICES = (PolicyChoice(name="touch", is_expert=True), PolicyChoice(name="CLAP", missing="not here"))
INFO = ConsoleInfo("test table", "SIM", CHOICES)


def make(progress: Callable[[str], None], button: StopButton, tick_seconds: float = 0.005, refusal: str = "") -> Setup:
    """Called in the station's process. ``refusal``: cannot start, for this reason."""
    progress("Building the boxes …")
    if refusal:
        raise CannotStartError(refusal)
    return Setup(
        lambda: KinematicWorld(tick_seconds=tick_seconds), {"touch": TouchPolicy}, "touch", INFO, ("touch", 0, None)
    )


def options(**arguments: Any) -> StationOptions:
    """Options of such a station."""
    return StationOptions(FACTORY, arguments)


@contextlib.contextmanager
def station(dead_man_s: float = 30.0, recordings: Path | None = None, **arguments: Any) -> Iterator[Station]:
    """Such a station, up."""
    made = Station(StationOptions(FACTORY, arguments, dead_man_s, recordings))
    try:
        assert made.up.wait(60), made.failure
        yield made
    finally:
        made.close()


def eventually(holds: Callable[[], bool], timeout: float = 10.0) -> bool:
    """True once ``holds`` is, False if it is not in time."""
    until = time.monotonic() + timeout
    while not holds():
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True
