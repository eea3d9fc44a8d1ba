"""Images as other programs put them into a LeRobot set: decoded only if they are what the set says they are."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from demos.errors import DamagedFileError
from demos.formats.lerobot.columns import Picture
from demos.store.images import decode_image

COLOUR = ("PNG", "JPEG"), ("RGB",)
DEPTH = ("PNG", "TIFF"), ("I;16", "I;16B", "I", "F")
"""The file formats and pixel types of each; LeRobot itself writes depth as TIFF."""


def colour(value: Any, picture: Picture) -> NDArray[np.uint8]:
    """The colour image (H, W, 3) uint8 in a cell. Raises DamagedFileError."""
    return np.asarray(_decoded(value, picture, *COLOUR), np.uint8)


def depth(value: Any, picture: Picture) -> NDArray[np.float32]:
    """The depth (H, W) float32 metres in a cell, 0 = invalid. Raises DamagedFileError."""
    if picture.encoded:
        raw = np.asarray(_decoded(value, picture, *DEPTH)).astype(np.float32)
    else:
        try:
            raw = np.array(value, np.float32).reshape(picture.height, picture.width)
        except (TypeError, ValueError) as error:
            raise DamagedFileError(
                f"{picture.column} does not hold {picture.height} x {picture.width} numbers in each frame."
            ) from error
    metres = raw * np.float32(picture.unit)
    return np.where(np.isfinite(metres) & (metres > 0), metres, 0).astype(np.float32)


def _decoded(value: Any, picture: Picture, formats: tuple[str, ...], modes: tuple[str, ...]) -> Image.Image:
    encoded = value.get("bytes") if isinstance(value, dict) else None
    if not isinstance(encoded, bytes):
        raise DamagedFileError(
            f"An image of {picture.column} is not in the set's file.",
            "Images that are files of their own are not followed; write the set with embedded images.",
        )
    return decode_image(encoded, f"An image of {picture.column}", formats, modes, (picture.width, picture.height))
