"""Are a camera's frames alive? Frozen, empty and lost ones are told from their numbers, their depth and the time."""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

from clap.worlds.robot.errors import CameraError, DepthEmptyError, FramesFrozenError

EMPTY_FRAMES = 5
"""So many frames without any depth are no accident of one exposure."""


class FrameWatch:
    """Watches one camera. Times are seconds of any steady clock."""

    def __init__(self, camera: str, frozen_after: float, now: float):
        self._camera, self._frozen_after = camera, frozen_after
        self._number: int | None = None
        self._print: int | None = None
        self._new_number = self._new_depth = now
        self._empty = 0
        self.received = 0
        self.dropped = 0
        self.alive = False
        """True if the last frame was a new one with some depth: worth showing."""
        self.stuck = False
        """True if frames come, but always the same one: opening the stream anew may help."""

    def reopened(self, now: float) -> None:
        """The stream starts anew, and its numbers with it; whether the depth is a new one is still compared."""
        self._number = None
        self._new_number = self._new_depth = now

    def look(self, number: int, depth: NDArray[np.generic], now: float) -> CameraError | None:
        """Take note of a frame: its number and its depth (H, W), unfiltered. Returns what is wrong with it, or None."""
        self.received += 1
        self.stuck = False
        if self._number is None or number != self._number:
            self._new_number = now
            # Numbers count what the sensor took: a gap is what USB or a busy machine lost.
            if self._number is not None and number > self._number:
                self.dropped += number - self._number - 1
            self._number = number
        # No real depth image is the same as the one before, to the last bit: its noise is new each time.
        print_ = zlib.crc32(np.ascontiguousarray(depth).data)
        changed, seen = print_ != self._print, bool(depth.any())
        self.alive = changed and seen
        if changed:
            self._print, self._new_depth = print_, now
        if not seen:
            self._empty += 1
            if self._empty >= EMPTY_FRAMES:
                return DepthEmptyError(f"Camera {self._camera}: no pixel of the last {self._empty} frames has a depth.")
            return None
        self._empty = 0
        self.stuck = now - min(self._new_number, self._new_depth) > self._frozen_after
        if now - self._new_number > self._frozen_after:
            since = now - self._new_number
            return FramesFrozenError(f"Camera {self._camera} has given frame number {number} for {since:.1f} s.")
        if now - self._new_depth > self._frozen_after:
            since = now - self._new_depth
            return FramesFrozenError(f"Camera {self._camera} has given the same depth image for {since:.1f} s.")
        return None

    def silence(self, now: float) -> CameraError | None:
        """Called while no frame comes. Returns the failure from ``frozen_after`` seconds on."""
        since = now - self._new_number
        if since > self._frozen_after:
            return FramesFrozenError(f"Camera {self._camera} has given no frame for {since:.1f} s.")
        return None
