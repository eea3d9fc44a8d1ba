"""Arrays in msgpack, as msgpack_numpy writes them, without its reader, which unpickles arrays of objects."""

from __future__ import annotations

import math
import re
from typing import Any

import msgpack
import numpy as np

from demos.errors import DamagedFileError

PLAIN = re.compile(r"[<>|=]?[biuf][1248]")


def pack(value: Any) -> bytes:
    """The value, its arrays as msgpack_numpy has them."""
    return msgpack.packb(value, default=_from_array, use_bin_type=True)


def unpack(content: bytes) -> Any:
    """Plain values and arrays of plain numbers. Raises DamagedFileError for anything else."""
    try:
        # Lists and texts that say they are longer than the content are refused by msgpack itself.
        return msgpack.unpackb(content, object_hook=_to_array, raw=False, strict_map_key=False)
    except (msgpack.UnpackException, ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
        raise DamagedFileError(f"A record is refused: {error or type(error).__name__}.") from error


def _from_array(value: Any) -> Any:
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        return {b"nd": True, b"type": value.dtype.str, b"kind": b"", b"shape": value.shape, b"data": value.tobytes()}
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} cannot be written")


def _to_array(value: dict[Any, Any]) -> Any:
    if b"nd" not in value and "nd" not in value:
        return value
    fields = {key.decode() if isinstance(key, bytes) else key: item for key, item in value.items()}
    kind, data = fields["type"], fields["data"]
    if not isinstance(kind, str) or not PLAIN.fullmatch(kind) or not isinstance(data, bytes):
        raise ValueError(f"arrays of {str(kind)[:20]} are not read")
    dtype = np.dtype(kind)
    if not fields["nd"]:
        shape: tuple[int, ...] = (1,)
    else:
        shape = tuple(map(int, fields["shape"]))
    if min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize != len(data):
        raise ValueError("an array's bytes do not fit its shape")
    array = np.frombuffer(data, dtype).reshape(shape)
    return array if fields["nd"] else array[0]
