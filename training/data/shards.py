"""Shards of training records on disk: written whole, then renamed, so that a reader never sees half of one.

A data folder holds complete shards ``shard-00000``, ``shard-00001``, ...: whatever is listed can be read while more are
being made.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Container, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from clap.errors import ClapError
from clap.geometry.views import CanonicalViews


class TrainingDataError(ClapError):
    """The data folder holds no usable samples."""

    name = "training data not usable"
    default_next_move = "Generate the data first (`make train-mini` does), then start the training again."


@dataclass(frozen=True)
class Shard:
    """A shard as it is read: ``records``, and images of one kind, memory-mapped: ``rgb`` (N, 3, S, S, 3) uint8 and
    ``depth`` (N, 3, S, S) float16 metres."""

    name: str
    records: list[dict[str, Any]]
    rgb: NDArray[np.uint8]
    depth: NDArray[np.float16]


def new_shards(folder: Path, images: Literal["views", "zooms"], known: Container[str]) -> Iterator[Shard]:
    """The complete shards of a folder with such images that are not ``known`` by name, in their order."""
    for path in sorted(folder.glob("shard-*")):
        records, *arrays = (path / name for name in ("records.jsonl", f"{images}_rgb.npy", f"{images}_depth.npy"))
        is_complete = path.name.removeprefix("shard-").isdigit() and all(file.exists() for file in (records, *arrays))
        if path.name in known or not is_complete:
            continue
        rgb, depth = (np.load(file, mmap_mode="r", allow_pickle=False) for file in arrays)
        with records.open(encoding="utf-8") as lines:
            yield Shard(path.name, [json.loads(line) for line in lines], rgb, depth)


class ShardWriter:
    """Collects records with their canonical and zoomed views, and writes them as one shard folder.

    Layout: ``views_rgb.npy`` (N, 3, S, S, 3) uint8, ``views_depth.npy`` (N, 3, S, S) float16 metres, likewise
    ``zooms_*.npy`` for the fine stage's windows, and ``records.jsonl`` with one line per views entry.
    """

    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []
        self._views: list[CanonicalViews] = []
        self._zooms: list[CanonicalViews] = []

    def __len__(self) -> int:
        return len(self.records)

    def add(self, record: dict[str, Any], views: CanonicalViews, zooms: list[CanonicalViews]) -> None:
        """Add one record; the zooms' windows are noted in it."""
        start = len(self._zooms)
        record["zooms"] = [
            {"index": start + k, "low": list(zoom.workspace.low), "high": list(zoom.workspace.high)}
            for k, zoom in enumerate(zooms)
        ]
        self.records.append(record)
        self._views.append(views)
        self._zooms += zooms

    def write(self, folder: Path, number: int) -> Path:
        """Write the shard ``shard-<number>`` into ``folder``."""
        target = folder / f"shard-{number:05d}"
        part = folder / f".part-{number:05d}"
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        for name, views in (("views", self._views), ("zooms", self._zooms)):
            if views:
                np.save(part / f"{name}_rgb.npy", np.stack([v.rgb for v in views]))
                np.save(part / f"{name}_depth.npy", np.stack([v.depth for v in views]).astype(np.float16))
        lines = [json.dumps(record) for record in self.records]
        (part / "records.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
        os.replace(part, target)
        return target
