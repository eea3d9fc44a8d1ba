"""An episode's entry in the set: where it lies, what it is called, and how its meta file holds that."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from demos.errors import DamagedFileError
from demos.frames import Outcome, TakeInfo
from demos.store.schema import CHUNK, SCHEMA_VERSION
from demos.store.statistics import Stats, of_range

OWN = "clap/"
STATS = "stats/"
MATRIX = pa.list_(pa.list_(pa.list_(pa.float64())))
LARGEST_META = 16 << 20
READ = ["episode_index", "length", "data/chunk_index", "data/file_index", "dataset_from_index"]
READ += [OWN + name for name in ("bytes", "sha256", "task_index", "labels", "stats")]
"""The columns that are read back: to read the hundreds of the statistics takes ten times as long."""


@dataclass(frozen=True)
class Labels:
    """What is known of an episode besides its frames.

    ``id`` never changes; ``source`` is "policy", "human" or "mixed"; ``recorded`` the wall time of its first frame;
    ``rate`` the measured frames a second; ``dropped`` frames that the recorder could not take; ``parent`` the id of the
    episode from which this one was cut; ``recovered``: its take was interrupted by a crash.
    """

    id: str
    info: TakeInfo
    outcome: Outcome = Outcome.UNKNOWN
    source: str = ""
    recorded: float = 0.0
    rate: float = 0.0
    dropped: int = 0
    keyframes: tuple[int, ...] = ()
    parent: str = ""
    recovered: bool = False

    def to_json(self) -> dict[str, Any]:
        """Plain values, with the schema's version."""
        return {"schema": SCHEMA_VERSION, **asdict(self), "outcome": self.outcome.value}

    @staticmethod
    def from_json(values: Mapping[str, Any]) -> Labels:
        """Raises DamagedFileError if something is missing, or if another version wrote it."""
        try:
            if values["schema"] != SCHEMA_VERSION:
                raise DamagedFileError(
                    f"The episode follows schema {values['schema']}, this program reads {SCHEMA_VERSION}.",
                    "Update the program that reads it.",
                )
            rest = {name: value for name, value in values.items() if name != "schema"}
            rest["info"], rest["outcome"] = TakeInfo(**rest["info"]), Outcome(rest["outcome"])
            rest["keyframes"] = tuple(map(int, rest["keyframes"]))
            return Labels(**rest)
        except (KeyError, TypeError, ValueError) as error:
            raise DamagedFileError(f"The labels of an episode cannot be read: {error}.") from error


@dataclass(frozen=True)
class EpisodeRecord:
    """An episode of the set: its ``labels``, and where it is.

    ``index`` is its position, ``start`` the position of its first frame among all frames, both from 0; ``task_index``
    the task's line in the table of tasks; ``size`` in bytes and ``sha256`` those of its data file.
    """

    labels: Labels
    slot: int
    index: int
    start: int
    length: int
    task_index: int
    size: int
    sha256: str
    stats: Stats = field(repr=False)

    @property
    def id(self) -> str:
        """The episode's own name, which no renumbering changes."""
        return self.labels.id

    @property
    def task(self) -> str:
        """The instruction."""
        return self.labels.info.task

    @property
    def seconds(self) -> float:
        """Its length at the set's rate."""
        return self.length / self.labels.info.fps

    def with_labels(self, **changes: Any) -> EpisodeRecord:
        """The same episode with other labels."""
        return replace(self, labels=replace(self.labels, **changes))

    def to_parquet(self) -> bytes:
        """The meta file: one row in LeRobot's columns, and ours beside them."""
        chunk, number = self.slot // CHUNK, self.slot % CHUNK
        row: dict[str, Any] = {
            "episode_index": self.index,
            "tasks": [self.task],
            "length": self.length,
            "data/chunk_index": chunk,
            "data/file_index": number,
            "dataset_from_index": self.start,
            "dataset_to_index": self.start + self.length,
            "meta/episodes/chunk_index": chunk,
            "meta/episodes/file_index": number,
            OWN + "id": self.id,
            OWN + "outcome": self.labels.outcome.value,
            OWN + "source": self.labels.source,
            OWN + "bytes": self.size,
            OWN + "sha256": self.sha256,
            OWN + "task_index": self.task_index,
            OWN + "labels": json.dumps(self.labels.to_json(), ensure_ascii=False),
            OWN + "stats": json.dumps(self.stats),
        }
        columns = {name: pa.array([value]) for name, value in row.items()}
        for feature, stats in self.all_stats().items():
            for name, value in stats.items():
                deep = isinstance(value[0], list)
                kind = MATRIX if deep else pa.list_(pa.int64() if name == "count" else pa.float64())
                columns[f"{STATS}{feature}/{name}"] = pa.array([value], kind)
        out = BytesIO()
        pq.write_table(pa.table(columns), out, use_dictionary=False, write_statistics=False, store_schema=False)
        return out.getvalue()

    def _counted(self) -> Stats:
        """Statistics of the columns that follow from the episode's place."""
        return {
            "timestamp": of_range(0, 1 / self.labels.info.fps, self.length),
            "frame_index": of_range(0, 1, self.length),
            "episode_index": of_range(self.index, 0, self.length),
            "index": of_range(self.start, 1, self.length),
            "task_index": of_range(self.task_index, 0, self.length),
        }

    def all_stats(self) -> Stats:
        """The statistics of all columns."""
        return self.stats | self._counted()

    @staticmethod
    def from_parquet(path: Path) -> EpisodeRecord:
        """Read a meta file. Raises DamagedFileError."""
        try:
            if path.stat().st_size > LARGEST_META:
                raise DamagedFileError(f"The meta file {path.name} is absurdly large.")
            with path.open("rb") as file:
                table = pq.ParquetFile(file).read(columns=READ, use_threads=False)
            (row,) = table.to_pylist()
            return EpisodeRecord(
                labels=Labels.from_json(json.loads(row[OWN + "labels"])),
                slot=row["data/chunk_index"] * CHUNK + row["data/file_index"],
                index=row["episode_index"],
                start=row["dataset_from_index"],
                length=row["length"],
                task_index=row[OWN + "task_index"],
                size=row[OWN + "bytes"],
                sha256=row[OWN + "sha256"],
                stats=json.loads(row[OWN + "stats"]),
            )
        except (pa.ArrowException, OSError, KeyError, TypeError, ValueError, RecursionError) as error:
            raise DamagedFileError(f"The meta file {path.name} cannot be read.") from error
