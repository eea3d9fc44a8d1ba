"""The takes of an open set: one at a time is in progress, and those that were cut off can be taken up again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from demos.errors import DemonstrationError, SetMismatchError, UnknownEpisodeError
from demos.frames import Outcome, TakeInfo
from demos.keyframes import find_keyframes
from demos.store.catalog import SMALL_FILES, Catalog, Entry
from demos.store.durable import require_room
from demos.store.episode_file import Place, batches_of_rows, write_episode
from demos.store.episode_record import EpisodeRecord, Labels
from demos.store.journal import Journal
from demos.store.open_set import OpenSet
from demos.store.rows import Row
from demos.store.schema import KEYFRAME, PRIVATE, STATE, VELOCITIES
from demos.store.take import Take, new_id
from demos.store.trash import JOURNAL, WHY, reason, trash_path

ROOM_TO_BEGIN = 64 << 20
"""Bytes that must be free for a take to begin: some ten seconds of four cameras, and as much again to commit them."""


@dataclass(frozen=True)
class UnfinishedTake:
    """A take that ended without being committed or discarded, as after a crash."""

    id: str
    info: TakeInfo
    frames: int
    seconds: float
    bytes: int


class Takes:
    """Begins, resumes, commits and discards takes, and knows the one in progress."""

    def __init__(self, opened: OpenSet):
        self._set = opened
        self._take: Take | None = None

    def begin(self, info: TakeInfo) -> Take:
        """Begin a take. Raises DiskFullError without room for it, SetMismatchError for another rate or robot."""
        with self._set.lock:
            self._require_no_take()
            shape = self._set.catalog.shape
            if shape is not None and (shape.fps, shape.robot) != (info.fps, info.robot):
                raise SetMismatchError(
                    f"The take is of {info.robot} at {info.fps} frames a second, "
                    f"the set of {shape.robot} at {shape.fps}."
                )
            require_room(self._set.root, ROOM_TO_BEGIN, "recording a take")
            identity = new_id()
            path = self._set.folder.journal(identity)
            self._take = Take(identity, info, path, shape, self._commit, self._discard)
            return self._take

    def unfinished(self) -> tuple[UnfinishedTake, ...]:
        """Takes to be resumed, the oldest first; not the one in progress."""
        with self._set.lock:
            found = []
            for path in sorted(self._set.folder.takes.glob("*.journal")):
                if self._take is None or path != self._take.path:
                    journal = Journal(path)
                    times = journal.wall_times
                    seconds = times[-1] - times[0] if times else 0.0
                    found.append(UnfinishedTake(journal.id, journal.info, len(journal), seconds, journal.end))
            return tuple(found)

    def resume(self, take: str) -> Take:
        """Take an unfinished take up again: to commit it, discard it, or add to it. Raises UnknownEpisodeError."""
        with self._set.lock:
            self._require_no_take()
            if take not in [one.id for one in self.unfinished()]:
                raise UnknownEpisodeError(f'There is no unfinished take "{take}".')
            path = self._set.folder.journal(take)
            journal = Journal(path)
            self._take = Take(take, journal.info, path, journal.shape, self._commit, self._discard, recovered=journal)
            return self._take

    def leave(self) -> None:
        """The take in progress, if there is one, stays to be resumed."""
        with self._set.lock:
            if self._take is not None:
                self._take.leave()
                self._take = None

    def _require_no_take(self) -> None:
        self._set.require_writable()
        if self._take is not None:
            raise DemonstrationError("A take is in progress.", "Commit or discard it first.")

    def _commit(self, take: Take, outcome: Outcome, notes: str) -> EpisodeRecord:
        with self._set.lock:
            self._set.require_writable()
            journal = Journal(take.path)
            if not len(journal):
                raise DemonstrationError("The take has no frame.", "Discard it, and record another one.")
            require_room(self._set.root, journal.end + SMALL_FILES, "committing the take")
            catalog, task_index = self._set.catalog.with_task(take.info.task)
            labels = labels_of(journal, outcome, notes, take.dropped, take.recovered)
            shape = catalog.shape or journal.shape
            if shape != journal.shape:
                raise SetMismatchError(f"The take has {journal.shape.describe()}; the set has {shape.describe()}.")
            with self._set.change("committing the take") as change:
                new = change.aside("data")
                place = Place(*catalog.next_place, task_index)
                record = write_episode(new, batches_of_rows(journal.rows(), shape), shape, labels, place)
                entries = [*map(Entry, catalog.records), Entry(record, new)]
                change.drop(f"{PRIVATE}/takes/{take.path.name}")
                self._set.stage(change, entries, Catalog(shape, catalog.tasks, catalog.records))
            self._take = None
            return self._set.catalog.get(take.id)

    def _discard(self, take: Take) -> None:
        with self._set.lock, self._set.change("discarding the take") as change:
            self._set.require_writable()
            if take.path.exists():
                change.adopt(take.path, trash_path(take.id, JOURNAL))
                change.write_json(trash_path(take.id, WHY), reason("The take was discarded.", take.info.task, -1))
                change.drop(f"{PRIVATE}/takes/{take.path.name}")
            self._take = None


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
