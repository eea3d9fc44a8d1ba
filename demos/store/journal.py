"""The journal of a take in progress: an append-only file from which a crash loses at most the last second.

A record is a head (magic, lengths, checksum), a JSON text, and the images' bytes. Record 0 tells the take, the others
are frames and marks in the order in which they came. Whatever follows the first record that is not whole is what a
crash left of the last write; it is cut off when the journal is read again.
"""

from __future__ import annotations

import json
import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from demos.errors import DamagedFileError
from demos.frames import TakeInfo
from demos.store.rows import Row
from demos.store.schema import KEYFRAME, SCHEMA_VERSION, CameraShape, SetShape

MAGIC = b"CLPJ"
HEAD = struct.Struct("<4sIII")
"""Magic, length of the JSON text, length of the images, CRC-32 of both."""

LARGEST = 256 << 20
"""Bytes of the largest record that is believed."""


def pack(value: dict[str, Any]) -> bytes:
    """A record of the values; those that are bytes follow the JSON text."""
    blobs = {name: item for name, item in value.items() if isinstance(item, bytes)}
    rest = {name: item for name, item in value.items() if not isinstance(item, bytes)}
    text = json.dumps({"values": rest, "blobs": {name: len(blob) for name, blob in blobs.items()}}).encode()
    body = b"".join((text, *blobs.values()))
    return HEAD.pack(MAGIC, len(text), len(body) - len(text), zlib.crc32(body)) + body


def first_record(take_id: str, info: TakeInfo, shape: SetShape) -> bytes:
    """The record that begins a journal."""
    return pack({"schema": SCHEMA_VERSION, "id": take_id, "take": asdict(info), "shape": asdict(shape)})


class Journal:
    """A journal file that is there to be read: what take it is, how many whole frames it has, and its rows."""

    def __init__(self, path: Path):
        """Raises DamagedFileError if not even the first record is whole, or if a newer version wrote it."""
        self.path = path
        self._offsets: list[int] = []
        self._marks: set[int] = set()
        self.first: dict[str, Any] = {}
        self.end = 0
        self.wall_times: list[float] = []
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            while (values := _read(file, size, blobs=False)) is not None:
                self._note(values, self.end)
                self.end = file.tell()
        self.torn = size - self.end
        if not self.first:
            raise DamagedFileError(f"The journal {path.name} holds nothing that can be read.")

    def _note(self, values: Row, offset: int) -> None:
        try:
            if not self.first:
                self.id, self.info = str(values["id"]), TakeInfo(**values["take"])
                cameras = tuple(CameraShape(**camera) for camera in values["shape"]["cameras"])
                self.shape = SetShape(**{**values["shape"], "cameras": cameras})
                if values["schema"] != SCHEMA_VERSION:
                    raise ValueError("another version wrote it")
                self.first = values
            elif "mark" in values:
                self._marks.add(int(values["mark"]))
            else:
                self.wall_times.append(float(values["wall_time"]))
                self._offsets.append(offset)
        except (KeyError, TypeError, ValueError) as error:
            raise DamagedFileError(f"The journal {self.path.name} cannot be read: {error}.") from error

    @property
    def offsets(self) -> tuple[int, ...]:
        """Where each frame's record begins, bytes."""
        return tuple(self._offsets)

    def __len__(self) -> int:
        return len(self._offsets)

    def rows(self, images: bool = True) -> Iterator[Row]:
        """The frames in order; without ``images``, the image columns are left out."""
        with self.path.open("rb") as file:
            for number, offset in enumerate(self._offsets):
                file.seek(offset)
                row = _read(file, self.end, images)
                if row is None:
                    raise DamagedFileError(f"The journal {self.path.name} changed while it was read.")
                row[KEYFRAME] = row[KEYFRAME] or number in self._marks
                yield row

    def cut(self) -> None:
        """Cut off what follows the last whole record."""
        with self.path.open("r+b") as file:
            file.truncate(self.end)
            os.fsync(file.fileno())
        self.torn = 0


def _read(file: Any, size: int, blobs: bool) -> Row | None:
    """The next record's values, or None if there is no whole one; the checksum is checked in any case."""
    head = file.read(HEAD.size)
    if len(head) < HEAD.size:
        return None
    magic, text_size, blob_size, checksum = HEAD.unpack(head)
    if magic != MAGIC or text_size + blob_size > min(LARGEST, size - file.tell()):
        return None
    body = file.read(text_size + blob_size)
    if len(body) < text_size + blob_size or zlib.crc32(body) != checksum:
        return None
    try:
        content = json.loads(body[:text_size])
        values: Row = dict(content["values"])
        if blobs:
            start = text_size
            for name, length in content["blobs"].items():
                values[name] = body[start : start + length]
                start += length
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None  # not written by this program
    return values
