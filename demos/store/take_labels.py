"""The labels of an episode, from the journal of its take."""

from __future__ import annotations

import numpy as np

from demos.frames import Outcome, TakeInfo
from demos.keyframes import find_keyframes
from demos.store.episode_record import Labels
from demos.store.journal import Journal
from demos.store.rows import Row
from demos.store.schema import KEYFRAME, STATE, VELOCITIES


def labels_of(journal: Journal, outcome: Outcome, notes: str, dropped: int, recovered: bool) -> Labels:
    """What is known of a take at its end, keyframes by the rule and by hand among it."""
    rows: list[Row] = list(journal.rows(images=False))
    gripper, velocities = np.array([row[STATE][7] for row in rows]), np.array([row[VELOCITIES] for row in rows])
    by_hand = {number for number, row in enumerate(rows) if row[KEYFRAME]}
    sources = {row["source"] for row in rows}
    times = journal.wall_times
    seconds = times[-1] - times[0]
    info = journal.info
    return Labels(
        id=journal.id,
        info=TakeInfo(**{**vars(info), "notes": "\n".join(filter(None, (info.notes, notes)))}),
        outcome=outcome,
        source=sources.pop() if len(sources) == 1 else "mixed",
        recorded=times[0],
        rate=(len(times) - 1) / seconds if seconds > 0 else 0.0,
        dropped=dropped,
        keyframes=tuple(sorted(by_hand.union(find_keyframes(gripper, velocities)))),
        recovered=recovered,
    )
