"""The newest state of a gripper that tells it seldom."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

GRIPPER_PERIOD_S, GRIPPER_SILENCE_S = 0.02, 3.0
"""Between two readings of the gripper, and without one before it counts as lost."""


class GripperWatch:
    """The newest state of the gripper, read on a thread of its own: the gripper tells it seldom, and the arm's must not
    wait.

    ``read`` may wait for the next state, and raise one of ``errors``.
    """

    def __init__(self, read: Callable[[], Any], errors: tuple[type[Exception], ...]):
        self._read, self._errors, self._closed = read, errors, threading.Event()
        self._state, self._time = read(), time.monotonic()
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._watch, name="hand", daemon=True)
        self._thread.start()

    def state(self) -> Any:
        """The newest state. Raises the error of the last reading, or RuntimeError if there was none for too long."""
        if self._error is not None:
            raise self._error
        if time.monotonic() - self._time > GRIPPER_SILENCE_S:
            raise RuntimeError("UDP receive: the gripper is silent")
        return self._state

    def close(self) -> None:
        """End the thread."""
        self._closed.set()
        self._thread.join(1.5)

    def _watch(self) -> None:
        while not self._closed.wait(GRIPPER_PERIOD_S):
            try:
                self._state, self._time = self._read(), time.monotonic()
            except self._errors as error:
                self._error = error
                return
