"""Which OpenGL back end MuJoCo renders with: EGL where there is one, else OSMesa."""

from __future__ import annotations

import ctypes.util
import os

BACKENDS = (("egl", "EGL"), ("osmesa", "OSMesa"))


def choose_backend() -> str | None:
    """Set MUJOCO_GL unless it is set already, and return it; None if no off-screen library was found.

    MuJoCo reads the variable once, at its first import, so this runs before any of the package's modules import it.
    """
    chosen = os.environ.get("MUJOCO_GL")
    if chosen:
        return chosen
    for backend, library in BACKENDS:
        if ctypes.util.find_library(library):
            os.environ["MUJOCO_GL"] = backend
            return backend
    return None
