"""An episode as it is read back: its numbers at once, its images when they are asked for."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from clap.geometry.observation import Observation
from demos.errors import DamagedFileError
from demos.frames import RecordedFrame
from demos.store.data_file import groups, numbers, open_data, read_group
from demos.store.episode_record import EpisodeRecord
from demos.store.images import decode_rgb
from demos.store.rows import frame_of, objects_of
from demos.store.schema import ACTION, CAMERA, IMAGES, JOINTS, KEYFRAME, STATE, TIME, VELOCITIES, WALL_TIME, SetShape

Array = NDArray[Any]


class RecordedEpisode:
    """The frames of one episode, N of them; ``record`` is its entry.

    ``state`` and ``action`` are (N, 8): measured and commanded x y z (world metres), quaternion xyzw, opening from 0
    to 1. ``joints`` and ``velocities`` are (N, J) rad and rad/s; ``time`` the observations' own clock and
    ``wall_time`` (N,) seconds; ``keyframes`` (K,) frame numbers.
    """

    def __init__(self, path: Path, record: EpisodeRecord, shape: SetShape):
        """Raises DamagedFileError if the file is not whole or not of the set's shape."""
        self.record, self.shape = record, shape
        self._parquet = open_data(path, shape)
        if self._parquet.metadata.num_rows != record.length:
            raise DamagedFileError(
                f"“{record.task}” has {self._parquet.metadata.num_rows} frames, not {record.length}."
            )
        features = shape.features()
        names = [name for name in features if not name.startswith(IMAGES)]
        parts = [read_group(self._parquet, group, names) for group, _, _ in groups(self._parquet)]
        self._table = pa.concat_tables(parts)

        def column(name: str) -> Array:
            return numbers(self._table, name, features[name]["shape"])

        self.state, self.action = column(STATE), column(ACTION)
        self.joints, self.velocities = column(JOINTS), column(VELOCITIES)
        self.time, self.wall_time = column(TIME), column(WALL_TIME)
        self.keyframes = np.flatnonzero(column(KEYFRAME))
        self.camera_times = {camera.name: column(f"{CAMERA}{camera.name}.time") for camera in shape.cameras}
        self._group: tuple[int, pa.Table] | None = None

    def __len__(self) -> int:
        return self.record.length

    @property
    def fps(self) -> int:
        """Frames a second at which it was meant to be recorded."""
        return self.shape.fps

    @cached_property
    def sources(self) -> list[str]:
        """Who commanded, per frame: "policy" or "human"."""
        return self._table["source"].to_pylist()

    @cached_property
    def steps(self) -> list[str]:
        """The step's text, per frame."""
        return self._table["step"].to_pylist()

    @cached_property
    def subtasks(self) -> list[str]:
        """The steps of the sub-task under way, joined by semicolons, per frame."""
        return self._table["subtask"].to_pylist()

    @cached_property
    def objects(self) -> list[dict[str, tuple[float, float, float]]]:
        """Known positions of objects, world metres, per frame. Raises DamagedFileError."""
        try:
            return [objects_of(text) for text in self._table["objects"].to_pylist()]
        except (TypeError, ValueError, AttributeError, RecursionError) as error:
            raise DamagedFileError("The objects' positions cannot be read.") from error

    def frame(self, number: int) -> RecordedFrame:
        """A frame with its images. Raises IndexError, and DamagedFileError if it cannot be decoded."""
        group, first = self._place(number)
        if self._group is None or self._group[0] != group:
            self._group = group, read_group(self._parquet, group)
        row = self._group[1].slice(number - first, 1).to_pylist()[0]
        for name, value in row.items():
            if name.startswith(IMAGES):
                row[name] = _encoded(value)
        return frame_of(row, self.shape)

    def picture(self, number: int, camera: str) -> NDArray[np.uint8]:
        """The colour image (H, W, 3) uint8 of one camera, read without all others.

        Raises IndexError for another frame, KeyError for another camera, and DamagedFileError.
        """
        size = {one.name: (one.height, one.width) for one in self.shape.cameras}[camera]
        (group, first), name = self._place(number), IMAGES + camera
        row = read_group(self._parquet, group, [name]).slice(number - first, 1).to_pylist()[0]
        return decode_rgb(_encoded(row[name]), *size)

    def _place(self, number: int) -> tuple[int, int]:
        """The row group that a frame is in, and the number of that group's first frame."""
        if not 0 <= number < len(self):
            raise IndexError(f"the episode has the frames 0 to {len(self) - 1}, not {number}")
        return next((group, first) for group, first, rows in groups(self._parquet) if number < first + rows)

    def observation(self, number: int) -> Observation:
        """What the world showed in a frame."""
        return self.frame(number).observation


def _encoded(cell: Any) -> bytes:
    """The bytes of an image's cell, none if it holds something else."""
    found = cell.get("bytes") if isinstance(cell, dict) else None
    return found if isinstance(found, bytes) else b""
