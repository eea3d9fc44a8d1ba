"""The files of a LeRobot v3 set, whoever wrote them: read with suspicion, a few frames at a time."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from demos.errors import DamagedFileError
from demos.frames import Outcome
from demos.store.data_file import open_any, read_group
from demos.store.durable import inside
from demos.store.schema import INFO

LARGEST_INFO = 16 << 20
MOST_EPISODES = 100_000
MOST_FRAMES = 20_000
LONGEST_TASK = 2000
BATCH = 16
PLACEHOLDER = re.compile(r"\{(chunk_index|file_index)(?::0([1-9])d)?\}")
LISTED = ("episode_index", "length", "tasks", "data/chunk_index", "data/file_index")
OUTCOME = "clap/outcome"


@dataclass(frozen=True)
class Listed:
    """An episode as the set lists it: its ``index`` and ``length``, its instruction, and the file that has it."""

    index: int
    length: int
    task: str
    outcome: Outcome
    chunk: int
    file: int


class LerobotFiles:
    """A set of others: ``fps``, ``robot`` and the ``features`` that its info.json describes."""

    def __init__(self, root: Path):
        """Raises DamagedFileError unless info.json is that of a v3 set."""
        self.root = root
        try:
            path = self._path(INFO)
            if path.stat().st_size > LARGEST_INFO:
                raise DamagedFileError(f"{INFO} is larger than {LARGEST_INFO >> 20} MB.")
            info = json.loads(path.read_bytes())
            version = str(info["codebase_version"])
            if not version.startswith("v3."):
                raise DamagedFileError(
                    f"{root.name} is a LeRobot set of version {version[:20]}; v3.0 is read.",
                    "Convert it with the script that LeRobot has for this, then import it.",
                )
            self.features: dict[str, dict[str, Any]] = dict(info["features"])
            self.fps, self.robot = int(info["fps"]), str(info["robot_type"] or "unknown")[:100]
            self._template = str(info["data_path"])
            if self.fps != info["fps"] or not 1 <= self.fps <= 1000 or len(self.features) > 1000:
                raise ValueError("the rate is no whole number from 1 to 1000, or there are more than 1000 features")
            if not all(isinstance(one, dict) for one in self.features.values()):
                raise ValueError("a feature is described by something else than a table")
        except OSError as error:
            raise DamagedFileError(
                f"{root.name} has no {INFO}, or it cannot be read.", "Choose the folder of a LeRobot set."
            ) from error
        except (KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
            raise DamagedFileError(f"{INFO} is not that of a LeRobot set: {error}.") from error
        self._open: tuple[Path, pq.ParquetFile] | None = None

    def _path(self, relative: str) -> Path:
        """A regular file of the set. Raises DamagedFileError if the path would lead out of its folder."""
        try:
            path = inside(self.root, relative)
        except DamagedFileError as error:
            raise DamagedFileError(
                f"{relative[:200]!r} leads out of {self.root.name}.",
                "If the set lies in the Hub's cache, whose files are links, copy it with “cp -rL” and import the copy.",
            ) from error
        if not path.is_file():
            raise DamagedFileError(f"{relative[:200]} is missing, or no file.")
        return path

    def _data(self, listed: Listed) -> pq.ParquetFile:
        values = {"chunk_index": listed.chunk, "file_index": listed.file}
        relative = PLACEHOLDER.sub(lambda found: f"{values[found[1]]:0{found[2] or 1}d}", self._template)
        if "{" in relative or "}" in relative:
            raise DamagedFileError(f"data_path of {INFO} is {self._template[:200]!r}, which is not LeRobot's.")
        path = self._path(relative)
        if self._open is None or self._open[0] != path:
            self._open = path, open_any(path)
        return self._open[1]

    def episodes(self) -> list[Listed]:
        """The episodes in order. Raises DamagedFileError."""
        found: list[Listed] = []
        for path in sorted((self.root / "meta" / "episodes").glob("chunk-*/file-*.parquet")):
            parquet = open_any(self._path(path.relative_to(self.root).as_posix()))
            present = set(parquet.schema_arrow.names)
            _require(present, LISTED, path.name)
            columns = [*LISTED, OUTCOME] if OUTCOME in present else list(LISTED)
            for group in range(parquet.metadata.num_row_groups):
                if len(found) + parquet.metadata.row_group(group).num_rows > MOST_EPISODES:
                    raise DamagedFileError(f"{self.root.name} lists more than {MOST_EPISODES} episodes.")
                found += [_listed(row) for row in read_group(parquet, group, columns).to_pylist()]
        if not found:
            raise DamagedFileError(f"{self.root.name} lists no episode.", "Import it once something is recorded.")
        if sorted(one.index for one in found) != list(range(len(found))):
            raise DamagedFileError(f"The episodes of {self.root.name} are not numbered from 0 on.")
        return sorted(found, key=lambda one: one.index)

    def rows(self, listed: Listed, columns: list[str]) -> Iterator[dict[str, Any]]:
        """The values of the episode's frames in these columns, in order. Raises DamagedFileError."""
        parquet = self._data(listed)
        what = f"The file of episode {listed.index}"
        _require(set(parquet.schema_arrow.names), [*columns, "episode_index", "frame_index"], what)
        if len(set(parquet.schema_arrow.names)) != len(parquet.schema_arrow.names):
            raise DamagedFileError(f"{what} has two columns of one name.")
        wanted = list(dict.fromkeys([*columns, "episode_index", "frame_index"]))
        done = 0
        for group in range(parquet.metadata.num_row_groups):
            if not _may_hold(parquet, group, listed.index):
                continue
            try:
                for batch in parquet.iter_batches(BATCH, row_groups=[group], columns=wanted, use_threads=False):
                    mask = [value == listed.index for value in batch.column("episode_index").to_pylist()]
                    for row in batch.filter(pa.array(mask, pa.bool_())).select(wanted).to_pylist():
                        if row["frame_index"] != done or done == listed.length:
                            raise DamagedFileError(f"{what} does not count its frames from 0 to {listed.length - 1}.")
                        done += 1
                        yield row
            except (pa.ArrowException, OSError, KeyError, ValueError, MemoryError) as error:
                raise DamagedFileError(f"{what} is damaged.") from error
        if done != listed.length:
            raise DamagedFileError(f"{what} holds {done} of its {listed.length} frames.")


