"""Images of a frame as PNG bytes: colour with 8 bits a channel, depth with 16 bits in millimetres.

PNG and not video: a take has tens to hundreds of frames, is committed within a fraction of a second, and keeps its
depth exact. Level 1 of the compression: on our scenes level 6 saves a quarter of the bytes for twice the CPU time.
"""

from __future__ import annotations

import io
import warnings

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from demos.errors import DamagedFileError

LINES_AND_LEVEL = [cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_UP, cv2.IMWRITE_PNG_COMPRESSION, 1]
"""Each line as its difference from the one above. Trying all five filters on every line, as Pillow does, takes 11 ms of
CPU time for four cameras instead of 6, and saves no bytes. Recording shares two cores with the simulation."""

MILLIMETRE = 1000.0
FARTHEST = 65535

LARGEST_IMAGE, LARGEST_SIDE = 32 << 20, 2048
"""Bytes of an encoded image, and pixels of a side where no size is expected, that are read at most."""

_UNDECODABLE = (
    *(OSError, SyntaxError, ValueError, TypeError, KeyError, OverflowError, MemoryError),
    *(Image.DecompressionBombWarning, Image.DecompressionBombError),
)
"""What Pillow raises for bytes that are no image, or a dangerous one."""


def encode_rgb(rgb: NDArray[np.uint8]) -> bytes:
    """PNG of a colour image (H, W, 3) uint8."""
    return _png(np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), np.uint8))


def encode_depth(depth: NDArray[np.floating]) -> bytes:
    """16-bit PNG, in mm, of a depth image (H, W) metres; 0 for what is invalid or farther than 65.535 m."""
    with np.errstate(invalid="ignore", over="ignore"):
        millimetres = np.rint(np.asarray(depth, np.float32) * np.float32(MILLIMETRE))
        valid = (millimetres > 0) & (millimetres <= FARTHEST)
    return _png(np.where(valid, millimetres, 0).astype(np.uint16))


def decode_rgb(png: bytes, height: int, width: int) -> NDArray[np.uint8]:
    """The colour image (H, W, 3) uint8. Raises DamagedFileError unless it is a PNG of that size."""
    return np.asarray(decode_image(png, "An image", ("PNG",), ("RGB",), (width, height)), np.uint8)


def decode_depth(png: bytes, height: int, width: int) -> NDArray[np.float32]:
    """The depth image (H, W) float32 metres, 0 = invalid. Raises DamagedFileError unless it is a PNG of that size."""
    image = decode_image(png, "An image", ("PNG",), ("I;16", "I;16B", "I"), (width, height))
    return np.asarray(image).astype(np.float32) / np.float32(MILLIMETRE)


def _png(image: NDArray[np.unsignedinteger]) -> bytes:
    """PNG of an image as OpenCV has it: (H, W, 3) uint8 BGR or (H, W) uint16."""
    _, encoded = cv2.imencode(".png", image, LINES_AND_LEVEL)
    return encoded.tobytes()


def decode_image(
    encoded: bytes, what: str, formats: tuple[str, ...], modes: tuple[str, ...], size: tuple[int, int] | None = None
) -> Image.Image:
    """The image in bytes that nobody vouches for; ``what`` names it in errors.

    Decoded only after its header says that it has one of these ``formats`` and pixel ``modes``, and the ``size``
    (width, height) that was expected or, without one, at most LARGEST_SIDE: no small file unfolds. Raises
    DamagedFileError.
    """
    if len(encoded) > LARGEST_IMAGE:
        raise DamagedFileError(f"{what} is larger than {LARGEST_IMAGE >> 20} MB.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(encoded), formats=formats)
            fits = max(image.size) <= LARGEST_SIDE if size is None else image.size == size
            if not fits or image.mode not in modes:
                wanted = f"at most {LARGEST_SIDE} pixels a side" if size is None else f"{size[0]} x {size[1]}"
                raise DamagedFileError(
                    f"{what} is {image.size[0]} x {image.size[1]} {image.mode}, not {wanted} {modes[0]}."
                )
            image.load()
    except _UNDECODABLE as error:
        raise DamagedFileError(f"{what} cannot be decoded: it is no {' or '.join(formats)}, or not whole.") from error
    return image
