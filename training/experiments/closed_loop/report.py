"""What came of it, as Markdown: the comparison of a retraining, and how its takes were recorded."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from demos.store.store import DemonstrationStore
from training.retraining.comparison import report
from training.retraining.evaluation import NEW, OLD

ENOUGH, TOO_MUCH = 0.40, 0.05
"""The loop closes if what was shown rises by so much, and all else loses no more than that."""


def loop_report(comparison: Path, recordings: Path, command: str) -> str:
    """The report on ``comparison.json`` and the set of takes that it is about."""
    found = json.loads(comparison.read_text("utf-8"))
    return report(found, command, [_verdict(found["sums"]), "", _takes(recordings), ""])


def _verdict(sums: Mapping[str, Any]) -> str:
    rise, loss = sums[NEW]["difference"][0], 0.0 - sums[OLD]["difference"][0]
    closes = rise >= ENOUGH and loss <= TOO_MUCH
    return (
        f"The loop {'closes' if closes else 'does not close'}: what was shown rises by {100 * rise:.0f} points (asked "
        f"for are {100 * ENOUGH:.0f}), all other tasks together lose {100 * loss:.1f} ({100 * TOO_MUCH:.0f} at most)."
    )


def _takes(recordings: Path) -> str:
    with DemonstrationStore.open(recordings, read_only=True) as store:
        labels = [record.labels for record in store.episodes()]
        frames = sum(record.length for record in store.episodes())
    dropped = sum(one.dropped for one in labels)
    return (
        f"{len(labels)} takes were recorded on the page: the steps written where the policy refused or had others, "
        f"each pose put right by the nudge buttons. {frames} frames, {dropped} dropped, with the simulation, the "
        "policy, and the page in headless Chromium on one machine."
    )