def _require(present: set[str], wanted: list[str] | tuple[str, ...], what: str) -> None:
    missing = [name for name in wanted if name not in present]
    if missing:
        raise DamagedFileError(f"{what} lacks the columns {', '.join(missing[:4])}.")


def _may_hold(parquet: pq.ParquetFile, group: int, episode: int) -> bool:
    """False if the footer says that no frame of this row group is of the episode, which spares reading it."""
    column = parquet.schema.names.index("episode_index") if "episode_index" in parquet.schema.names else -1
    statistics = parquet.metadata.row_group(group).column(column).statistics if column >= 0 else None
    if statistics is None or not statistics.has_min_max:
        return True
    lowest, highest = statistics.min, statistics.max
    return not (isinstance(lowest, int) and isinstance(highest, int)) or lowest <= episode <= highest


def _listed(row: dict[str, Any]) -> Listed:
    try:
        numbers = [row[name] for name in ("episode_index", "length", "data/chunk_index", "data/file_index")]
        if not all(isinstance(number, int) and 0 <= number < 1 << 31 for number in numbers):
            raise ValueError("its numbers are no whole numbers from 0 on")
        index, length, chunk, file = numbers
        if not 1 <= length <= MOST_FRAMES:
            raise ValueError(f"it has {length} frames, and 1 to {MOST_FRAMES} are read")
        task = row["tasks"][0]
        if not isinstance(task, str) or not task.strip() or len(task) > LONGEST_TASK:
            raise ValueError(f"its instruction is no text of 1 to {LONGEST_TASK} characters")
        return Listed(index, length, task, Outcome(row.get(OUTCOME) or Outcome.UNKNOWN), chunk, file)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise DamagedFileError(f"The list of episodes cannot be used: {error}.") from error
