"""The list of a set's episodes, and what the set's own files say of it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from demos.errors import DamagedFileError, UnknownEpisodeError
from demos.store.data_file import batches, open_data
from demos.store.durable import Change, require_room
from demos.store.episode_file import Place, write_episode
from demos.store.episode_record import EpisodeRecord
from demos.store.schema import INFO, STATS, TASKS, SetShape, data_path, info_json, meta_path
from demos.store.statistics import combined

SMALL_FILES = 1 << 20
"""Room for the meta files of a change, bytes."""


@dataclass(frozen=True)
class Catalog:
    """``records`` in the order of their slots; ``tasks`` by task index; ``shape`` None until the first episode."""

    shape: SetShape | None = None
    tasks: tuple[str, ...] = ()
    records: tuple[EpisodeRecord, ...] = ()

    def get(self, episode: str) -> EpisodeRecord:
        """The entry of an episode by its id. Raises UnknownEpisodeError."""
        for record in self.records:
            if record.id == episode:
                return record
        raise UnknownEpisodeError(f'There is no episode "{episode}" in this set.')

    @property
    def next_place(self) -> tuple[int, int, int]:
        """(slot, index, start) of an episode that is added at the end."""
        slot = self.records[-1].slot + 1 if self.records else 0
        return slot, len(self.records), sum(record.length for record in self.records)

    def with_task(self, task: str) -> tuple[Catalog, int]:
        """The catalog with this task, and the task's index."""
        if task in self.tasks:
            return self, self.tasks.index(task)
        return replace(self, tasks=(*self.tasks, task)), len(self.tasks)

    def set_files(self) -> dict[str, bytes]:
        """The content of the set's own files, by path."""
        if self.shape is None:
            return {}
        total = sum(record.length for record in self.records)
        info = info_json(self.shape, len(self.records), total, len(self.tasks))
        stats = combined(record.all_stats() for record in self.records)
        return {INFO: _json(info), STATS: _json(stats), TASKS: _tasks_file(self.tasks)}


def _json(content: Any) -> bytes:
    return json.dumps(content, indent=2, ensure_ascii=False).encode()


def _tasks_file(tasks: tuple[str, ...]) -> bytes:
    """As pandas writes a table that is indexed by the task."""
    table = pa.table({"task_index": pa.array(range(len(tasks)), pa.int64()), "task": pa.array(tasks, pa.string())})
    column = {"field_name": "task_index", "name": "task_index", "pandas_type": "int64", "numpy_type": "int64"}
    index = {"field_name": "task", "name": "task", "pandas_type": "unicode", "numpy_type": "object"}
    names = {"field_name": None, "name": None, "pandas_type": "unicode", "numpy_type": "object", "metadata": None}
    pandas = {
        "index_columns": ["task"],
        "column_indexes": [names],
        "columns": [{**column, "metadata": None}, {**index, "metadata": None}],
    }
    out = BytesIO()
    pq.write_table(table.replace_schema_metadata({b"pandas": json.dumps(pandas).encode()}), out)
    return out.getvalue()


def read_tasks(path: Path) -> tuple[str, ...]:
    """The tasks by their index. Raises DamagedFileError."""
    try:
        with path.open("rb") as file:
            table = pq.ParquetFile(file).read(use_threads=False)
        rows = sorted(zip(table["task_index"].to_pylist(), table["task"].to_pylist(), strict=True))
        tasks = tuple(task for _, task in rows)
        if [index for index, _ in rows] != list(range(len(tasks))) or not all(isinstance(t, str) for t in tasks):
            raise ValueError("gaps")
    except (pa.ArrowException, OSError, KeyError, TypeError, ValueError) as error:
        raise DamagedFileError(f"The table of tasks {path.name} cannot be read.") from error
    return tasks


@dataclass(frozen=True)
class Entry:
    """An episode that the set is to have.

    ``data``: the file with its frames, None if it is in its slot already; its counted columns are those of ``record``
    if ``placed``. ``meta_written``: the meta file in the slot is right unless the episode moves.
    """

    record: EpisodeRecord
    data: Path | None = None
    placed: bool = field(default=True, kw_only=True)
    meta_written: bool = field(default=True, kw_only=True)


def stage_set(change: Change, root: Path, before: Catalog, after: Catalog, entries: list[Entry]) -> Catalog:
    """Stage all files of the set as ``entries`` want it, with the shape and tasks of ``after``; returns that catalog.

    Episodes count from 0 in the order of their slots. A data file is written anew only where its counted columns
    change, which is the case for all that follow one that came, went or changed its length.
    """
    entries = sorted(entries, key=lambda entry: entry.record.slot)
    moves = []
    start = 0
    for index, entry in enumerate(entries):
        record = entry.record
        right = entry.placed and (record.index, record.start) == (index, start)
        moves.append((entry, Place(record.slot, index, start, record.task_index), right))
        start += record.length
    require_room(root, SMALL_FILES + sum(e.record.size for e, _, right in moves if not right), "changing the set")
    records = []
    for entry, place, right in moves:
        record, source = entry.record, entry.data or root / data_path(entry.record.slot)
        if not right and after.shape is not None:
            frames = batches(open_data(source, after.shape))
            record = write_episode(change.stage(data_path(place.slot)), frames, after.shape, record.labels, place)
        elif entry.data is not None:
            change.adopt(entry.data, data_path(place.slot))
        if not (right and entry.data is None and entry.meta_written):
            change.write(meta_path(place.slot), record.to_parquet())
        records.append(record)
    for old in before.records:
        change.drop(data_path(old.slot))
        change.drop(meta_path(old.slot))
    for kept in records:
        change.retain(data_path(kept.slot))
        change.retain(meta_path(kept.slot))
    result = replace(after, records=tuple(records))
    for path, content in result.set_files().items():
        change.write(path, content)
    return result
