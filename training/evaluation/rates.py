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


def share(cell: Mapping[str, Any]) -> float:
    """The success rate of a cell."""
    return float(cell["successes"]) / float(cell["episodes"])


def difference(a: Mapping[str, Any], b: Mapping[str, Any]) -> tuple[float, float, float]:
    """The rate of ``a`` minus that of ``b`` with Newcombe's 95 % interval (his method 10, from Wilson's): shares."""
    (low_a, high_a), (low_b, high_b) = a["interval"], b["interval"]
    rate_a, rate_b = share(a), share(b)
    apart = rate_a - rate_b
    return (
        apart,
        apart - math.hypot(rate_a - low_a, high_b - rate_b),
        apart + math.hypot(high_a - rate_a, rate_b - low_b),
    )


def percent(value: float | None, digits: int = 0) -> str:
    """A share as "93 %"; a dash for None."""
    return "–" if value is None else f"{100 * value:.{digits}f} %"
