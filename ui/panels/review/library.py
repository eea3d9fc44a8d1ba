"""The sets that can be looked at, each opened for viewing only, and opened again once it has changed."""

from __future__ import annotations

import hashlib
import json
import time
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path

from demos.errors import UnknownEpisodeError
from demos.store.episode import RecordedEpisode
from demos.store.episode_record import EpisodeRecord
from demos.store.folder import SetFolder
from demos.store.schema import INFO
from demos.store.store import DemonstrationStore

OPEN_EPISODES = 4
"""Episodes that stay open: each holds its numbers, and the images of one row group."""

RACY_NS = 100_000_000
"""Nanoseconds for which a file's time says nothing: it moves on by ticks, of 10 ms and less on local disks."""

Stamp = tuple[tuple[int, int, int], ...]


class Shelf:
    """One set, as it is on the disk now."""

    def __init__(self, folder: Path):
        self.folder = SetFolder(folder.absolute())
        self._store: DemonstrationStore | None = None
        self._stamp: Stamp = ()
        self._open: OrderedDict[str, RecordedEpisode] = OrderedDict()

    def store(self) -> DemonstrationStore:
        """The set, read anew if another process has changed it. Raises DemonstrationError."""
        begun = time.time_ns()
        stamp = self._now()
        if self._store is None or stamp != self._stamp:
            self._store = DemonstrationStore.open(self.folder.root, read_only=True)
            # A change that goes on within the clock's tick of the stamp would not make it another one (git calls such
            # an entry racily clean): what was stamped just now is read once more.
            settled = all(modified < begun - RACY_NS for modified, _, _ in stamp)
            self._stamp = stamp if settled else ()
        return self._store

    def episode(self, identity: str) -> RecordedEpisode:
        """An episode by its id. Raises UnknownEpisodeError."""
        record = self.store().get(identity)
        now = version_of(record)
        if now not in self._open:
            self._open[now] = self.store().read(identity)
            while len(self._open) > OPEN_EPISODES:
                self._open.popitem(last=False)
        self._open.move_to_end(now)
        return self._open[now]

    def _now(self) -> Stamp:
        """What is another after each change: the set's own file, and the folders through which every change goes."""
        found = []
        for path in (self.folder.root / INFO, self.folder.changes, self.folder.trash, self.folder.takes):
            try:
                known = path.stat()
                found.append((known.st_mtime_ns, known.st_ino, known.st_size))
            except OSError:
                found.append((0, 0, 0))
        return tuple(found)


class Library:
    """The sets by name."""

    def __init__(self, folders: Mapping[str, Path]):
        self._shelves = {name: Shelf(folder) for name, folder in folders.items()}

    def __contains__(self, name: str) -> bool:
        return name in self._shelves

    def shelf(self, name: str) -> Shelf:
        """Raises UnknownEpisodeError for another name."""
        if name not in self._shelves:
            raise UnknownEpisodeError("There is no such set of demonstrations.")
        return self._shelves[name]


def version_of(record: EpisodeRecord) -> str:
    """Short, and another one after each change of the episode's frames or labels."""
    labels = json.dumps(record.labels.to_json(), sort_keys=True)
    return hashlib.sha256(f"{record.sha256} {labels}".encode()).hexdigest()[:16]
