"""The few numbers that server and station share in memory, so that a stop passes by every queue, pipe and lock.

All times are of ``time.monotonic``, which on one machine counts alike in every process.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import time
from collections.abc import Callable

from clap.stop_button import StopButton

PRESSED = ""
"""The reason to halt where Stop was pressed: it needs no words."""


class _Cells(ctypes.Structure):
    _fields_ = (
        ("alive_until", ctypes.c_double),  # written by the server: the operator's page counts as present until then
        ("halted_stop", ctypes.c_uint64),  # written by the station: the latest stop that it has honoured, ...
        ("halted_at", ctypes.c_double),  # ... and when its motion had halted
    )


class Shared:
    """The shared numbers, as the server uses them; it goes to the station's process as an argument of its start.

    ``button``: Stop, pressed by the server under a lock of its own. A real arm's process watches it too, past the
    station.
    """

    def __init__(self) -> None:
        self.button = StopButton()
        self.cells = multiprocessing.get_context("spawn").RawValue(_Cells)

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
        self._cells, self._button = shared.cells, shared.button
        self._acknowledged = shared.button.presses
        self._moving = moving
        self.watched = False
        self._lost = (
            f"The operator's page was lost: nothing was heard from it for {dead_man_s:g} s, so the motion was halted."
        )

    def reason(self) -> str | None:
        """Why a motion must halt now; None if it may go on."""
        if self._button.presses != self._acknowledged:
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
        stop = self._button.presses
        if self._cells.halted_stop != stop:
            self._cells.halted_at = when
            self._cells.halted_stop = stop
        return stop, float(self._cells.halted_at - self._button.pressed_at)
