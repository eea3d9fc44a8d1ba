"""A YAML file as frozen dataclasses: every key, type and range checked, and every complaint says where."""

from __future__ import annotations

import dataclasses
import difflib
import math
import types
import typing
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar, Union

import yaml

from clap.worlds.robot.errors import RobotConfigError

MAX_BYTES = 64 * 1024
"""A configuration has some kilobytes; more is a mistake."""

MAX_DEPTH = 16
"""PyYAML takes minutes over thousands of brackets within each other."""

_OPENING = (
    yaml.BlockMappingStartToken,
    yaml.BlockSequenceStartToken,
    yaml.FlowMappingStartToken,
    yaml.FlowSequenceStartToken,
)
_CLOSING = (yaml.BlockEndToken, yaml.FlowMappingEndToken, yaml.FlowSequenceEndToken)

T = TypeVar("T")


def read_yaml(path: Path, kind: type[T]) -> T:
    """The file as the dataclass ``kind``. Relative paths in it are taken from the file's own folder.

    Raises RobotConfigError with the key, its line, what was expected and what was found.
    """
    text = _text(path)
    try:
        depth = 0
        for token in yaml.scan(text):
            depth += isinstance(token, _OPENING) - isinstance(token, _CLOSING)
            if depth > MAX_DEPTH:
                raise RobotConfigError(f"{path} is nested more than {MAX_DEPTH} levels deep: this is no configuration.")
            if isinstance(token, yaml.AliasToken | yaml.AnchorToken | yaml.TagToken):
                line = token.start_mark.line + 1
                raise RobotConfigError(f"{path}, line {line}: anchors, aliases and tags are not used here.")
        lines: dict[str, int] = {}
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        if node is not None:
            _note_lines(node, "", lines, path)
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise RobotConfigError(f"{path} is not valid YAML: {' '.join(str(error).split())}.") from error
    return _Reader(path, lines).read(kind, {} if value is None else value, "")


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise RobotConfigError(f"{path} is larger than {MAX_BYTES // 1024} kB: this is no configuration.")
        return data.decode("utf-8")
    except OSError as error:
        raise RobotConfigError(f"{path} cannot be read: {error.strerror}.", "Name an existing file.") from error
    except UnicodeDecodeError as error:
        raise RobotConfigError(f"{path} is not a text file in UTF-8.") from error


def _note_lines(node: yaml.Node, where: str, lines: dict[str, int], path: Path) -> None:
    """Remember the line of every key, and refuse a key given twice: YAML would silently take the last one."""
    lines.setdefault(where, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            name = _below(where, str(key.value))
            line = key.start_mark.line + 1
            if name in lines:
                raise RobotConfigError(f"{path}, line {line}: {name} is given twice, first in line {lines[name]}.")
            lines[name] = line
            _note_lines(value, name, lines, path)
    elif isinstance(node, yaml.SequenceNode):
        for k, item in enumerate(node.value):
            _note_lines(item, f"{where}[{k}]", lines, path)


def _below(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key


class _Reader:
    def __init__(self, path: Path, lines: dict[str, int]):
        self._path, self._lines = path, lines

    def read(self, kind: Any, value: Any, where: str) -> Any:
        if dataclasses.is_dataclass(kind):
            return self._dataclass(typing.cast("type", kind), value, where)
        origin = typing.get_origin(kind)
        if origin in (Union, types.UnionType):
            (inner,) = (a for a in typing.get_args(kind) if a is not type(None))
            # YAML 1.1 reads the word "off" as false.
            return None if value is None or value is False else self.read(inner, value, where)
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
                near = difflib.get_close_matches(str(key), fields, 1)
                hint = f"did you mean {near[0]}?" if near else f"known are: {', '.join(fields)}."
                self._complain(_below(where, str(key)), f"there is no such key; {hint}")
        read = {key: self.read(hints[key], item, _below(where, key)) for key, item in value.items()}
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
            read[field.name] = self._path.parent / field.default
        elif dataclasses.is_dataclass(kind):
            read[field.name] = self.read(kind, {}, _below(where, field.name))

    def _tuple(self, items: tuple[Any, ...], value: Any, where: str) -> tuple[Any, ...]:
        if not isinstance(value, list):
            self._refuse(where, "a list", value)
        if items[-1] is Ellipsis:
            items = (items[0],) * len(value)
        if len(value) != len(items):
            self._refuse(where, f"a list of {len(items)} values", value)
        pairs = zip(items, value, strict=True)
        return tuple(self.read(kind, item, f"{where}[{k}]") for k, (kind, item) in enumerate(pairs))

    def _plain(self, kind: type, value: Any, where: str) -> Any:
        if issubclass(kind, Enum):
            choices = [member.value for member in kind]
            if value not in choices:
                self._refuse(where, f"one of {', '.join(map(str, choices))}", value)
            return kind(value)
        if kind is Path:
            if not isinstance(value, str) or not value:
                self._refuse(where, "a path", value)
            return self._path.parent / Path(value).expanduser()
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
        at = f"{self._path}, line {line}" if line else str(self._path)
        raise RobotConfigError(f"{at}: {where + ': ' if where else ''}{what}")
