"""A failed episode in one small picture: the camera's view before each step, with the keypoint drawn in."""

from __future__ import annotations

import io
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from clap.geometry.frames import Array
from clap.geometry.observation import CameraFrame

HEIGHT, GAP = 180, 3
"""Height of a picture and the gap between two, pixels."""

AREA = ((0.0, -0.42, 0.75), (0.6, 0.42, 1.05))
"""Low and high corner, world metres, of what the pictures are cut to: the things and the gripper at work."""

MAX_PICTURES = 9
"""Longer episodes show their first pictures and the last one."""

PREDICTED, WANTED = (255, 45, 85), (74, 222, 128)
"""Colours of the predicted keypoint (a cross) and of the expert's (a ring)."""

QUALITY = 70


@dataclass(frozen=True)
class Shot:
    """What was seen before a step; ``predicted`` and ``wanted`` (3,) world metres, None where there is none."""

    frame: CameraFrame
    predicted: Array | None = None
    wanted: Array | None = None


def filmstrip(shots: Sequence[Shot]) -> bytes:
    """The pictures side by side, each with its number, as WebP. Raises ValueError without a picture."""
    if not shots:
        raise ValueError("film_strip needs at least one shot")
    numbered = list(enumerate(shots, start=1))
    if len(numbered) > MAX_PICTURES:
        numbered = [*numbered[: MAX_PICTURES - 1], numbered[-1]]
    return side_by_side([_picture(shot, number) for number, shot in numbered], GAP, "white", QUALITY, 6)


def side_by_side(pictures: Sequence[Image.Image], gap: int, between: str, quality: int, method: int) -> bytes:
    """Pictures of one height as one WebP; ``between`` is the colour of the ``gap``, ``method`` the packing's effort."""
    strip = Image.new("RGB", (sum(picture.width + gap for picture in pictures) - gap, pictures[0].height), between)
    left = 0
    for picture in pictures:
        strip.paste(picture, (left, 0))
        left += picture.width + gap
    file = io.BytesIO()
    strip.save(file, "WEBP", quality=quality, method=method)
    return file.getvalue()


def _picture(shot: Shot, number: int) -> Image.Image:
    left, top, right, bottom = _area(shot.frame)
    scale = HEIGHT / (bottom - top)
    cut = Image.fromarray(shot.frame.rgb[top:bottom, left:right])
    picture = cut.resize((round((right - left) * scale), HEIGHT), Image.Resampling.LANCZOS)
    draw = ImageDraw.Draw(picture)
    corner = np.array([left, top])
    if shot.wanted is not None and (seen := _seen_at(shot.wanted, shot.frame)) is not None:
        x, y = scale * (seen - corner)
        draw.ellipse((x - 6, y - 6, x + 6, y + 6), outline=WANTED, width=2)
    if shot.predicted is not None and (seen := _seen_at(shot.predicted, shot.frame)) is not None:
        x, y = scale * (seen - corner)
        draw.line((x - 5, y, x + 5, y), fill=PREDICTED, width=2)
        draw.line((x, y - 5, x, y + 5), fill=PREDICTED, width=2)
    draw.rectangle((0, 0, 15, 13), fill=(16, 22, 32))
    draw.text((8, 7), str(number), fill="white", anchor="mm")
    return picture


def _area(frame: CameraFrame) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of the part that shows AREA; the whole picture if a corner of it is out of sight."""
    height, width = frame.rgb.shape[:2]
    seen = [_seen_at(np.array(corner), frame) for corner in itertools.product(*zip(*AREA, strict=True))]
    corners = [pixel for pixel in seen if pixel is not None]
    if len(corners) < len(seen):
        return 0, 0, width, height
    left, top = np.clip(np.floor(np.min(corners, axis=0)), 0, (width - 1, height - 1)).astype(int)
    right, bottom = np.clip(np.ceil(np.max(corners, axis=0)), (left + 1, top + 1), (width, height)).astype(int)
    return int(left), int(top), int(right), int(bottom)


def _seen_at(point: Array, frame: CameraFrame) -> Array | None:
    """Continuous pixel (2,) of a world point in a camera; None behind it."""
    local = np.linalg.inv(frame.cam2world) @ np.append(np.asarray(point, float), 1.0)
    if not np.all(np.isfinite(local)) or local[2] <= 0.0:
        return None
    projected = frame.intrinsics @ local[:3]
    return projected[:2] / projected[2]
