"""A command to an arm, as its owner waits for it."""

from __future__ import annotations

import threading

from clap.worlds.robot.arm.errors import ArmError


class Motion:
    """A command under way. ``stopped``: a stop ended it; ``failure``: what else did, None if nothing."""

    def __init__(self) -> None:
        self.over = threading.Event()
        self.stopped = False
        self.failure: ArmError | None = None

    def end(self, stopped: bool = False, failure: ArmError | None = None) -> None:
        """Called once it has ended."""
        self.stopped, self.failure = stopped, failure
        self.over.set()
