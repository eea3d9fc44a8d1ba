"""Views as PNG images inside chat messages: what the remote planner sends and ``clap.serve`` reads.

A message shows each view as a text part that names it, then an image part with a data URL. Colours go as 8-bit RGB.
Depth, for a planner that sees it, follows the three views as "front depth", "left depth", "top depth": 16-bit
grayscale, 0 = nothing seen, else the fraction depth / edge of the workspace cube in steps of 1/65535. That is 15
micrometres for the default cube of one metre, finer than any camera, and needs no unit or edge beside the image.
"""

from __future__ import annotations

import base64
import binascii
import io
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from clap.geometry.frames import IMAGE_SIZE, VIEW_NAMES, Workspace
from clap.geometry.views import CanonicalViews, views_from_arrays

URL_START = "data:image/png;base64,"
MAX_IMAGE_BYTES = 512 * 1024
"""No PNG of a view is larger: 224 x 224 x 3 bytes of noise take 151 kB."""

DEPTH_STEPS = 65535
DEPTH_NAMES = tuple(f"{name} depth" for name in VIEW_NAMES)
UNIT_CUBE = Workspace((-0.5, -0.5, -0.5), (0.5, 0.5, 0.5))
"""The workspace of views that came as images: depths are fractions of its edge."""


class ImageFormatError(ValueError):
    """An image part is not what this module describes; the text says what was expected and what came."""


def view_parts(views: CanonicalViews, with_depth: bool) -> list[dict[str, Any]]:
    """The content parts of a chat message that show the views, each image behind its name."""
    images = list(zip(VIEW_NAMES, views.rgb, strict=True))
    if with_depth:
        edge = 2 * views.workspace.half_extent
        images += zip(DEPTH_NAMES, depth_steps(views.depth, edge), strict=True)
    parts: list[dict[str, Any]] = []
    for name, image in images:
        parts += [
            # The spaces around a name are those of planner.image_prefix: a chat template joins parts without any.
            {"type": "text", "text": f" {name} " if parts else f"{name} "},
            {"type": "image_url", "image_url": {"url": png_url(image)}},
        ]
    return parts


def depth_steps(depth: NDArray[np.floating], edge: float) -> NDArray[np.uint16]:
    """Metres (0 = empty) to 16-bit fractions of ``edge``; what was seen stays above 0."""
    steps = np.clip(np.rint(np.asarray(depth, float) / edge * DEPTH_STEPS), 1, DEPTH_STEPS)
    return np.where(depth > 0, steps, 0).astype(np.uint16)


def png_url(image: NDArray[Any]) -> str:
    """An image (S, S, 3) uint8 or (S, S) uint16 as the data URL of a PNG."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG", compress_level=1)
    return URL_START + base64.b64encode(buffer.getvalue()).decode("ascii")


def views_from_images(images: dict[str, str]) -> CanonicalViews:
    """Views from data URLs by name: the three views, and their depths or none of them (then depth is 0 throughout).

    The views' workspace is UNIT_CUBE. Raises ImageFormatError.
    """
    wanted = (VIEW_NAMES, VIEW_NAMES + DEPTH_NAMES)
    if not any(set(images) == set(names) for names in wanted):
        raise ImageFormatError(
            f"Expected images named {', '.join(VIEW_NAMES)}, with or without {', '.join(DEPTH_NAMES)}; "
            f"got {', '.join(images)}."
        )
    rgb = np.stack([_pixels(name, images[name], "RGB") for name in VIEW_NAMES])
    depth = np.zeros(rgb.shape[:3], np.float32)
    if len(images) > len(VIEW_NAMES):
        steps = np.stack([_pixels(name, images[name], "I;16") for name in DEPTH_NAMES])
        depth = (steps / DEPTH_STEPS).astype(np.float32)
    return views_from_arrays(rgb, depth, UNIT_CUBE)


def _pixels(name: str, url: str, mode: str) -> NDArray[Any]:
    """The pixels of one PNG; its header is checked before anything is unpacked."""
    if not url.startswith(URL_START):
        raise ImageFormatError(f"The image {name!r} is no '{URL_START}' URL; nothing is fetched from elsewhere.")
    if len(url) > MAX_IMAGE_BYTES * 4 // 3 + len(URL_START) + 4:
        raise ImageFormatError(f"The image {name!r} is larger than {MAX_IMAGE_BYTES // 1024} KiB.")
    try:
        data = base64.b64decode(url[len(URL_START) :], validate=True)
        with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
            if image.size != (IMAGE_SIZE, IMAGE_SIZE) or image.mode != mode:
                kind = "8-bit RGB" if mode == "RGB" else "16-bit grayscale"
                raise ImageFormatError(
                    f"The image {name!r} is {image.width} x {image.height} {image.mode}; "
                    f"expected {IMAGE_SIZE} x {IMAGE_SIZE}, {kind}."
                )
            return np.asarray(image)
    except ImageFormatError:
        raise
    except (binascii.Error, OSError, ValueError, SyntaxError, EOFError, zlib.error, Image.DecompressionBombError) as e:
        raise ImageFormatError(f"The image {name!r} is no readable PNG.") from e
