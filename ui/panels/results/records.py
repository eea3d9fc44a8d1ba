"""A checkpoint's training record, read without trust: what is not of the expected kind counts as missing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

MAX_BYTES, MAX_ENTRIES, MAX_TEXT = 1_000_000, 100, 500


class Record:
    """A JSON object, asked for values of one kind at a time."""

    def __init__(self, values: Mapping[str, Any]):
        self._values = values

    def part(self, name: str) -> Record:
        """The object under a name, an empty one if there is none."""
        found = self._values.get(name)
        return Record(found if isinstance(found, dict) else {})

    def names(self) -> list[str]:
        """The names in it, not too many of them and none too long."""
        return [name for name in list(self._values)[:MAX_ENTRIES] if len(name) <= MAX_TEXT]

    def text(self, name: str) -> str:
        """The text under a name, "" if there is none."""
        found = self._values.get(name)
        return found[:MAX_TEXT] if isinstance(found, str) else ""

    def texts(self, name: str) -> list[str]:
        """The list of texts under a name."""
        found = self._values.get(name)
        listed = found if isinstance(found, list) else []
        return [text[:MAX_TEXT] for text in listed[:MAX_ENTRIES] if isinstance(text, str)]

    def numbers(self) -> dict[str, float]:
        """The finite numbers by name."""
        return {name: self._values[name] for name in self.names() if _is_finite(self._values[name])}

    def flat(self, name: str) -> dict[str, str]:
        """The object under a name as texts, with the lists in it joined."""
        inner = self.part(name)
        return {key: _words(inner._values[key])[:MAX_TEXT] for key in inner.names()}


def read_record(path: Path) -> Record:
    """The record, an empty one if there is none. Raises ValueError with a sentence if the file is no JSON object."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        found = json.loads(content) if len(content) <= MAX_BYTES else None
    except FileNotFoundError:
        return Record({})
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"{path.name} cannot be read as JSON ({type(error).__name__}).") from error
    if not isinstance(found, dict):
        raise ValueError(f"{path.name} must be a JSON object of at most {MAX_BYTES // 1000} kB.")
    return Record(found)


def _is_finite(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e15


def _words(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(_words(one) for one in value[:MAX_ENTRIES] if not isinstance(one, (list, dict)))
    if isinstance(value, (int, float)):
        return f"{value:,}" if isinstance(value, int) else f"{value:g}"
    return value if isinstance(value, str) and value else "–"
