"""Writes the data file of an episode, from a take's rows or from another data file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from demos.store.data_file import measure, open_data, pack_labels
from demos.store.durable import sha256
from demos.store.episode_record import EpisodeRecord, Labels
from demos.store.rows import Row
from demos.store.schema import COUNTED, IMAGES, KEYFRAME, TEXTS, SetShape

ROW_GROUP = 32
"""Frames that are in memory at a time, some 4 MB; and that are read to look at one of them."""


@dataclass(frozen=True)
class Place:
    """Where an episode is put: its slot and index, the position of its first frame, and its task's index."""

    slot: int
    index: int
    start: int
    task_index: int


def write_episode(
    path: Path, batches: Iterable[pa.Table], shape: SetShape, labels: Labels, place: Place
) -> EpisodeRecord:
    """Write the frames of ``batches`` as one episode, with the labels' keyframes, and return its entry.

    The batches need not hold the counted columns, whose values are made here. The file is read again for its
    statistics, which shows that it can be.
    """
    schema = shape.arrow_schema().with_metadata(pack_labels(labels, shape))
    compression = {leaf: "NONE" if leaf.startswith(IMAGES) else "SNAPPY" for leaf in _leaves(schema)}
    length = 0
    with (
        path.open("wb") as file,
        pq.ParquetWriter(
            file, schema, compression=compression, use_dictionary=list(TEXTS), write_statistics=list(COUNTED)
        ) as writer,
    ):
        for batch in batches:
            writer.write_table(_placed(batch, schema, labels, place, length), row_group_size=ROW_GROUP)
            length += len(batch)
    stats = measure(open_data(path, shape), shape)
    size = path.stat().st_size
    return EpisodeRecord(
        labels, place.slot, place.index, place.start, length, place.task_index, size, sha256(path), stats
    )


def _leaves(schema: pa.Schema) -> list[str]:
    """Parquet's own names of what the columns are made of."""
    leaves = []
    for field in schema:
        path, kind = field.name, field.type
        while pa.types.is_list(kind) or pa.types.is_fixed_size_list(kind):
            path, kind = f"{path}.list.element", kind.value_type
        leaves += [f"{path}.bytes", f"{path}.path"] if pa.types.is_struct(kind) else [path]
    return leaves


def _placed(batch: pa.Table, schema: pa.Schema, labels: Labels, place: Place, done: int) -> pa.Table:
    """The batch with the counted columns and the keyframes of the frames from ``done`` on."""
    frames = np.arange(done, done + len(batch))
    made: dict[str, Any] = {
        "timestamp": (frames / labels.info.fps).astype(np.float32),
        "frame_index": frames,
        "episode_index": np.full(len(batch), place.index),
        "index": frames + place.start,
        "task_index": np.full(len(batch), place.task_index),
        KEYFRAME: np.isin(frames, labels.keyframes),
    }
    columns = [
        pa.chunked_array([pa.array(made[field.name], field.type)])
        if field.name in made
        else batch[field.name].cast(field.type)
        for field in schema
    ]
    return pa.table(columns, schema=schema)


def batches_of_rows(rows: Iterable[Row], shape: SetShape) -> Iterator[pa.Table]:
    """Tables of a few frames each, without the counted columns."""
    schema = pa.schema([field for field in shape.arrow_schema() if field.name not in COUNTED])
    waiting: list[Row] = []
    for row in rows:
        waiting.append(row)
        if len(waiting) == ROW_GROUP:
            yield _table(waiting, schema)
            waiting = []
    if waiting:
        yield _table(waiting, schema)


def _table(rows: list[Row], schema: pa.Schema) -> pa.Table:
    columns = []
    for field in schema:
        values = [row[field.name] for row in rows]
        if field.name.startswith(IMAGES):
            parts = [pa.array(values, pa.binary()), pa.nulls(len(rows), pa.string())]
            columns.append(pa.StructArray.from_arrays(parts, fields=list(field.type)))
        else:
            columns.append(pa.array(values, field.type))
    return pa.table(columns, schema=schema)
