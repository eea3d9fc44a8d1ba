"""The data file of an episode as it is read: opened with suspicion, a row group at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from demos.errors import DamagedFileError
from demos.store.episode_record import Labels
from demos.store.images import MILLIMETRE, decode_depth, decode_rgb
from demos.store.schema import COUNTED, IMAGES, LABELS_KEY, CameraShape, SetShape
from demos.store.statistics import Stats, of_images, of_numbers, sampled

LARGEST_GROUP = 1 << 30
"""Bytes of a row group that are unfolded in memory at most."""


def open_data(path: Path, shape: SetShape) -> pq.ParquetFile:
    """Open a data file for reading. Raises DamagedFileError unless it has exactly the columns of the set's shape."""
    parquet = open_any(path)
    found = {field.name: _plain(field.type) for field in parquet.schema_arrow}
    wanted = {field.name: _plain(field.type) for field in shape.arrow_schema()}
    if found != wanted:
        names = sorted(name for name in found.keys() | wanted.keys() if found.get(name) != wanted.get(name))
        raise DamagedFileError(f"The data file {path.name} has not the set's columns: {', '.join(names[:4])}.")
    return parquet


def open_any(path: Path) -> pq.ParquetFile:
    """Open a parquet file of whatever columns. Raises DamagedFileError."""
    try:
        parquet = pq.ParquetFile(path)
        sizes = [_unfolded(parquet.metadata.row_group(k)) for k in range(parquet.metadata.num_row_groups)]
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DamagedFileError(f"The file {path.name} is cut off, or no parquet file.") from error
    if max(sizes, default=0) > LARGEST_GROUP:
        raise DamagedFileError(f"The file {path.name} would unfold to more than {LARGEST_GROUP >> 20} MB at a time.")
    return parquet


def _unfolded(group: pq.RowGroupMetaData) -> int:
    """Bytes that a row group may take in memory: with a dictionary, each row may be as long as all its words."""
    columns = [group.column(k) for k in range(group.num_columns)]
    return sum(c.total_uncompressed_size * (group.num_rows if c.has_dictionary_page else 1) for c in columns)


def _plain(kind: pa.DataType) -> str:
    """A type without field names, and lists of fixed and of free length alike: parquet does not keep those apart."""
    if pa.types.is_list(kind) or pa.types.is_fixed_size_list(kind):
        return f"list<{_plain(kind.value_type)}>"
    return str(kind)


def pack_labels(labels: Labels, shape: SetShape) -> dict[bytes, bytes]:
    """What a data file carries about itself, so that everything else can be rebuilt from it."""
    return {LABELS_KEY: json.dumps({"labels": labels.to_json(), "shape": asdict(shape)}, ensure_ascii=False).encode()}


def carried(parquet: pq.ParquetFile) -> tuple[Labels, SetShape] | None:
    """What ``pack_labels`` put in; None for a file of another program. Raises DamagedFileError."""
    text = (parquet.schema_arrow.metadata or {}).get(LABELS_KEY)
    if text is None:
        return None
    try:
        values = json.loads(text)
        shape = values["shape"]
        cameras = tuple(CameraShape(**camera) for camera in shape["cameras"])
        return Labels.from_json(values["labels"]), SetShape(**{**shape, "cameras": cameras})
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise DamagedFileError("The labels in a data file cannot be read.") from error


def groups(parquet: pq.ParquetFile) -> Iterator[tuple[int, int, int]]:
    """(number, first frame, frames) of each row group."""
    first = 0
    for number in range(parquet.metadata.num_row_groups):
        rows = parquet.metadata.row_group(number).num_rows
        yield number, first, rows
        first += rows


def read_group(parquet: pq.ParquetFile, group: int, columns: list[str] | None = None) -> pa.Table:
    """One row group. Raises DamagedFileError."""
    try:
        return parquet.read_row_group(group, columns=columns, use_threads=False)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DamagedFileError("A data file is damaged.") from error


def batches(parquet: pq.ParquetFile, start: int = 0, stop: int | None = None) -> Iterator[pa.Table]:
    """The frames from ``start`` to before ``stop``, a row group at a time. Raises DamagedFileError."""
    stop = parquet.metadata.num_rows if stop is None else stop
    for group, first, rows in groups(parquet):
        begin, end = max(start, first), min(stop, first + rows)
        if begin < end:
            yield read_group(parquet, group).slice(begin - first, end - begin)


def place_of(parquet: pq.ParquetFile) -> tuple[int, int, int] | None:
    """(episode_index, index of the first frame, task_index) by the footer; None if it does not tell."""
    names = ("episode_index", "index", "task_index")
    columns = {parquet.schema.column(k).path: k for k in range(len(parquet.schema.names))}
    try:
        group = parquet.metadata.row_group(0)
        lowest = [group.column(columns[name]).statistics.min for name in names]
        return lowest[0], lowest[1], lowest[2]
    except (pa.ArrowException, KeyError, AttributeError, IndexError):
        return None


def numbers(table: pa.Table, name: str, size: list[int]) -> NDArray[Any]:
    """A column of numbers as an array (N,), or (N, *size) where the size is not [1]. Raises DamagedFileError."""
    values = table[name].combine_chunks()
    while pa.types.is_list(values.type) or pa.types.is_fixed_size_list(values.type):
        values = values.flatten()
    try:
        return values.to_numpy(zero_copy_only=False).reshape(len(table), *(size if list(size) != [1] else ()))
    except ValueError as error:
        raise DamagedFileError(f"The column {name} does not hold {size} numbers a frame.") from error


def measure(parquet: pq.ParquetFile, shape: SetShape) -> Stats:
    """Statistics of all columns but the counted ones: numbers from every frame, images from a few. DamagedFileError."""
    features = shape.features()
    of_number = [name for name, f in features.items() if f["dtype"] in ("float32", "float64", "bool")]
    of_number = [name for name in of_number if name not in COUNTED]
    of_image = [name for name in features if name.startswith(IMAGES)]
    wanted = sampled(parquet.metadata.num_rows)
    images: dict[str, list[NDArray[Any]]] = {name: [] for name in of_image}
    tables = []
    for group, first, rows in groups(parquet):
        tables.append(read_group(parquet, group, of_number))
        here = [k - first for k in wanted if first <= k < first + rows]
        if here:
            for row in read_group(parquet, group, of_image).take(here).to_pylist():
                for camera in shape.cameras:
                    size, colour = (camera.height, camera.width), IMAGES + camera.name
                    images[colour].append(decode_rgb(row[colour]["bytes"], *size))
                    depth = decode_depth(row[f"{colour}_depth"]["bytes"], *size)
                    images[f"{colour}_depth"].append(depth * MILLIMETRE)
    table = pa.concat_tables(tables)
    stats = {name: of_numbers(numbers(table, name, features[name]["shape"])) for name in of_number}
    for name, found in images.items():
        stats[name] = of_images(found, 255.0 if features[name]["shape"][2] == 3 else 1.0)
    return stats
