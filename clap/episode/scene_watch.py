"""Looking at the scene while the arm moves: part by part, so that neither a stop nor a jog has to wait for a look."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

SCENE_PERIOD = 0.18
"""Seconds of wall time from one look at the scene to the next during a motion; longer where looking takes long."""

LOOKING_SHARE = 0.6
"""Share of the time that may go into looking while the arm moves."""

PART_SECONDS = 0.004
"""Seconds of a control tick after which no further part of a look is begun."""

_OVER = object()


class SceneWatch:
    """Called every control tick of a motion; ``look`` gives a fresh look as an iterator over its parts."""

    def __init__(self, look: Callable[[], Iterator[None]], interrupted: Callable[[], bool]):
        self._look, self._interrupted = look, interrupted
        self._parts: Iterator[None] | None = None
        self._begun = self._seconds = 0.0

    def tick(self) -> None:
        """Go on with the present look, or begin one if it is time."""
        now = time.monotonic()
        if self._parts is None:
            if now - self._begun < max(SCENE_PERIOD, self._seconds / LOOKING_SHARE):
                return
            self._parts, self._begun, self._seconds = self._look(), now, 0.0
        while self._parts is not None and not self._interrupted():
            if next(self._parts, _OVER) is _OVER:
                self._parts = None
            if time.monotonic() - now > PART_SECONDS:
                break
        self._seconds += time.monotonic() - now

    def forget(self) -> None:
        """Drop a look that is not finished: the motion is over."""
        self._parts = None
