"""Which columns of a LeRobot set are the cameras, the gripper and the joints, by what its info.json says of them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from demos.errors import DamagedFileError, DemonstrationError
from demos.store.schema import ACTION, CAMERA, IMAGES, JOINTS, KEYFRAME, POSE, STATE, TEXTS, VELOCITIES, WALL_TIME

LARGEST_SIDE = 2048
LARGEST_VECTOR = 4096
UNITS = {"mm": 0.001, "m": 1.0}
NUMBERS = ("float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "bool")
JOINT_COUNT = 7
"""Zeros that stand for the joints where a set does not tell them."""

Calibration = Mapping[str, tuple[NDArray[Any], NDArray[Any]]]
"""By camera: intrinsics (3, 3) pixels and cam2world (4, 4), where a set has none."""


class UnfitSetError(DemonstrationError):
    """A set is whole, but does not have what a demonstration needs."""

    name = "set lacks what is needed"
    default_next_move = "Nothing was changed. Choose another set."


@dataclass(frozen=True)
class Picture:
    """A column of images (height, width) pixels: encoded, or else as plain numbers; ``unit`` metres of a depth of 1."""

    column: str
    height: int
    width: int
    encoded: bool
    unit: float = 1.0


@dataclass(frozen=True)
class CameraColumns:
    """A camera: its pictures, and its calibration, either of each frame (two columns) or one for all."""

    name: str
    colour: Picture
    depth: Picture
    columns: tuple[str, str] | None
    fixed: tuple[NDArray[Any], NDArray[Any]] | None


@dataclass(frozen=True)
class Columns:
    """Where everything is. ``state`` and ``action`` name the eight places of the pose, ``joints`` those of the joints.

    ``action`` and ``joints`` are None where the set does not tell them. ``sizes`` are the columns of numbers that are
    read, ``texts`` those of text.
    """

    cameras: tuple[CameraColumns, ...]
    state: list[int]
    action: list[int] | None
    joints: tuple[str, list[int]] | None
    sizes: dict[str, tuple[int, ...]]
    texts: tuple[str, ...]

    @property
    def pictures(self) -> list[str]:
        """The columns of images."""
        return [name for camera in self.cameras for name in (camera.colour.column, camera.depth.column)]


def find_columns(
    features: Mapping[str, Mapping[str, Any]], chosen: Sequence[str] | None, calibration: Calibration
) -> Columns:
    """Read the description of a set; ``chosen`` cameras, or all that have depth.

    Raises UnfitSetError if a camera has no depth, no calibration or only a video, or if the gripper's pose is missing;
    DamagedFileError if the description contradicts itself.
    """
    try:
        cameras = _cameras(features, chosen, calibration)
        state, action = _places(features, STATE), _places(features, ACTION)
        if state is None:
            there = ", ".join(_names(features.get(STATE, {}))[:12]) or "no names"
            raise UnfitSetError(
                f"{STATE} does not tell the gripper's pose: it has {there}.",
                f"Add the eight numbers {' '.join(POSE)} to it (world metres, quaternion, opening from 0 to 1).",
            )
        wanted = [STATE, *([ACTION] if action else [])]
        wanted += [name for camera in cameras for name in camera.columns or ()]
        wanted += [name for name in (JOINTS, VELOCITIES, KEYFRAME, WALL_TIME) if name in features]
        in_state = [k for k, name in enumerate(_names(features[STATE])) if name.startswith("joint")]
        sizes = {name: _size(features, name) for name in wanted}
        joints = (JOINTS, [*range(sizes[JOINTS][0])]) if JOINTS in features else None
        joints = joints or ((STATE, in_state) if in_state else None)
        texts = tuple(name for name in TEXTS if features.get(name, {}).get("dtype") == "string")
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise DamagedFileError(f"info.json does not describe its features as LeRobot does: {error}.") from error
    return Columns(tuple(cameras), state, action, joints, sizes, texts)


def _names(feature: Mapping[str, Any]) -> list[str]:
    """The names of a vector's numbers; LeRobot also writes them as {"motors": [...]}."""
    names = feature.get("names") or []
    if isinstance(names, Mapping):
        names = next(iter(names.values()), [])
    return [str(name)[:60] for name in names] if isinstance(names, list) else []


def _places(features: Mapping[str, Mapping[str, Any]], column: str) -> list[int] | None:
    names = _names(features.get(column, {}))
    return [names.index(name) for name in POSE] if set(POSE) <= set(names) else None


def _size(features: Mapping[str, Mapping[str, Any]], name: str) -> tuple[int, ...]:
    dtype, shape = features[name]["dtype"], tuple(int(side) for side in features[name]["shape"])
    if dtype not in NUMBERS or min(shape) < 1 or math.prod(shape) > LARGEST_VECTOR:
        raise ValueError(f"{name} is {str(dtype)[:20]} of the size {shape}")
    return shape


