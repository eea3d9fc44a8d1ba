"""How the recording goes, as the pages are told it."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path
from typing import Literal

from demos.recording.recorder import RecorderStatus
from demos.store.episode_record import EpisodeRecord
from demos.store.store import DemonstrationStore
from demos.store.takes import UnfinishedTake as LeftTake
from ui.protocol.messages import KeptEpisode, RecordingOpen, Take, UnfinishedTake

BY_OPERATOR = "The operator ended it."
"""The recorder's reason where the page's button was pressed, which needs no words there."""

FREE_STEP = 10_000_000
"""Free space is told in these steps, bytes: it changes all the time."""


def recording_open(
    state: Literal["idle", "recording", "ended", "saving"],
    note: str,
    store: DemonstrationStore,
    unfinished: list[UnfinishedTake],
    take: Take | None,
) -> RecordingOpen:
    """How the recording goes, with the set that it goes into."""
    episodes = store.episodes()
    return RecordingOpen(
        state=state,
        note=note,
        folder=str(store.folder.root),
        free=_free(store.folder.root) // FREE_STEP * FREE_STEP,
        episodes=len(episodes),
        last=_episode(max(episodes, key=lambda record: record.labels.recorded)) if episodes else None,
        unfinished=unfinished,
        take=take,
    )


def take(status: RecorderStatus, elapsed: float | None) -> Take | None:
    """The take that is open; ``elapsed`` seconds since it began, None where that is not known.

    ``seconds`` is how long it will play: frames come only while the arm moves.
    """
    now, info = status.take, status.info
    if now is None or info is None:
        return None
    return Take(
        task=info.task,
        operator=info.operator,
        notes=info.notes,
        ended="" if status.ended == BY_OPERATOR else status.ended,
        elapsed=None if elapsed is None else round(elapsed, 1),
        seconds=round(now.frames / info.fps, 2),
        frames=now.frames,
        bytes=now.bytes,
        rate=round(status.rate, 1),
        wanted_rate=info.fps,
        dropped=now.dropped,
        keyframes=status.keyframes,
        marked=status.marked,
        source=status.source,
        success=status.success,
        tick_ms=round(status.tick_ms, 2),
        worst_tick_ms=round(status.worst_tick_ms, 1),
    )


def unfinished(left: LeftTake) -> UnfinishedTake:
    """A take that was neither kept nor discarded when its console ended."""
    return UnfinishedTake(
        id=left.id,
        task=left.info.task,
        operator=left.info.operator,
        frames=left.frames,
        seconds=round(left.frames / left.info.fps, 2),
        bytes=left.bytes,
    )


def _free(folder: Path) -> int:
    """Bytes that are free on the folder's disk, also while somebody has moved the folder away."""
    for place in (folder, *folder.parents):
        with suppress(OSError):
            return shutil.disk_usage(place).free
    return 0


def _episode(record: EpisodeRecord) -> KeptEpisode:
    return KeptEpisode(
        id=record.id,
        number=record.index + 1,
        task=record.task,
        frames=record.length,
        seconds=round(record.seconds, 2),
        bytes=record.size,
        outcome=record.labels.outcome.value,
        source=record.labels.source,
        keyframes=len(record.labels.keyframes),
        dropped=record.labels.dropped,
    )
