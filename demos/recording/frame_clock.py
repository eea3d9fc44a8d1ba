"""When a frame is due, by the control ticks, and what recording costs them."""

from __future__ import annotations

import time
from dataclasses import dataclass

from clap.worlds.teleoperation import CONTROL_PERIOD

LATE = 2 * CONTROL_PERIOD
"""Seconds since the last control tick from which control lags: the machine has no time to spare."""


@dataclass
class FrameClock:
    """Counts control ticks and the frames that are due at ``fps`` of them.

    The world's clock decides, not the wall's: joint speeds, the keyframe rule and LeRobot's time stamps all count in
    it. At 20 frames a second and 50 ticks, a frame is due after two ticks and after three by turns. ``lags`` is True
    while the ticks themselves come late.
    """

    fps: int
    frames: int = 0
    seconds: float = 0.0
    worst_tick: float = 0.0
    tick_seconds: float = 0.0
    ticks: int = 0
    lags: bool = False
    _owed: float = 1.0
    _unseen: int = 0
    _span: float = 0.0
    _latest: float = 0.0
    _last: float | None = None

    def due(self, moving: bool) -> bool:
        """True if a frame is due at this tick; where a motion has ended, if its last tick has none."""
        now = time.monotonic()
        gap = now - self._last if self._last is not None else 0.0
        self._span += gap
        self.lags = gap > LATE
        self._last = now if moving else None
        if moving:
            self._unseen += 1
            if self.ticks:
                self._owed += CONTROL_PERIOD * self.fps
            self.ticks += 1
        due = self._unseen > 0 and (not moving or self._owed > 1 - 1e-9)
        if due:
            self._owed = self._owed - 1 if moving else 0.0
            self._unseen = 0
            self.seconds += self._span
            self._latest, self._span = self._span, 0.0
        return due

    def leave_out(self) -> None:
        """The frame that is due is not wanted, because nothing moves: its time is no time of motion."""
        self.seconds -= self._latest

    def took(self, seconds: float) -> None:
        """A tick was held up for so long."""
        self.tick_seconds += seconds
        self.worst_tick = max(self.worst_tick, seconds)

    @property
    def rate(self) -> float:
        """Frames per second of motion."""
        return self.frames / self.seconds if self.seconds > 0 else 0.0