def _cameras(
    features: Mapping[str, Mapping[str, Any]], chosen: Sequence[str] | None, calibration: Calibration
) -> list[CameraColumns]:
    depths = {}
    for column, feature in features.items():
        if (feature.get("info") or {}).get("is_depth_map") or column.endswith("_depth"):
            depths[re.sub(r"[._]depth$", "", column)] = column
    seen = [name for name in features if name.startswith(IMAGES) and name not in depths.values()]
    paired = {name[len(IMAGES) :]: (name, depths[name]) for name in seen if name in depths}
    for name in chosen or ():
        if name not in paired:
            raise UnfitSetError(
                f"There is no camera {name[:60]!r} with depth.", f"Choose from: {', '.join(paired) or 'none'}."
            )
    if not paired:
        raise UnfitSetError(
            f"None of the cameras {', '.join(name[len(IMAGES) :] for name in seen) or '(there are none)'} has depth.",
            f"CLAP needs colour and depth: beside {IMAGES}front it looks for {IMAGES}front_depth.",
        )
    cameras = []
    for name in chosen or paired:
        colour, depth = paired[name]
        columns, fixed = _calibration(features, name, calibration)
        pictures = _picture(features, name, colour), _picture(features, name, depth)
        if (pictures[0].height, pictures[0].width) != (pictures[1].height, pictures[1].width):
            raise UnfitSetError(f"The depth of the camera {name} is of another size than its colour.")
        # LeRobot takes each column with "image" in its name for pictures, so that no camera's name may hold it.
        plain = re.sub(r"[^A-Za-z0-9_-]", "_", name)[:64].replace("image", "view")
        cameras.append(CameraColumns(plain, *pictures, columns, fixed))
    if len({camera.name for camera in cameras}) != len(cameras):
        raise UnfitSetError(f"Two cameras have one name: {', '.join(camera.name for camera in cameras)[:200]}.")
    return cameras


def _picture(features: Mapping[str, Mapping[str, Any]], camera: str, column: str) -> Picture:
    feature = features[column]
    dtype, shape, info = feature["dtype"], [int(side) for side in feature["shape"]], feature.get("info") or {}
    if dtype == "video":
        raise UnfitSetError(
            f"The camera {camera[:60]} is stored as a video, and videos cannot be read here.",
            "Write the set again with images (in LeRobot: without video), or import it without this camera.",
        )
    channels = 1 if info.get("is_depth_map") or column.endswith("_depth") else 3
    if len(shape) == 3 and shape[2] != channels and shape[0] == channels:
        shape = [shape[1], shape[2], channels]
    if dtype != "image" and channels == 1 and len(shape) == 2:
        shape = [*shape, 1]
    height, width, last = shape
    if last != channels or not 1 <= height <= LARGEST_SIDE or not 1 <= width <= LARGEST_SIDE:
        raise ValueError(f"images of {column} have the size {shape}; up to {LARGEST_SIDE} pixels a side are read")
    if dtype != "image" and (channels == 3 or dtype not in NUMBERS):
        raise ValueError(f"{column} is {str(dtype)[:20]} and not image")
    unit = str(info.get("depth_unit", "" if str(dtype).startswith("float") else "mm"))
    if channels == 1 and unit not in UNITS:
        raise UnfitSetError(
            f"{column} does not say in which unit its depth is.", 'Set "depth_unit" to "mm" or "m" in its info.'
        )
    return Picture(column, height, width, dtype == "image", UNITS[unit] if channels == 1 else 1.0)


def _calibration(
    features: Mapping[str, Mapping[str, Any]], name: str, given: Calibration
) -> tuple[tuple[str, str] | None, tuple[NDArray[Any], NDArray[Any]] | None]:
    columns = f"{CAMERA}{name}.intrinsics", f"{CAMERA}{name}.cam2world"
    if name in given:
        return None, checked_calibration(name, *given[name])
    if all(column in features for column in columns):
        return columns, None
    noted = (features[IMAGES + name].get("info") or {}).get("camera") or {}
    if "intrinsics" in noted and "cam2world" in noted:
        return None, checked_calibration(name, noted["intrinsics"], noted["cam2world"])
    raise UnfitSetError(
        f"The set does not tell the calibration of the camera {name[:60]}.",
        f"Give its intrinsics and cam2world when you import it, or add the columns {columns[0]} and {columns[1]}.",
    )


def checked_calibration(name: str, intrinsics: Any, cam2world: Any) -> tuple[NDArray[Any], NDArray[Any]]:
    """Intrinsics (3, 3) and cam2world (4, 4). Raises DamagedFileError if they are not those of a camera."""
    try:
        inner, outer = np.array(intrinsics, float).reshape(3, 3), np.array(cam2world, float).reshape(4, 4)
    except (TypeError, ValueError) as error:
        raise DamagedFileError(f"The calibration of the camera {name[:60]} is not made of 3 x 3 and 4 x 4.") from error
    turn = outer[:3, :3]
    rigid = np.allclose(turn @ turn.T, np.eye(3), atol=1e-3) and np.allclose(outer[3], [0, 0, 0, 1])
    if not (np.isfinite(inner).all() and inner[0, 0] > 0 and inner[1, 1] > 0 and np.isfinite(outer).all() and rigid):
        raise DamagedFileError(f"The calibration of the camera {name[:60]} is not that of a camera.")
    return inner, outer
