"""LeRobot's language columns (0.6 and newer): what is to be done from which moment on, on every frame of an episode."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from demos.store.data_file import groups, open_any, read_group
from demos.store.episode_file import ROW_GROUP
from demos.store.episode_record import OWN
from demos.store.schema import INFO, LABELS_KEY

PERSISTENT, EVENTS = "language_persistent", "language_events"
OUTDATED = (f"{OWN}bytes", f"{OWN}sha256")
"""What the episodes' entries say of files that are written anew here."""


def _rows(timestamp: bool) -> pa.ListType:
    fields = [pa.field("role", pa.string(), nullable=False), pa.field("content", pa.string())]
    fields.append(pa.field("style", pa.string()))
    fields += [pa.field("timestamp", pa.float32(), nullable=False)] if timestamp else []
    fields += [pa.field("camera", pa.string()), pa.field("tool_calls", pa.list_(pa.json_()))]
    return pa.list_(pa.struct(fields))


def add_language(root: Path) -> None:
    """Write the data files of an exported set again with both columns. It is then a set like those of others."""
    for path in sorted(root.glob("data/chunk-*/file-*.parquet")):
        _add_to(path)
    for path in sorted(root.glob("meta/episodes/chunk-*/file-*.parquet")):
        table = pq.ParquetFile(path).read(use_threads=False)
        pq.write_table(table.drop_columns(list(OUTDATED)), path, use_dictionary=False, write_statistics=False)
    info = json.loads((root / INFO).read_bytes())
    for name in (PERSISTENT, EVENTS):
        info["features"][name] = {"dtype": "language", "shape": [1], "names": None}
    (root / INFO).write_text(json.dumps(info, indent=2, ensure_ascii=False), "utf-8")


def _add_to(path: Path) -> None:
    parquet = open_any(path)
    parts = [read_group(parquet, group, ["timestamp", "subtask"]) for group, _, _ in groups(parquet)]
    lasting = _subtasks(pa.concat_tables(parts).to_pylist())
    metadata = {name: value for name, value in (parquet.schema_arrow.metadata or {}).items() if name != LABELS_KEY}
    schema = parquet.schema_arrow.append(pa.field(PERSISTENT, _rows(True))).append(pa.field(EVENTS, _rows(False)))
    new = path.with_suffix(".new")
    with pq.ParquetWriter(new, schema.with_metadata(metadata), use_dictionary=False) as writer:
        for group, _, rows in groups(parquet):
            table = read_group(parquet, group)
            columns = [*table.columns, _column(lasting, rows, _rows(True)), _column([], rows, _rows(False))]
            writer.write_table(pa.table(columns, schema=writer.schema), row_group_size=ROW_GROUP)
    os.replace(new, path)


def _column(told: list[dict[str, Any]], rows: int, kind: pa.ListType) -> pa.Array:
    """``told`` in each of the rows. Made from its parts: arrow makes no JSON (the tool calls) from Python's values."""
    fields = list(kind.value_type)
    parts = [
        pa.nulls(len(told) * rows, field.type)
        if field.name == "tool_calls"
        else pa.array([row[field.name] for row in told] * rows, field.type)
        for field in fields
    ]
    offsets = pa.array([k * len(told) for k in range(rows + 1)], pa.int32())
    return pa.ListArray.from_arrays(offsets, pa.StructArray.from_arrays(parts, fields=fields), type=kind)


def _subtasks(frames: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A row for each sub-task, from the moment at which it begins."""
    found: list[dict[str, Any]] = []
    before = ""
    for frame in frames:
        text = frame["subtask"]
        if text and text != before:
            row = {"role": "assistant", "content": text, "style": "subtask", "timestamp": frame["timestamp"]}
            found.append({**row, "camera": None, "tool_calls": None})
        before = text
    return found
