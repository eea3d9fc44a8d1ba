"""Presses of Stop, counted in memory that processes share, so that no queue, pipe or lock delays one."""

from __future__ import annotations

import ctypes
import multiprocessing
import time


class _Cells(ctypes.Structure):
    _fields_ = (("presses", ctypes.c_uint64), ("pressed_at", ctypes.c_double))


class StopButton:
    """Pressed by one process, whose threads take turns; read by any that it was handed to as it started."""

    def __init__(self) -> None:
        self._cells = multiprocessing.get_context("spawn").RawValue(_Cells)

    def press(self) -> int:
        """Count one more press, and return its number."""
        self._cells.pressed_at = time.monotonic()
        self._cells.presses += 1
        return int(self._cells.presses)

    @property
    def presses(self) -> int:
        """How often it was pressed so far."""
        return int(self._cells.presses)

    @property
    def pressed_at(self) -> float:
        """The ``time.monotonic()`` of the latest press, which on one machine counts alike in every process."""
        return float(self._cells.pressed_at)
