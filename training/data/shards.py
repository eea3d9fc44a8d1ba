"""Shards of training records on disk: written whole, then renamed, so that a reader never sees half of one."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from clap.geometry.views import CanonicalViews

FORMAT_VERSION = 1


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
