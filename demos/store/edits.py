"""Edits of a set: delete, trim, split, relabel, merge, renumber. Each is made whole or not at all."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from demos.errors import DemonstrationError, ReadOnlyError, SetMismatchError, explained
from demos.frames import Outcome
from demos.store.catalog import SMALL_FILES, Catalog, Entry, stage_set
from demos.store.data_file import batches, open_data
from demos.store.durable import Change, require_room
from demos.store.episode_file import Place, write_episode
from demos.store.episode_record import EpisodeRecord, Labels
from demos.store.folder import SetFolder
from demos.store.schema import data_path
from demos.store.take import new_id
from demos.store.trash import stage_deletion


class Edits:
    """The edits of an open set; ``DemonstrationStore`` has them.

    Trimmed and split episodes are new ones, with ids of their own; what they were cut from goes to the trash.
    """

    def __init__(self, folder: SetFolder, catalog: Catalog, lock: threading.RLock, writable: bool):
        self.folder = folder
        self._catalog, self._lock, self._writable = catalog, lock, writable
        self._staged: Catalog | None = None

    def delete(self, episodes: Sequence[str]) -> None:
        """Move episodes to the trash. Raises UnknownEpisodeError if there is no such one; then none is moved."""
        with self._lock, self._change("deleting") as change:
            doomed = {self._catalog.get(episode).id for episode in episodes}
            self._without(change, doomed, "It was deleted.", [])

    def trim(self, episode: str, start: int, stop: int) -> EpisodeRecord:
        """Keep the frames from ``start`` to before ``stop``. Raises ValueError for an empty or impossible range."""
        (kept,) = self._cut(episode, [(start, stop)], f"It was trimmed to the frames {start} to {stop - 1}.")
        return kept

    def split(self, episode: str, frame: int) -> tuple[EpisodeRecord, EpisodeRecord]:
        """Make two episodes of one, the second from ``frame`` on; that one goes to the end of the set."""
        length = self._catalog.get(episode).length
        first, second = self._cut(episode, [(0, frame), (frame, length)], f"It was split before frame {frame}.")
        return first, second

    def relabel(
        self, episode: str, *, task: str | None = None, outcome: Outcome | None = None, notes: str | None = None
    ) -> EpisodeRecord:
        """Change the instruction, the outcome or the notes; None leaves as it is."""
        with self._lock, self._change("relabelling") as change:
            record = self._catalog.get(episode)
            old = record.labels
            info = replace(
                old.info,
                task=old.info.task if task is None else task,
                notes=old.info.notes if notes is None else notes,
            )
            labels = replace(old, info=info, outcome=outcome or old.outcome)
            catalog, task_index = self._catalog.with_task(labels.info.task)
            moved = task_index != record.task_index
            entry = Entry(replace(record, labels=labels, task_index=task_index), placed=not moved, meta_written=False)
            self._replace(change, catalog, {episode: entry})
        return self._catalog.get(episode)

    def set_keyframes(self, episode: str, frames: Iterable[int]) -> EpisodeRecord:
        """These frames are the keyframes, and no others. Raises ValueError for one that is not in the episode."""
        chosen = tuple(sorted({int(frame) for frame in frames}))
        self._rewrite(episode, {"keyframes": chosen}, chosen, lambda table, first: table)
        return self._catalog.get(episode)

    def set_step(self, episode: str, start: int, stop: int, text: str) -> EpisodeRecord:
        """The step text of the frames from ``start`` to before ``stop``. Raises ValueError for an impossible range."""

        def with_text(table: pa.Table, first: int) -> pa.Table:
            numbers = np.arange(first, first + len(table))
            old = table["step"].to_pylist()
            return _with_steps(table, [text if start <= n < stop else s for n, s in zip(numbers, old, strict=True)])

        self._rewrite(episode, {}, (start, stop - 1), with_text)
        return self._catalog.get(episode)

    def set_steps(self, episode: str, texts: Sequence[str]) -> EpisodeRecord:
        """The step text of every frame. Raises ValueError unless there is one for each."""
        if len(texts) != self._catalog.get(episode).length:
            raise ValueError(f"the episode has {self._catalog.get(episode).length} frames, not {len(texts)}")
        self._rewrite(episode, {}, (), lambda table, first: _with_steps(table, texts[first : first + len(table)]))
        return self._catalog.get(episode)

    def merge(self, other: Edits, episodes: Sequence[str] | None = None) -> tuple[EpisodeRecord, ...]:
        """Copy episodes of another open set, all or these, to the end of this one; those that are here are left out.

        Raises SetMismatchError unless cameras, joints and rate are the same, and UnknownEpisodeError.
        """
        with self._lock, other._lock, self._change("merging") as change:
            theirs = other._catalog
            if theirs.shape is None:
                return ()
            if self._catalog.shape not in (None, theirs.shape):
                raise SetMismatchError(
                    f"The other set has {theirs.shape.describe()}; this one {self._catalog.shape.describe()}."
                )
            here = {record.id for record in self._catalog.records}
            chosen = {theirs.get(episode).id for episode in episodes} if episodes is not None else None
            new = [one for one in theirs.records if one.id not in here and (chosen is None or one.id in chosen)]
            files = [(record, other.folder.root / data_path(record.slot)) for record in new]
            self._insert(change, files, shape_of=theirs)
        return tuple(self._catalog.get(record.id) for record in new)

    def renumber(self) -> None:
        """Number the episodes, and their files, from 0 without gaps in the order in which they were recorded."""
        with self._lock, self._change("renumbering") as change:
            root = self.folder.root
            ordered = sorted(self._catalog.records, key=lambda record: (record.labels.recorded, record.slot))
            entries = [
                Entry(replace(record, slot=slot), None if record.slot == slot else root / data_path(record.slot))
                for slot, record in enumerate(ordered)
            ]
            self._staged = stage_set(change, root, self._catalog, self._catalog, entries)

    # How they are made

    def _require_writable(self) -> None:
        if not self._writable:
            raise ReadOnlyError(
                f"The demonstrations in {self.folder.root} are open for viewing only.", "Open them again for writing."
            )

    @contextmanager
    def _change(self, doing: str) -> Iterator[Change]:
        """Stages in the block, then applies; the catalog is what the block put into ``_staged``, if anything."""
        self._require_writable()
        with explained(self.folder.root, doing):
            change = Change(self.folder.root, self.folder.changes)
            self._staged = None
            try:
                yield change
                change.apply()
            except BaseException:
                # Decided on but not completed: what is on the disk is no longer what this process knows.
                self._writable = self._writable and not change.decided
                raise
            finally:
                change.abandon()
            self._catalog = self._staged or self._catalog

    def _replace(self, change: Change, catalog: Catalog, new: dict[str, Entry]) -> None:
        entries = [new.get(record.id, Entry(record)) for record in self._catalog.records]
        self._staged = stage_set(change, self.folder.root, self._catalog, catalog, entries)

    def _without(self, change: Change, doomed: set[str], why: str, instead: list[Entry]) -> None:
        for record in self._catalog.records:
            if record.id in doomed:
                stage_deletion(change, self.folder.root, record, why)
        entries = [Entry(record) for record in self._catalog.records if record.id not in doomed] + instead
        self._staged = stage_set(change, self.folder.root, self._catalog, self._catalog, entries)

    def _cut(self, episode: str, ranges: list[tuple[int, int]], why: str) -> list[EpisodeRecord]:
        with self._lock, self._change("cutting an episode") as change:
            record, shape = self._catalog.get(episode), self._catalog.shape
            assert shape is not None
            for start, stop in ranges:
                _require_range(record, start, stop)
            require_room(self.folder.root, record.size + SMALL_FILES, "cutting an episode")
            source = open_data(self.folder.root / data_path(record.slot), shape)
            made: list[Entry] = []
            slot, index, total = self._catalog.next_place
            first = total - record.length
            for number, (start, stop) in enumerate(ranges):
                place = Place(slot, index, first, record.task_index)
                if number == 0:
                    place = Place(record.slot, record.index, record.start, record.task_index)
                path = change.aside(str(number))
                labels = _cut_labels(record.labels, start, stop, new_id())
                made.append(Entry(write_episode(path, batches(source, start, stop), shape, labels, place), path))
                first += stop - start
            self._without(change, {episode}, why, made)
        return [self._catalog.get(entry.record.id) for entry in made]

    def _rewrite(
        self, episode: str, labels: dict[str, Any], frames: Sequence[int], edit: Callable[[pa.Table, int], pa.Table]
    ) -> None:
        """Write an episode's data file again, with other labels and each table edited; ``frames`` must be in it."""
        with self._lock, self._change("editing an episode") as change:
            record, shape = self._catalog.get(episode), self._catalog.shape
            assert shape is not None
            if frames:
                _require_range(record, min(frames), max(frames) + 1)
            require_room(self.folder.root, record.size + SMALL_FILES, "editing an episode")
            source = open_data(self.folder.root / data_path(record.slot), shape)
            path = change.aside("data")
            place = Place(record.slot, record.index, record.start, record.task_index)

            def edited() -> Iterator[pa.Table]:
                first = 0
                for table in batches(source):
                    yield edit(table, first)
                    first += len(table)

            new = write_episode(path, edited(), shape, replace(record.labels, **labels), place)
            self._replace(change, self._catalog, {episode: Entry(new, path)})

    def _insert(
        self, change: Change, files: Sequence[tuple[EpisodeRecord, Path]], shape_of: Catalog | None = None
    ) -> None:
        """Stage episodes from elsewhere: in their own slot if ``shape_of`` is None and it is free, else at the end."""
        catalog = self._catalog
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
        self._staged = stage_set(change, self.folder.root, self._catalog, catalog, entries)


def _with_steps(table: pa.Table, texts: Sequence[str]) -> pa.Table:
    return table.set_column(table.schema.get_field_index("step"), "step", pa.array(texts, pa.string()))


def _require_range(record: EpisodeRecord, start: int, stop: int) -> None:
    if not 0 <= start < stop <= record.length:
        raise ValueError(f"the episode has the frames 0 to {record.length - 1}, not {start} to {stop - 1}")


def _cut_labels(labels: Labels, start: int, stop: int, identity: str) -> Labels:
    kept = tuple(frame - start for frame in labels.keyframes if start <= frame < stop)
    recorded = labels.recorded + start / labels.info.fps
    return replace(labels, id=identity, keyframes=kept, recorded=recorded, parent=labels.id)
