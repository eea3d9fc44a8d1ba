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
from collections.abc import Iterable, Sequence
from pathlib import Path

from demos.errors import explained
from demos.frames import Outcome, TakeInfo
from demos.store.catalog import Catalog
from demos.store.edits import Edits
from demos.store.episode import RecordedEpisode
from demos.store.episode_record import EpisodeRecord
from demos.store.folder import SetFolder, WriteLock
from demos.store.open_set import OpenSet
from demos.store.schema import PRIVATE, data_path
from demos.store.startup_check import CheckReport, StartupCheck
from demos.store.take import Take
from demos.store.takes import Takes, UnfinishedTake
from demos.store.trash import JOURNAL, WHY, TrashEntry, empty, find_in_trash, list_trash, stage_restored, trash_path


class DemonstrationStore:
    """A demonstration set that is open. Any thread may call any method.

    ``report`` is what the start-up check found. Every method that changes something raises ReadOnlyError where the
    set is open for viewing only, and DiskFullError before anything is lost.
    """

    def __init__(self, folder: SetFolder, lock: WriteLock | None, catalog: Catalog, report: CheckReport):
        self.folder, self.report = folder, report
        self._write_lock = lock
        self._set = OpenSet(folder, catalog, writable=lock is not None)
        self._takes, self._edits = Takes(self._set), Edits(self._set)

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
        with self._set.lock:
            self._takes.leave()
            self._set.writable = False
            if self._write_lock is not None:
                self._write_lock.release()

    def __enter__(self) -> DemonstrationStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Takes

    def begin(self, info: TakeInfo) -> Take:
        """Begin a take. Raises DiskFullError without room for it, SetMismatchError for another rate or robot."""
        return self._takes.begin(info)

    def unfinished(self) -> tuple[UnfinishedTake, ...]:
        """Takes to be resumed, the oldest first; not the one in progress."""
        return self._takes.unfinished()

    def resume(self, take: str) -> Take:
        """Take an unfinished take up again: to commit it, discard it, or add to it. Raises UnknownEpisodeError."""
        return self._takes.resume(take)

    # Episodes

    def episodes(self) -> tuple[EpisodeRecord, ...]:
        """All episodes, by their index."""
        with self._set.lock:
            return self._set.catalog.records

    def get(self, episode: str) -> EpisodeRecord:
        """The entry of an episode by its id. Raises UnknownEpisodeError."""
        with self._set.lock:
            return self._set.catalog.get(episode)

    def read(self, episode: str) -> RecordedEpisode:
        """Open an episode. It stays readable, as it is now, whatever becomes of it in the set."""
        with self._set.lock:
            record = self._set.catalog.get(episode)
            assert self._set.catalog.shape is not None
            return RecordedEpisode(self.folder.root / data_path(record.slot), record, self._set.catalog.shape)

    # Edits: how each is made stands in demos/store/edits.py

    def delete(self, episodes: Sequence[str]) -> None:
        """Move episodes to the trash. Raises UnknownEpisodeError if there is no such one; then none is moved."""
        self._edits.delete(episodes)

    def trim(self, episode: str, start: int, stop: int) -> EpisodeRecord:
        """Keep the frames from ``start`` to before ``stop``. Raises ValueError for an empty or impossible range."""
        return self._edits.trim(episode, start, stop)

    def split(self, episode: str, frame: int) -> tuple[EpisodeRecord, EpisodeRecord]:
        """Make two episodes of one, the second from ``frame`` on; that one goes to the end of the set."""
        return self._edits.split(episode, frame)

    def relabel(
        self, episode: str, *, task: str | None = None, outcome: Outcome | None = None, notes: str | None = None
    ) -> EpisodeRecord:
        """Change the instruction, the outcome or the notes; None leaves as it is."""
        return self._edits.relabel(episode, task, outcome, notes)

    def set_keyframes(self, episode: str, frames: Iterable[int]) -> EpisodeRecord:
        """These frames are the keyframes, and no others. Raises ValueError for one that is not in the episode."""
        return self._edits.set_keyframes(episode, frames)

    def set_step(self, episode: str, start: int, stop: int, text: str) -> EpisodeRecord:
        """The step text of the frames from ``start`` to before ``stop``. Raises ValueError for an impossible range."""
        return self._edits.set_step(episode, start, stop, text)

    def set_steps(self, episode: str, texts: Sequence[str]) -> EpisodeRecord:
        """The step text of every frame. Raises ValueError unless there is one for each."""
        return self._edits.set_steps(episode, texts)

    def merge(self, other: DemonstrationStore, episodes: Sequence[str] | None = None) -> tuple[EpisodeRecord, ...]:
        """Copy episodes of another open set, all or these, to the end of this one; those that are here are left out.

        Raises SetMismatchError unless cameras, joints and rate are the same, and UnknownEpisodeError.
        """
        return self._edits.merge(other._set, episodes)

    def renumber(self) -> None:
        """Number the episodes, and their files, from 0 without gaps in the order in which they were recorded."""
        self._edits.renumber()

    # Trash

    def trash(self) -> tuple[TrashEntry, ...]:
        """What was deleted, the latest first."""
        with self._set.lock:
            return list_trash(self.folder)

    def restore(self, identity: str) -> None:
        """Bring an episode, or a discarded take, back; an episode to where it was, or else to the end.

        Raises UnknownEpisodeError, and DamagedFileError for an episode that is not whole.
        """
        with self._set.lock, self._set.change("restoring from the trash") as change:
            self._set.require_writable()
            entry = find_in_trash(self.folder, identity)
            if entry.is_take:
                source = self.folder.trash / identity / JOURNAL
                change.adopt(source, f"{PRIVATE}/takes/{identity}.journal")
                change.drop(trash_path(identity, JOURNAL))
                change.drop(trash_path(identity, WHY))
                return
            record, data = stage_restored(change, self.folder, entry)
            self._set.insert(change, [(record, data)])

    def empty_trash(self, identities: Sequence[str] | None = None) -> int:
        """Remove these entries of the trash for good, or all; returns the bytes that were freed."""
        with self._set.lock, explained(self.folder.root, "emptying the trash"):
            self._set.require_writable()
            every = [entry.id for entry in list_trash(self.folder)]
            return empty(self.folder, every if identities is None else list(identities))
