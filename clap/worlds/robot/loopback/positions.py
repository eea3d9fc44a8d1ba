"""Where everything of the served scene is, in memory that the serving process shares with those who draw it."""

from __future__ import annotations

import ctypes
import multiprocessing

import numpy as np
from numpy.typing import NDArray

MOST_POSITIONS = 256


class ServedPositions:
    """The joint positions of the whole served scene, MuJoCo's qpos, in memory that processes share."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._values = context.RawArray(ctypes.c_double, MOST_POSITIONS)
        self._count = context.RawValue(ctypes.c_uint32)

    def __call__(self) -> NDArray[np.floating]:
        """(nq,) the positions now."""
        return np.array(self._values[: self._count.value])

    def set(self, values: NDArray[np.floating]) -> None:
        """By the process that serves them."""
        self._values[: len(values)] = values.tolist()
        self._count.value = len(values)
