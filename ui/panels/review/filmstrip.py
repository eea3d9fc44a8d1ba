"""The film strip of an episode: its keyframes side by side."""

from __future__ import annotations

import numpy as np
from PIL import Image

from demos.frames import HUMAN
from demos.store.episode import RecordedEpisode
from training.evaluation.filmstrip import side_by_side

HEIGHT, GAP, BAR = 112, 2, 4
"""Height of a picture of the strip, the gap between two, and the bar under what a person commanded, pixels."""

MOST_PICTURES = 6
QUALITY = 72
BY_HAND = (192, 132, 252)
"""The page's colour for what is the operator's own."""

USUAL_CAMERA = "front"


def filmstrip(episode: RecordedEpisode) -> bytes:
    """The keyframes side by side as WebP, seen by the front camera, or else the first one. Raises DamagedFileError."""
    names = [camera.name for camera in episode.shape.cameras]
    camera = USUAL_CAMERA if USUAL_CAMERA in names else names[0]
    pictures = [_picture(episode, number, camera) for number in chosen_frames(episode)]
    return side_by_side(pictures, GAP, "black", QUALITY, 3)


def chosen_frames(episode: RecordedEpisode) -> list[int]:
    """The first frame and the keyframes; where they are too many the last, and others evenly between."""
    frames = sorted({0, *map(int, episode.keyframes)})
    if len(frames) == 1 and len(episode) > 1:
        frames.append(len(episode) - 1)
    kept = np.linspace(0, len(frames) - 1, min(len(frames), MOST_PICTURES)).round().astype(int)
    return [frames[k] for k in kept]


def _picture(episode: RecordedEpisode, number: int, camera: str) -> Image.Image:
    whole = Image.fromarray(episode.picture(number, camera))
    picture = whole.resize((max(1, round(whole.width * HEIGHT / whole.height)), HEIGHT), Image.Resampling.BILINEAR)
    if episode.sources[number] == HUMAN:
        picture.paste(BY_HAND, (0, HEIGHT - BAR, picture.width, HEIGHT))
    return picture
