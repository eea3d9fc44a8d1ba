"""Compile the few loops over every point and pixel that numpy would make passes of."""

from __future__ import annotations

from collections.abc import Callable

import numba


def compiled(function: Callable) -> Callable:
    """Numba without the GIL, cached on disk where some folder can be written, else compiled anew per process.

    Numba looks for a cache beside the source, then in the user's cache folder, and raises where neither can be
    written (a read-only image without a home). That must cost seconds, never the import.
    """
    try:
        return numba.njit(cache=True, nogil=True)(function)
    except RuntimeError:
        return numba.njit(nogil=True)(function)
