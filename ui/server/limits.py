"""How much a page may ask of the server."""

from __future__ import annotations

import time
from collections.abc import Callable


class Allowance:
    """So many a second, with so many at once: a bucket that fills steadily and that every use takes one from."""

    def __init__(self, per_second: float, at_once: float, clock: Callable[[], float] = time.monotonic):
        self._rate, self._most, self._clock = per_second, at_once, clock
        self._left, self._at = at_once, clock()

    def take(self) -> bool:
        """True if one more is allowed now."""
        now = self._clock()
        self._left = min(self._most, self._left + (now - self._at) * self._rate)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
