"""One command of an arm's joints, or of its gripper, from its start to its end."""

from __future__ import annotations

import time
from collections.abc import Callable

from clap.worlds.robot.arm.errors import ArmTimeoutError


class Lane:
    """What one part of the arm is doing, its joints or its gripper: the command's ``number``, None while it rests, and
    its ``kind``."""

    def __init__(self) -> None:
        self.number: int | None = None
        self.kind = ""
        self._busy: Callable[[], bool] = lambda: False
        self._deadline = 0.0

    def begin(self, number: int, kind: str, busy: Callable[[], bool], seconds: float) -> None:
        """A command was started; ``busy`` tells whether it is under way, and raises the ArmError that ended it."""
        self.kind, self._busy, self._deadline = kind, busy, time.monotonic() + seconds
        self.number = number

    def over(self) -> bool:
        """True once the command has ended. Raises the ArmError that ended it, ArmTimeoutError among them."""
        if not self._busy():
            return True
        if time.monotonic() > self._deadline:
            raise ArmTimeoutError("The motion took much longer than it should, and was stopped.")
        return False
