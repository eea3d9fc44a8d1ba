"""Edits of a set: delete, trim, split, relabel, merge, renumber. Each is made whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from demos.errors import SetMismatchError
from demos.frames import Outcome
from demos.store.catalog import SMALL_FILES, Catalog, Entry
from demos.store.data_file import batches, open_data
from demos.store.durable import Change, require_room
from demos.store.episode_file import Place, write_episode
from demos.store.episode_record import EpisodeRecord, Labels
from demos.store.open_set import OpenSet
from demos.store.schema import data_path
from demos.store.take import new_id
from demos.store.trash import stage_deletion


class Edits:
    """The edits of an open set.

    Trimmed and split episodes are new ones, with ids of their own; what they were cut from goes to the trash.
    """

    def __init__(self, opened: OpenSet):
        self._set = opened

    def delete(self, episodes: Sequence[str]) -> None:
        """Move episodes to the trash. Raises UnknownEpisodeError if there is no such one; then none is moved."""
        with self._set.lock, self._set.change("deleting") as change:
            doomed = {self._set.catalog.get(episode).id for episode in episodes}
            self._without(change, doomed, "It was deleted.", [])

    def trim(self, episode: str, start: int, stop: int) -> EpisodeRecord:
        """Keep the frames from ``start`` to before ``stop``. Raises ValueError for an empty or impossible range."""
        (kept,) = self._cut(episode, [(start, stop)], f"It was trimmed to the frames {start} to {stop - 1}.")
        return kept

    def split(self, episode: str, frame: int) -> tuple[EpisodeRecord, EpisodeRecord]:
        """Make two episodes of one, the second from ``frame`` on; that one goes to the end of the set."""
        length = self._set.catalog.get(episode).length
        first, second = self._cut(episode, [(0, frame), (frame, length)], f"It was split before frame {frame}.")
        return first, second

    def relabel(self, episode: str, task: str | None, outcome: Outcome | None, notes: str | None) -> EpisodeRecord:
        """Change the instruction, the outcome or the notes; None leaves as it is."""
        with self._set.lock, self._set.change("relabelling") as change:
            record = self._set.catalog.get(episode)
            old = record.labels
            info = replace(
                old.info,
                task=old.info.task if task is None else task,
                notes=old.info.notes if notes is None else notes,
            )
            labels = replace(old, info=info, outcome=outcome or old.outcome)
            catalog, task_index = self._set.catalog.with_task(labels.info.task)
            moved = task_index != record.task_index
            entry = Entry(replace(record, labels=labels, task_index=task_index), placed=not moved, meta_written=False)
            self._replace(change, catalog, {episode: entry})
        return self._set.catalog.get(episode)

    def set_keyframes(self, episode: str, frames: Iterable[int]) -> EpisodeRecord:
        """These frames are the keyframes, and no others. Raises ValueError for one that is not in the episode."""
        chosen = tuple(sorted({int(frame) for frame in frames}))
        self._rewrite(episode, {"keyframes": chosen}, chosen, lambda table, first: table)
        return self._set.catalog.get(episode)

    def set_step(self, episode: str, start: int, stop: int, text: str) -> EpisodeRecord:
        """The step text of the frames from ``start`` to before ``stop``. Raises ValueError for an impossible range."""

        def with_text(table: pa.Table, first: int) -> pa.Table:
            numbers = np.arange(first, first + len(table))
            old = table["step"].to_pylist()
            return _with_steps(table, [text if start <= n < stop else s for n, s in zip(numbers, old, strict=True)])

        self._rewrite(episode, {}, (start, stop - 1), with_text)
        return self._set.catalog.get(episode)

    def set_steps(self, episode: str, texts: Sequence[str]) -> EpisodeRecord:
        """The step text of every frame. Raises ValueError unless there is one for each."""
        if len(texts) != self._set.catalog.get(episode).length:
            raise ValueError(f"the episode has {self._set.catalog.get(episode).length} frames, not {len(texts)}")
        self._rewrite(episode, {}, (), lambda table, first: _with_steps(table, texts[first : first + len(table)]))
        return self._set.catalog.get(episode)

    def merge(self, other: OpenSet, episodes: Sequence[str] | None = None) -> tuple[EpisodeRecord, ...]:
        """Copy episodes of another open set, all or these, to the end of this one; those that are here are left out.

        Raises SetMismatchError unless cameras, joints and rate are the same, and UnknownEpisodeError.
        """
        with self._set.lock, other.lock, self._set.change("merging") as change:
            theirs = other.catalog
            if theirs.shape is None:
                return ()
            if self._set.catalog.shape not in (None, theirs.shape):
                raise SetMismatchError(
                    f"The other set has {theirs.shape.describe()}; this one {self._set.catalog.shape.describe()}."
                )
            here = {record.id for record in self._set.catalog.records}
            chosen = {theirs.get(episode).id for episode in episodes} if episodes is not None else None
            new = [one for one in theirs.records if one.id not in here and (chosen is None or one.id in chosen)]
            files = [(record, other.root / data_path(record.slot)) for record in new]
            self._set.insert(change, files, shape_of=theirs)
        return tuple(self._set.catalog.get(record.id) for record in new)

    def renumber(self) -> None:
        """Number the episodes, and their files, from 0 without gaps in the order in which they were recorded."""
        with self._set.lock, self._set.change("renumbering") as change:
            root = self._set.root
            ordered = sorted(self._set.catalog.records, key=lambda record: (record.labels.recorded, record.slot))
            entries = [
                Entry(replace(record, slot=slot), None if record.slot == slot else root / data_path(record.slot))
                for slot, record in enumerate(ordered)
            ]
            self._set.stage(change, entries)

    def _replace(self, change: Change, catalog: Catalog, new: dict[str, Entry]) -> None:
        entries = [new.get(record.id, Entry(record)) for record in self._set.catalog.records]
        self._set.stage(change, entries, catalog)

    def _without(self, change: Change, doomed: set[str], why: str, instead: list[Entry]) -> None:
        for record in self._set.catalog.records:
            if record.id in doomed:
                stage_deletion(change, self._set.root, record, why)
        entries = [Entry(record) for record in self._set.catalog.records if record.id not in doomed] + instead
        self._set.stage(change, entries)

    def _cut(self, episode: str, ranges: list[tuple[int, int]], why: str) -> list[EpisodeRecord]:
        with self._set.lock, self._set.change("cutting an episode") as change:
            record, shape = self._set.catalog.get(episode), self._set.catalog.shape
            assert shape is not None
            for start, stop in ranges:
                _require_range(record, start, stop)
            require_room(self._set.root, record.size + SMALL_FILES, "cutting an episode")
            source = open_data(self._set.root / data_path(record.slot), shape)
            made: list[Entry] = []
            slot, index, total = self._set.catalog.next_place
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
        return [self._set.catalog.get(entry.record.id) for entry in made]

    def _rewrite(
        self, episode: str, labels: dict[str, Any], frames: Sequence[int], edit: Callable[[pa.Table, int], pa.Table]
    ) -> None:
        """Write an episode's data file again, with other labels and each table edited; ``frames`` must be in it."""
        with self._set.lock, self._set.change("editing an episode") as change:
            record, shape = self._set.catalog.get(episode), self._set.catalog.shape
            assert shape is not None
            if frames:
                _require_range(record, min(frames), max(frames) + 1)
            require_room(self._set.root, record.size + SMALL_FILES, "editing an episode")
            source = open_data(self._set.root / data_path(record.slot), shape)
            path = change.aside("data")
            place = Place(record.slot, record.index, record.start, record.task_index)

            def edited() -> Iterator[pa.Table]:
                first = 0
                for table in batches(source):
                    yield edit(table, first)
                    first += len(table)

            new = write_episode(path, edited(), shape, replace(record.labels, **labels), place)
            self._replace(change, self._set.catalog, {episode: Entry(new, path)})


def _with_steps(table: pa.Table, texts: Sequence[str]) -> pa.Table:
    return table.set_column(table.schema.get_field_index("step"), "step", pa.array(texts, pa.string()))


def _require_range(record: EpisodeRecord, start: int, stop: int) -> None:
    if not 0 <= start < stop <= record.length:
        raise ValueError(f"the episode has the frames 0 to {record.length - 1}, not {start} to {stop - 1}")


def _cut_labels(labels: Labels, start: int, stop: int, identity: str) -> Labels:
    kept = tuple(frame - start for frame in labels.keyframes if start <= frame < stop)
    recorded = labels.recorded + start / labels.info.fps
    return replace(labels, id=identity, keyframes=kept, recorded=recorded, parent=labels.id)
