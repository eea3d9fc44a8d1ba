"""Logs as lines of JSON, which other programs may follow while they are written."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class JsonLog:
    """Appends lines to a file. Several processes may write one file: a line is one write."""

    def __init__(self, path: Path):
        self._path = path

    def append(self, line: Mapping[str, Any]) -> None:
        """Append a line, and print it. What a kill has cut off before it stays a line of its own."""
        text = json.dumps(line)
        end = b"" if _ends_whole(self._path) else b"\n"
        handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(handle, end + text.encode() + b"\n")
        finally:
            os.close(handle)
        print(text, flush=True)


def _ends_whole(path: Path) -> bool:
    """False if a kill has cut the last line."""
    try:
        with path.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read(1) == b"\n"
    except OSError:  # no file, or nothing in it
        return True


def read_json_log(path: Path) -> list[dict[str, Any]]:
    """The lines so far, none if there is no file; what is cut or no object is left out."""
    out = []
    for line in path.read_bytes().split(b"\n") if path.exists() else ():
        try:
            found = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(found, dict):
            out.append(found)
    return out
