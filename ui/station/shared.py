"""The few numbers that server and station share in memory, so that a stop passes by every queue, pipe and lock.

All times are of ``time.monotonic``, which on one machine counts alike in every process.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import time
from collections.abc import Callable

PRESSED = ""
"""The reason to halt where Stop was pressed: it needs no words."""


class _Cells(ctypes.Structure):
    _fields_ = (
        ("stops", ctypes.c_uint64),  # written by the server: how often Stop was pressed, ...
        ("pressed_at", ctypes.c_double),  # ... and when the latest press came in
        ("alive_until", ctypes.c_double),  # written by the server: the operator's page counts as present until then
        ("halted_stop", ctypes.c_uint64),  # written by the station: the latest stop that it has honoured, ...
        ("halted_at", ctypes.c_double),  # ... and when its motion had halted
    )


class Shared:
    """The shared numbers, as the server uses them; it goes to the station's process as an argument of its start."""

    def __init__(self) -> None:
        self.cells = multiprocessing.get_context("spawn").RawValue(_Cells)

    def press_stop(self) -> int:
        """Count one more stop, and return its number. Callers hold a lock: there is one writer."""
        self.cells.pressed_at = time.monotonic()
        self.cells.stops += 1
        return int(self.cells.stops)

    def keep_alive(self, seconds: float) -> None:
        """The operator's page is there, and counts as such for ``seconds`` from now."""
        self.cells.alive_until = time.monotonic() + seconds

    def halted(self) -> tuple[int, float]:
        """The latest stop that the station has honoured, and when nothing moved any more."""
        return int(self.cells.halted_stop), float(self.cells.halted_at)


class Guard:
    """The station's side: gives every control tick of a motion the reason to halt now, if there is one.

    ``moving`` tells whether the robot may be under way: a lost page ends motions, not plans and predictions.
    """

    def __init__(self, shared: Shared, dead_man_s: float, moving: Callable[[], bool]):
        self._cells = shared.cells
        self._acknowledged = int(shared.cells.stops)
        self._moving = moving
        self.watched = False
        self._lost = (
            f"The operator's page was lost: nothing was heard from it for {dead_man_s:g} s, so the motion was halted."
        )

    def reason(self) -> str | None:
        """Why a motion must halt now; None if it may go on."""
        if self._cells.stops != self._acknowledged:
            return PRESSED
        if self.watched and time.monotonic() > self._cells.alive_until and self._moving():
            return self._lost
        return None

    def acknowledge(self, stop: int) -> None:
        """The episode knows of this stop: later motions may begin."""
        self._acknowledged = max(self._acknowledged, stop)

    def motion_halted(self, when: float) -> tuple[int, float]:
        """Note that nothing moves any more since ``when``; the first report after a stop counts.

        Returns the stop's number, and the seconds from its press to the halt.
        """
        stop = int(self._cells.stops)
        if self._cells.halted_stop != stop:
            self._cells.halted_at = when
            self._cells.halted_stop = stop
        return stop, float(self._cells.halted_at - self._cells.pressed_at)
