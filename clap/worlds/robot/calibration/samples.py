"""A folder of calibration samples: images of the board, and ``samples.yaml`` with the pose of the arm at each."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import yaml
from numpy.typing import NDArray
from PIL import Image

from clap.geometry.frames import Pose
from clap.worlds.robot.config import Mount, Triple
from clap.worlds.robot.errors import CalibrationError
from clap.worlds.robot.yaml_reader import read_yaml

INDEX = "samples.yaml"
LARGEST_IMAGE = 1920 * 1200
MOST_SAMPLES = 100

Quadruple = tuple[float, float, float, float]
Joints = tuple[float, float, float, float, float, float, float]


@dataclass(frozen=True)
class SampleEntry:
    """``image``: file name in the folder; ``position`` metres and ``quaternion`` xyzw of the tool centre point in the
    world while it was taken; ``joints`` rad, if known, for the overlay of the robot's model."""

    image: str
    position: Triple
    quaternion: Quadruple
    joints: Joints | None = None

    def __post_init__(self) -> None:
        if self.image != Path(self.image).name or not self.image.endswith(".png"):
            raise ValueError(f"image is the name of a .png file in this folder, not {self.image!r}")
        if abs(float(np.linalg.norm(self.quaternion)) - 1) > 0.01:
            raise ValueError(f"quaternion is a unit quaternion xyzw, not {self.quaternion}")

    @property
    def tool(self) -> Pose:
        return Pose(np.array(self.position), np.array(self.quaternion))


@dataclass(frozen=True)
class SampleIndex:
    """One camera's samples. ``focal`` and ``center`` (x, y) pixels in the project's convention: the images are
    pinhole images, as ``realsense_images`` makes them."""

    serial: str
    mount: Mount
    focal: tuple[float, float]
    center: tuple[float, float]
    samples: tuple[SampleEntry, ...] = ()

    @property
    def intrinsics(self) -> NDArray[np.floating]:
        """(3, 3) pixels."""
        return np.array([[self.focal[0], 0, self.center[0]], [0, self.focal[1], self.center[1]], [0, 0, 1.0]])


def read_samples(folder: Path) -> SampleIndex:
    """The folder's index. Raises RobotConfigError if it is missing or malformed."""
    return read_yaml(folder / INDEX, SampleIndex)


def read_image(folder: Path, entry: SampleEntry) -> NDArray[np.uint8]:
    """(H, W) grey image of a sample. Raises CalibrationError if it is missing, too large or no image."""
    try:
        with Image.open(folder / entry.image, formats=("PNG",)) as image:
            if image.width * image.height > LARGEST_IMAGE:
                raise CalibrationError(f"{entry.image} is larger than a camera gives.", "Take it out of samples.yaml.")
            return np.asarray(image.convert("L"))
    except (OSError, ValueError, SyntaxError) as error:
        raise CalibrationError(f"{entry.image} cannot be read: {error}.", "Take it out of samples.yaml.") from error


def add_sample(
    folder: Path,
    index: SampleIndex,
    rgb: NDArray[np.uint8],
    tool: Pose,
    joints: NDArray[np.floating] | None = None,
) -> SampleIndex:
    """Add an image (H, W, 3) and the pose that the tool had, and write both; the folder is made if it is missing.

    The index is replaced in one step, so that a crash leaves the samples before this one. Raises CalibrationError for
    more than 100 samples.
    """
    if len(index.samples) >= MOST_SAMPLES:
        raise CalibrationError(f"There are {MOST_SAMPLES} samples already.", "Calibrate with these.")
    folder.mkdir(parents=True, exist_ok=True)
    last = int(Path(index.samples[-1].image).stem) if index.samples else -1
    name = f"{last + 1:03d}.png"
    x, y, z, w = map(float, tool.quaternion)
    entry = SampleEntry(name, triple(tool.position), (x, y, z, w), None if joints is None else _joints(joints))
    longer = replace(index, samples=(*index.samples, entry))
    Image.fromarray(rgb).save(folder / name)
    _write(folder, longer)
    return longer


def without_sample(folder: Path, index: SampleIndex, image: str) -> SampleIndex:
    """Take the sample with this image out of the index, and write that; the image stays in the folder."""
    shorter = replace(index, samples=tuple(entry for entry in index.samples if entry.image != image))
    _write(folder, shorter)
    return shorter


def _write(folder: Path, index: SampleIndex) -> None:
    content = {**asdict(index), "mount": index.mount.value, "samples": [_plain(asdict(s)) for s in index.samples]}
    unfinished = folder / (INDEX + ".part")
    unfinished.write_text(yaml.safe_dump(_plain(content), sort_keys=False), "utf-8")
    os.replace(unfinished, folder / INDEX)


def triple(values: NDArray[np.floating]) -> Triple:
    """Three plain numbers, for YAML."""
    x, y, z = map(float, values)
    return x, y, z


def _joints(values: NDArray[np.floating]) -> Joints:
    a, b, c, d, e, f, g = map(float, values)
    return a, b, c, d, e, f, g


def _plain(content: dict[str, object]) -> dict[str, object]:
    """With lists of plain numbers for tuples, which YAML does not know, nor numpy's numbers."""
    return {key: list(map(float, value)) if isinstance(value, tuple) else value for key, value in content.items()}
