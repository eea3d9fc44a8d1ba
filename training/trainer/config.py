"""Configurations of trainings: frozen dataclasses, read from a JSON file and options of the command line.

Errors say which key or option, what was expected and what is known. Lists in JSON are tuples here.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import typing
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from clap.config_reader import ConfigReader
from clap.errors import ClapError

T = TypeVar("T")


class TrainingConfigError(ClapError):
    """A training cannot be set up as it is configured."""

    name = "training not possible as configured"
    default_next_move = "Correct the configuration, or the option; --help explains each."


def config_of(kind: type[T], values: Any, source: str, error: Callable[[str], ClapError] = TrainingConfigError) -> T:
    """The dataclass that plain values say, nested ones too; complaints name their ``source``. Raises ``error``."""
    return ConfigReader(source, error).read(kind, values)


def read_json(path: Path, error: Callable[[str], ClapError] = TrainingConfigError) -> Any:
    """The values of a JSON file. Raises ``error`` if it cannot be read."""
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as problem:
        raise error(f"{path} cannot be read: {problem}.") from problem


def read_config(
    kind: type[T],
    path: Path | None,
    changes: Mapping[str, Any] | None = None,
    error: Callable[[str], ClapError] = TrainingConfigError,
) -> T:
    """The dataclass ``kind`` from a JSON file, or from nothing; ``changes`` that are not None replace values of it.

    Raises ``error``.
    """
    given = {name: value for name, value in (changes or {}).items() if value is not None}
    if path is None:
        return config_of(kind, given, "the options", error)
    values = read_json(path, error)
    return config_of(kind, {**values, **given} if isinstance(values, dict) else values, str(path), error)


def add_options(parser: argparse.ArgumentParser, kind: type) -> None:
    """An option for each field of a flat configuration, and ``--config``; what is not given is not in the result.

    A field's help is a text in its annotation: ``Annotated[float, "CPU time"]``.
    """
    parser.add_argument("--config", type=Path, help="JSON file of the run; other options replace values of it")
    forms, annotated = typing.get_type_hints(kind), typing.get_type_hints(kind, include_extras=True)
    for field in dataclasses.fields(kind):
        form = forms[field.name]
        help = getattr(annotated[field.name], "__metadata__", ("",))[0]
        default = "needed, here or in --config" if field.default is dataclasses.MISSING else field.default
        about: dict[str, Any] = {"default": argparse.SUPPRESS, "help": f"{help} ({default})"}
        if form is bool:
            about["action"] = argparse.BooleanOptionalAction
        elif typing.get_origin(form) is typing.Literal:
            about["choices"] = typing.get_args(form)
        else:  # of "this or None" the first
            about["type"] = next(iter(typing.get_args(form)), form)
        parser.add_argument("--" + field.name.replace("_", "-"), **about)


def read_options(kind: type[T], options: argparse.Namespace) -> T:
    """The configuration that the options of ``add_options`` ask for. Raises TrainingConfigError."""
    names = {field.name for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    return read_config(kind, options.config, {name: value for name, value in vars(options).items() if name in names})
