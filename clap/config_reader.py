"""Plain values (from YAML, JSON, a command line) as frozen dataclasses: every key, type and range checked, and every
complaint says which key, what was expected and what is known."""

from __future__ import annotations

import dataclasses
import difflib
import math
import types
import typing
from collections.abc import Callable, Mapping
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar, Union

from clap.errors import ClapError

T = TypeVar("T")


def below(where: str, key: str) -> str:
    """The name of a key within another one."""
    return f"{where}.{key}" if where else key


class ConfigReader:
    """Reads values that come from ``source``, a file or whatever a complaint is to name; ``error`` makes the complaint.

    ``folder``: where relative paths lie, None leaves them as they are. ``lines``: the line of every key, where known.
    ``nothing``: the values that stand for None.
    """

    def __init__(
        self,
        source: str,
        error: Callable[[str], ClapError],
        folder: Path | None = None,
        lines: Mapping[str, int] | None = None,
        nothing: tuple[object, ...] = (None,),
    ):
        self._source, self._error, self._folder = source, error, folder
        self._lines, self._nothing = lines or {}, nothing

    def read(self, kind: type[T], value: Any) -> T:
        """The value as the dataclass ``kind``. Raises the reader's error."""
        found: T = self._read(kind, value, "")
        return found

    def _read(self, kind: Any, value: Any, where: str) -> Any:
        if dataclasses.is_dataclass(kind):
            return self._dataclass(typing.cast("type", kind), value, where)
        origin = typing.get_origin(kind)
        if origin in (Union, types.UnionType):
            (inner,) = (a for a in typing.get_args(kind) if a is not type(None))
            return None if any(value is one for one in self._nothing) else self._read(inner, value, where)
        if origin is typing.Literal:
            return self._choice(typing.get_args(kind), value, where)
        if origin is tuple:
            return self._tuple(typing.get_args(kind), value, where)
        return self._plain(kind, value, where)

    def _dataclass(self, kind: type, value: Any, where: str) -> Any:
        if not isinstance(value, dict):
            self._refuse(where, "keys with values below it", value)
        hints = typing.get_type_hints(kind)
        fields = {field.name: field for field in dataclasses.fields(kind)}
        for key in value:
            if key not in fields:
                near = difflib.get_close_matches(str(key), fields, 1, cutoff=0.7)
                hint = f"did you mean {near[0]}?" if near else f"known are: {', '.join(fields)}."
                self._complain(below(where, str(key)), f"there is no such key; {hint}")
        read = {key: self._read(hints[key], item, below(where, key)) for key, item in value.items()}
        for name, field in fields.items():
            if name not in read:
                self._leave_out(hints[name], field, read, where)
        try:
            return kind(**read)
        except ValueError as error:
            self._complain(where, f"{error}.")

    def _leave_out(self, kind: Any, field: dataclasses.Field[Any], read: dict[str, Any], where: str) -> None:
        """Fill in a key that was left out; a path by default lies in the file's folder as one that is given does."""
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            self._complain(where, f"the key {field.name} is missing.")
        if isinstance(field.default, Path):
            read[field.name] = self._placed(field.default)
        elif dataclasses.is_dataclass(kind):
            read[field.name] = self._read(kind, {}, below(where, field.name))

    def _placed(self, path: Path) -> Path:
        return path if self._folder is None else self._folder / path

    def _tuple(self, items: tuple[Any, ...], value: Any, where: str) -> tuple[Any, ...]:
        if not isinstance(value, list | tuple):
            self._refuse(where, "a list", value)
        if items[-1] is Ellipsis:
            items = (items[0],) * len(value)
        if len(value) != len(items):
            self._refuse(where, f"a list of {len(items)} values", value)
        pairs = zip(items, value, strict=True)
        return tuple(self._read(kind, item, f"{where}[{k}]") for k, (kind, item) in enumerate(pairs))

    def _choice(self, choices: typing.Sequence[Any], value: Any, where: str) -> Any:
        if value not in choices:
            self._refuse(where, f"one of {', '.join(map(str, choices))}", value)
        return value

    def _plain(self, kind: type, value: Any, where: str) -> Any:
        if issubclass(kind, Enum):
            return kind(self._choice([member.value for member in kind], value, where))
        if issubclass(kind, Path):
            if not isinstance(value, str | Path) or not str(value):
                self._refuse(where, "a path", value)
            return self._placed(Path(value).expanduser())
        if kind is str and not isinstance(value, str):
            self._refuse(where, 'a text in quotes, such as "012345"', value)
        if kind is bool and not isinstance(value, bool):
            self._refuse(where, "true or false", value)
        if kind in (int, float) and (isinstance(value, bool) or not isinstance(value, int | float)):
            self._refuse(where, "a number", value)
        if kind is int and not isinstance(value, int):
            self._refuse(where, "a whole number", value)
        if kind is float:
            value = float(value) if abs(value) < 1e300 else math.nan
            if not math.isfinite(value):
                self._refuse(where, "a finite number", value)
        return value

    def _refuse(self, where: str, expected: str, value: Any) -> typing.NoReturn:
        found = repr(value)
        self._complain(where, f"expected {expected}, found {found if len(found) < 60 else found[:57] + '...'}.")

    def _complain(self, where: str, what: str) -> typing.NoReturn:
        line = self._lines.get(where)
        at = f"{self._source}, line {line}" if line else self._source
        raise self._error(f"{at}: {where + ': ' if where else ''}{what}")
