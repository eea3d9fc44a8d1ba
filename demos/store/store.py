"""Demonstrations on the disk: takes are begun, committed and discarded; episodes are listed, read, edited, deleted.

    with DemonstrationStore.open(folder) as store:
        print(store.report.findings)             # what a crash had left, already repaired
        take = store.begin(TakeInfo("put the block in the cup"))
        take.add(frame)                          # at 20 Hz, from the thread that controls the arm
        record = take.commit(Outcome.SUCCESS)
        episode = store.read(record.id)

The files are LeRobot's (see ``demos.store.schema``). Each change of the set is made whole or not at all, at whatever
instant the process is killed. One process writes a set; any number may look at it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from demos.errors import DemonstrationError, SetMismatchError, UnknownEpisodeError, explained
from demos.frames import Outcome, TakeInfo
from demos.store.catalog import SMALL_FILES, Catalog, Entry, stage_set
from demos.store.durable import require_room
from demos.store.edits import Edits
from demos.store.episode import RecordedEpisode
from demos.store.episode_file import Place, batches_of_rows, write_episode
from demos.store.episode_record import EpisodeRecord
from demos.store.folder import SetFolder, WriteLock
from demos.store.journal import Journal
from demos.store.schema import PRIVATE, data_path
from demos.store.startup_check import CheckReport, StartupCheck
from demos.store.take import Take, new_id
from demos.store.take_labels import labels_of
from demos.store.trash import (
    JOURNAL,
    WHY,
    TrashEntry,
    empty,
    find_in_trash,
    list_trash,
    reason,
    stage_restored,
    trash_path,
)

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


class DemonstrationStore(Edits):
    """A demonstration set that is open. Any thread may call any method.

    ``report`` is what the start-up check found. Every method that changes something raises ReadOnlyError where the
    set is open for viewing only, and DiskFullError before anything is lost.
    """

    def __init__(self, folder: SetFolder, lock: WriteLock | None, catalog: Catalog, report: CheckReport):
        super().__init__(folder, catalog, threading.RLock(), writable=lock is not None)
        self._write_lock = lock
        self._take: Take | None = None
        self.report = report

    @classmethod
    def open(
        cls, folder: str | os.PathLike[str], *, read_only: bool = False, deep_check: bool = False
    ) -> DemonstrationStore:
        """Open a set, or make one in an empty folder; what a crash has left is repaired.

        ``deep_check`` compares all checksums. Raises InUseError if another process writes the set, ReadOnlyError if
        the folder cannot be written, and DemonstrationError if it holds anything else.
        """
        place = SetFolder(Path(folder).absolute())
        place.check_kind()
        lock = None
        if not read_only:
            place.prepare()
            lock = WriteLock(place)
        try:
            with explained(place.root, "checking the demonstrations"):
                catalog, report = StartupCheck(place, repair=lock is not None, deep=deep_check).run()
        except BaseException:
            if lock is not None:
                lock.release()
            raise
        return cls(place, lock, catalog, report)

    def close(self) -> None:
        """Let others write the set. A take that is still open stays to be resumed."""
        with self._lock:
            if self._take is not None:
                self._take.leave()
                self._take = None
            self._writable = False
            if self._write_lock is not None:
                self._write_lock.release()

    def __enter__(self) -> DemonstrationStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Takes

    def begin(self, info: TakeInfo) -> Take:
        """Begin a take. Raises DiskFullError without room for it, SetMismatchError for another rate or robot."""
        with self._lock:
            self._require_no_take()
            shape = self._catalog.shape
            if shape is not None and (shape.fps, shape.robot) != (info.fps, info.robot):
                raise SetMismatchError(
                    f"The take is of {info.robot} at {info.fps} frames a second, "
                    f"the set of {shape.robot} at {shape.fps}."
                )
            require_room(self.folder.root, ROOM_TO_BEGIN, "recording a take")
            identity = new_id()
            path = self.folder.journal(identity)
            self._take = Take(identity, info, path, shape, self._commit, self._discard)
            return self._take

    def unfinished(self) -> tuple[UnfinishedTake, ...]:
        """Takes to be resumed, the oldest first; not the one in progress."""
        with self._lock:
            found = []
            for path in sorted(self.folder.takes.glob("*.journal")):
                if self._take is None or path != self._take.path:
                    journal = Journal(path)
                    times = journal.wall_times
                    seconds = times[-1] - times[0] if times else 0.0
                    found.append(UnfinishedTake(journal.id, journal.info, len(journal), seconds, journal.end))
            return tuple(found)

    def resume(self, take: str) -> Take:
        """Take an unfinished take up again: to commit it, discard it, or add to it. Raises UnknownEpisodeError."""
        with self._lock:
            self._require_no_take()
            if take not in [one.id for one in self.unfinished()]:
                raise UnknownEpisodeError(f'There is no unfinished take "{take}".')
            path = self.folder.journal(take)
            journal = Journal(path)
            self._take = Take(take, journal.info, path, journal.shape, self._commit, self._discard, recovered=journal)
            return self._take

    def _require_no_take(self) -> None:
        self._require_writable()
        if self._take is not None:
            raise DemonstrationError("A take is in progress.", "Commit or discard it first.")

    def _commit(self, take: Take, outcome: Outcome, notes: str) -> EpisodeRecord:
        with self._lock:
            self._require_writable()
            journal = Journal(take.path)
            if not len(journal):
                raise DemonstrationError("The take has no frame.", "Discard it, and record another one.")
            require_room(self.folder.root, journal.end + SMALL_FILES, "committing the take")
            catalog, task_index = self._catalog.with_task(take.info.task)
            labels = labels_of(journal, outcome, notes, take.dropped, take.recovered)
            shape = catalog.shape or journal.shape
            if shape != journal.shape:
                raise SetMismatchError(f"The take has {journal.shape.describe()}; the set has {shape.describe()}.")
            with self._change("committing the take") as change:
                new = change.aside("data")
                place = Place(*catalog.next_place, task_index)
                record = write_episode(new, batches_of_rows(journal.rows(), shape), shape, labels, place)
                entries = [*map(Entry, catalog.records), Entry(record, new)]
                change.drop(f"{PRIVATE}/takes/{take.path.name}")
                after = Catalog(shape, catalog.tasks, catalog.records)
                self._staged = stage_set(change, self.folder.root, self._catalog, after, entries)
            self._take = None
            return self._catalog.get(take.id)

    def _discard(self, take: Take) -> None:
        with self._lock, self._change("discarding the take") as change:
            self._require_writable()
            if take.path.exists():
                change.adopt(take.path, trash_path(take.id, JOURNAL))
                change.write_json(trash_path(take.id, WHY), reason("The take was discarded.", take.info.task, -1))
                change.drop(f"{PRIVATE}/takes/{take.path.name}")
            self._take = None

    # Episodes

    def episodes(self) -> tuple[EpisodeRecord, ...]:
        """All episodes, by their index."""
        with self._lock:
            return self._catalog.records

    def get(self, episode: str) -> EpisodeRecord:
        """The entry of an episode by its id. Raises UnknownEpisodeError."""
        with self._lock:
            return self._catalog.get(episode)

    def read(self, episode: str) -> RecordedEpisode:
        """Open an episode. It stays readable, as it is now, whatever becomes of it in the set."""
        with self._lock:
            record = self._catalog.get(episode)
            assert self._catalog.shape is not None
            return RecordedEpisode(self.folder.root / data_path(record.slot), record, self._catalog.shape)

    # Trash

    def trash(self) -> tuple[TrashEntry, ...]:
        """What was deleted, the latest first."""
        with self._lock:
            return list_trash(self.folder)

    def restore(self, identity: str) -> None:
        """Bring an episode, or a discarded take, back; an episode to where it was, or else to the end.

        Raises UnknownEpisodeError, and DamagedFileError for an episode that is not whole.
        """
        with self._lock, self._change("restoring from the trash") as change:
            self._require_writable()
            entry = find_in_trash(self.folder, identity)
            if entry.is_take:
                source = self.folder.trash / identity / JOURNAL
                change.adopt(source, f"{PRIVATE}/takes/{identity}.journal")
                change.drop(trash_path(identity, JOURNAL))
                change.drop(trash_path(identity, WHY))
                return
            record, data = stage_restored(change, self.folder, entry)
            self._insert(change, [(record, data)])

    def empty_trash(self, identities: Sequence[str] | None = None) -> int:
        """Remove these entries of the trash for good, or all; returns the bytes that were freed."""
        with self._lock, explained(self.folder.root, "emptying the trash"):
            self._require_writable()
            every = [entry.id for entry in list_trash(self.folder)]
            return empty(self.folder, every if identities is None else list(identities))
