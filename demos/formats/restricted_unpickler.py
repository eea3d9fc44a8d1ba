"""Reads the pickles in which RLBench stores its demonstrations, and runs nothing of what they ask for.

A pickle is a program. This one may name RLBench's two classes and numpy's arrays, and gets stand-ins for all of them,
which only keep what they are given; the arrays are made afterwards, from bytes whose number fits. Everything else is
refused before the first instruction runs.
"""

from __future__ import annotations

import codecs
import functools
import io
import math
import pickle
import pickletools
import re
from pathlib import Path
from typing import Any

import numpy as np

from demos.errors import DamagedFileError

LARGEST_FILE = 256 << 20
MOST_INSTRUCTIONS = 5_000_000
REFUSED = {"PERSID", "BINPERSID", "EXT1", "EXT2", "EXT4", "NEXT_BUFFER", "READONLY_BUFFER"}
PLAIN = re.compile(r"[biufcSU]\d{1,6}")
"""numpy's codes of plain values; objects ("O") and records ("V") are not among them."""


class Stored:
    """An object of RLBench: its attributes, under the names that they have there, in ``values``."""

    values: dict[str, Any]

    def __new__(cls, *_: Any) -> Stored:
        made = super().__new__(cls)
        made.values = {}
        return made

    def __setstate__(self, state: Any) -> None:
        parts = state if isinstance(state, tuple) else (state,)
        for part in parts:
            if part is not None and not isinstance(part, dict):
                raise pickle.UnpicklingError("the state of an object is not a dictionary")
            self.values.update({str(name): value for name, value in (part or {}).items()})


class _Dtype:
    def __init__(self, code: Any, *_: Any):
        self.code, self.order = str(code), "="

    def __setstate__(self, state: Any) -> None:
        self.order = str(state[1])

    def dtype(self) -> np.dtype[Any]:
        if not PLAIN.fullmatch(self.code) or self.order not in ("<", ">", "=", "|"):
            raise pickle.UnpicklingError(f"arrays of {self.code[:20]!r} are not read")
        return np.dtype(self.order + self.code)


class _Array:
    def __init__(self, *_: Any):
        self.state: tuple[Any, ...] = ()

    def __setstate__(self, state: Any) -> None:
        self.state = tuple(state)

    def array(self) -> np.ndarray[Any, Any]:
        _, shape, dtype, by_columns, content = self.state
        kind, shape = dtype.dtype(), tuple(map(int, shape))
        if (
            not isinstance(content, (bytes, bytearray))
            or min(shape, default=0) < 0
            or len(content) != math.prod(shape) * kind.itemsize
        ):
            raise pickle.UnpicklingError("an array's bytes do not fit its shape")
        return np.frombuffer(content, kind).reshape(shape, order="F" if by_columns else "C").copy()


class _Scalar:
    def __init__(self, dtype: _Dtype, content: bytes):
        self.dtype, self.content = dtype, content

    def __setstate__(self, _: Any) -> None:
        # Without this, a pickle could write to the class itself, and so reach the reading of later files.
        raise pickle.UnpicklingError("a number has no state")

    def value(self) -> Any:
        return _one(np.frombuffer(self.content, self.dtype.dtype()))


def _one(values: np.ndarray[Any, Any]) -> Any:
    if len(values) != 1:
        raise pickle.UnpicklingError("a number's bytes do not fit its kind")
    return values[0].item()


def _from_buffer(content: Any, dtype: Any, shape: Any, order: Any) -> _Array:
    """How pickles of protocol 5 spell an array."""
    made = _Array()
    made.state = (1, shape, dtype, order == "F", content)
    return made


def _encode(text: str, coding: str = "latin1") -> bytes:
    """How older pickles spell bytes."""
    if codecs.lookup(str(coding)).name != "iso8859-1":
        raise pickle.UnpicklingError(f"text in {coding!r} is not read")
    return str(text).encode("latin1")


