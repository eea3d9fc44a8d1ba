"""A set that is open: what is in it, who may change it, and the one way in which a change is made."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from demos.errors import DemonstrationError, ReadOnlyError, explained
from demos.store.catalog import Catalog, Entry, stage_set
from demos.store.durable import Change
from demos.store.episode_record import EpisodeRecord
from demos.store.folder import SetFolder


class OpenSet:
    """``catalog`` is what the set holds now. Whoever reads or changes it holds ``lock``."""

    def __init__(self, folder: SetFolder, catalog: Catalog, writable: bool):
        self.folder, self.catalog, self.writable = folder, catalog, writable
        self.lock = threading.RLock()
        self._staged: Catalog | None = None

    @property
    def root(self) -> Path:
        """The set's folder."""
        return self.folder.root

    def require_writable(self) -> None:
        """Raises ReadOnlyError if the set is open for viewing only."""
        if not self.writable:
            raise ReadOnlyError(
                f"The demonstrations in {self.root} are open for viewing only.", "Open them again for writing."
            )

    @contextmanager
    def change(self, doing: str) -> Iterator[Change]:
        """Stages in the block, then applies; the catalog is then the one that was staged, if one was."""
        self.require_writable()
        with explained(self.root, doing):
            change = Change(self.root, self.folder.changes)
            self._staged = None
            try:
                yield change
                change.apply()
            except BaseException:
                # Decided on but not completed: what is on the disk is no longer what this process knows.
                self.writable = self.writable and not change.decided
                raise
            finally:
                change.abandon()
            self.catalog = self._staged or self.catalog

    def stage(self, change: Change, entries: Sequence[Entry], catalog: Catalog | None = None) -> None:
        """The set is to have these episodes, with the shape and the tasks of ``catalog`` (as they are if None)."""
        self._staged = stage_set(change, self.root, self.catalog, catalog or self.catalog, list(entries))

    def insert(
        self, change: Change, files: Sequence[tuple[EpisodeRecord, Path]], shape_of: Catalog | None = None
    ) -> None:
        """Stage episodes from elsewhere: in their own slot if ``shape_of`` is None and it is free, else at the end."""
        catalog = self.catalog
        if catalog.shape is None and shape_of is not None:
            catalog = replace(catalog, shape=shape_of.shape)
        taken = {record.slot for record in catalog.records}
        entries = [Entry(record) for record in catalog.records]
        for record, path in files:
            if record.id in {entry.record.id for entry in entries}:
                raise DemonstrationError(f'The episode "{record.id}" is in the set already.')
            catalog, task_index = catalog.with_task(record.task)
            slot = record.slot
            if shape_of is not None or slot in taken:
                slot = max(taken, default=-1) + 1
            taken.add(slot)
            moved = replace(record, slot=slot, task_index=task_index)
            entries.append(Entry(moved, path, placed=task_index == record.task_index))
        self.stage(change, entries, catalog)
