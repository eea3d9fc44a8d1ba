"""What the page is told of a set, and of one episode: plain numbers, strings and lists."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clap.geometry.frames import Workspace
from demos.errors import DemonstrationError
from demos.quality import judge
from demos.store.episode import RecordedEpisode
from demos.store.episode_record import EpisodeRecord
from ui.panels.review.library import Shelf, version_of

Json = dict[str, Any]

JUDGING_S = 0.4
"""Time for judging episodes in one listing; the page asks again for what is left."""

UNREADABLE = "cannot be read"


class Listings:
    """Lists sets; remembers what it has judged."""

    def __init__(self) -> None:
        self._judged: dict[str, tuple[list[str], float]] = {}

    def of(self, shelf: Shelf) -> Json:
        """The episodes, the latest first, what is in the trash, and what the set's check has found."""
        store = shelf.store()
        records = store.episodes()
        self._judge(shelf, records)
        trash = [
            {"id": e.id, "task": e.task, "why": e.why, "when": e.when, "bytes": e.bytes, "is_take": e.is_take}
            for e in store.trash()
        ]
        return {
            "episodes": [self._entry(record) for record in sorted(records, key=lambda r: -r.labels.recorded)],
            "trash": trash,
            "problems": [finding.sentence for finding in store.report.findings],
            "unfinished": store.report.unfinished,
        }

    def _entry(self, record: EpisodeRecord) -> Json:
        findings, seconds = self._judged.get(version_of(record), (None, 0.0))
        return {**entry(record), "findings": findings} | ({"seconds": seconds} if seconds > 0 else {})

    def _judge(self, shelf: Shelf, records: Sequence[EpisodeRecord]) -> None:
        until = time.monotonic() + JUDGING_S
        for record in records:
            version = version_of(record)
            if version not in self._judged:
                try:
                    episode = shelf.store().read(record.id)
                    names = [finding.name for finding in judge(episode, Workspace())]
                    self._judged[version] = names, finite(round(float(episode.time[-1] - episode.time[0]), 2))
                except DemonstrationError:
                    self._judged[version] = [UNREADABLE], 0.0
                if time.monotonic() > until:
                    return


def entry(record: EpisodeRecord) -> Json:
    """An episode's line in the gallery."""
    labels, info = record.labels, record.labels.info
    return {
        "id": record.id,
        "version": version_of(record),
        "task": info.task,
        "outcome": labels.outcome.value,
        "source": labels.source,
        "frames": record.length,
        "seconds": record.seconds,
        "keyframes": list(labels.keyframes),
        "operator": info.operator,
        "policy": info.policy,
        "world": info.world,
        "seed": info.seed,
        "task_key": info.task_key,
        "notes": info.notes,
        "recorded": finite(labels.recorded),
        "rate": finite(labels.rate),
        "dropped": labels.dropped,
        "recovered": labels.recovered,
        "bytes": record.size,
    }


def detail(episode: RecordedEpisode) -> Json:
    """All of an episode but its pictures: its curves, poses, texts and findings.

    ``time`` (N) seconds from its first frame, ``speed`` (N) of the tool in m/s, ``gripper`` (N) the opening from 0 to
    1, ``poses`` (N, 7) world metres and xyzw; ``sources`` and ``steps`` as [first frame, value] for each run of equal
    ones.
    """
    seconds = np.asarray(episode.time, float) - float(episode.time[0])
    return {
        **entry(episode.record),
        "fps": episode.fps,
        "cameras": [camera.name for camera in episode.shape.cameras],
        "time": rounded(seconds, 3),
        "speed": rounded(speed(episode.state[:, :3], seconds), 4),
        "gripper": rounded(episode.state[:, 7], 3),
        "poses": rounded(episode.state[:, :7], 4),
        "sources": runs(episode.sources),
        "steps": runs(episode.steps),
        "findings": [
            {"name": finding.name, "sentence": finding.sentence, "frames": list(finding.frames)}
            for finding in judge(episode, Workspace())
        ],
        "parent": episode.record.labels.parent,
    }


def speed(positions: NDArray[np.floating], seconds: NDArray[np.floating]) -> NDArray[np.floating]:
    """(N,) m/s: how far the tool came since the frame before, (N, 3) metres over (N,) seconds; 0 in the first."""
    moved = np.linalg.norm(np.diff(positions.astype(float), axis=0), axis=1)
    passed = np.diff(seconds)
    return np.concatenate([[0.0], np.divide(moved, passed, out=np.zeros_like(moved), where=passed > 1e-6)])


def runs(values: Sequence[str]) -> list[list[Any]]:
    """[first frame, value] of each run of equal values."""
    return [[k, value] for k, value in enumerate(values) if k == 0 or value != values[k - 1]]


def rounded(values: Any, digits: int) -> list[Any]:
    """Plain finite numbers, as JSON has them."""
    return np.round(np.nan_to_num(np.asarray(values, float)), digits).tolist()


def finite(value: float) -> float:
    """0 for what is no number."""
    return float(np.nan_to_num(float(value)))