ALLOWED: dict[tuple[str, str], Any] = {
    ("rlbench.demo", "Demo"): Stored,
    ("rlbench.backend.observation", "Observation"): Stored,
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Dtype,
    ("numpy.core.multiarray", "_reconstruct"): _Array,
    ("numpy._core.multiarray", "_reconstruct"): _Array,
    ("numpy.core.multiarray", "scalar"): _Scalar,
    ("numpy._core.multiarray", "scalar"): _Scalar,
    ("numpy.core.numeric", "_frombuffer"): _from_buffer,
    ("numpy._core.numeric", "_frombuffer"): _from_buffer,
    ("_codecs", "encode"): _encode,
    ("copyreg", "_reconstructor"): lambda cls, *_: cls(),
    ("copy_reg", "_reconstructor"): lambda cls, *_: cls(),
    ("builtins", "object"): object,
    ("__builtin__", "object"): object,
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            found = ALLOWED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}") from None
        # A function of its own for every mention: a pickle may set attributes of what it is given.
        return found if isinstance(found, type) else functools.partial(found)

    def persistent_load(self, pid: Any) -> Any:
        raise pickle.UnpicklingError("it asks for something outside of the file")


def load_pickle(path: Path) -> Any:
    """What the file holds: plain values, arrays, and ``Stored`` objects.

    Raises DamagedFileError for everything else, and for a file that is cut off or absurdly large.
    """
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise DamagedFileError(f"{path.name} is larger than {LARGEST_FILE >> 20} MB.")
        content = path.read_bytes()
        _look_through(content)
        return _plain(_Unpickler(io.BytesIO(content)).load(), {})
    except (
        OSError, pickle.UnpicklingError, EOFError, ValueError, TypeError, AttributeError, IndexError, KeyError,
        LookupError, MemoryError, RecursionError, OverflowError, ImportError,
    ) as error:  # fmt: skip
        raise DamagedFileError(f"{path.name} is refused: {error or type(error).__name__}.") from error


def _look_through(content: bytes) -> None:
    """Raises UnpicklingError if an instruction is refused, or wants memory that the file's size does not explain."""
    for count, (opcode, argument, _) in enumerate(pickletools.genops(content), 1):
        if opcode.name in REFUSED or count > MOST_INSTRUCTIONS:
            raise pickle.UnpicklingError(f"the instruction {opcode.name} is not read")
        if opcode.name in ("GLOBAL", "INST") and tuple(str(argument).split(" ", 1)) not in ALLOWED:
            raise pickle.UnpicklingError(f"it asks for {str(argument).replace(' ', '.')}")
        if "PUT" in opcode.name and int(str(argument)) > count:
            raise pickle.UnpicklingError("it asks for more memory than its size explains")


def _plain(value: Any, done: dict[int, Any]) -> Any:
    """The value with arrays in the places of their stand-ins; what is shared stays shared."""
    if id(value) in done:
        return done[id(value)][1]
    found: Any = value
    if isinstance(value, _Array):
        found = value.array()
    elif isinstance(value, _Scalar):
        found = value.value()
    elif isinstance(value, list):
        found = []
        done[id(value)] = (value, found)
        found.extend(_plain(item, done) for item in value)
    elif isinstance(value, tuple):
        found = tuple(_plain(item, done) for item in value)
    elif isinstance(value, dict):
        found = {}
        done[id(value)] = (value, found)
        found.update({_key(name): _plain(item, done) for name, item in value.items()})
    elif isinstance(value, Stored):
        done[id(value)] = (value, value)
        value.values = _plain(value.values, done)
    elif not isinstance(value, (str, bytes, int, float, bool, complex, type(None))):
        raise pickle.UnpicklingError(f"it holds a {type(value).__name__}")
    done[id(value)] = (value, found)
    return found


def _key(name: Any) -> Any:
    if not isinstance(name, (str, bytes, int, float, bool, type(None))):
        raise pickle.UnpicklingError("a dictionary's key is no plain value")
    return name
