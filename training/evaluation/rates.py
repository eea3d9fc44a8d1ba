"""Success rates with their confidence intervals."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

CONFIDENCE_Z = 1.959964
"""Normal quantile of a two-sided 95 % interval."""


def wilson(successes: int, episodes: int) -> tuple[float, float]:
    """Wilson's 95 % score interval of a success rate: usable at 0 %, at 100 %, and for few episodes."""
    if not 0 <= successes <= episodes or episodes == 0:
        raise ValueError(f"wilson needs 0 <= successes <= episodes, episodes > 0, got {successes} of {episodes}")
    z2 = CONFIDENCE_Z**2
    rate = successes / episodes
    center = (rate + z2 / (2 * episodes)) / (1 + z2 / episodes)
    spread = math.sqrt(rate * (1 - rate) / episodes + z2 / (4 * episodes**2)) * CONFIDENCE_Z / (1 + z2 / episodes)
    return max(0.0, center - spread), min(1.0, center + spread)


def rate(records: list[dict[str, Any]]) -> dict[str, Any]:
    """Successes, episodes, and Wilson's interval of the rate."""
    return _counted(sum(record["success"] for record in records), len(records))


def pooled(cells: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The rate of several cells of a summary together."""
    successes, episodes = zip(*((cell["successes"], cell["episodes"]) for cell in cells), strict=True)
    return _counted(sum(successes), sum(episodes))


def _counted(successes: int, episodes: int) -> dict[str, Any]:
    low, high = wilson(successes, episodes)
    return {"successes": successes, "episodes": episodes, "interval": [round(low, 4), round(high, 4)]}
