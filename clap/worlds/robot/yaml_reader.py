"""A YAML file as frozen dataclasses: every key, type and range checked, and every complaint says where."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import yaml

from clap.config_reader import ConfigReader, below
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
    # YAML 1.1 reads the word "off" as false.
    reader = ConfigReader(str(path), RobotConfigError, path.parent, lines, nothing=(None, False))
    return reader.read(kind, {} if value is None else value)


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
            name = below(where, str(key.value))
            line = key.start_mark.line + 1
            if name in lines:
                raise RobotConfigError(f"{path}, line {line}: {name} is given twice, first in line {lines[name]}.")
            lines[name] = line
            _note_lines(value, name, lines, path)
    elif isinstance(node, yaml.SequenceNode):
        for k, item in enumerate(node.value):
            _note_lines(item, f"{where}[{k}]", lines, path)
