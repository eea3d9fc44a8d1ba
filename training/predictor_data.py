"""Zoomed views of the trajectory records as training samples, with augmentation that stays exact.

A data folder holds complete shards ``shard-00000``, ``shard-00001``, ...; each appears by an atomic rename, so whatever
is listed can be read while more are being made.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clap.failures import ClapError
from clap.geometry import VIEWS, Array, Workspace
from clap.rotation import quaternion_to_bins

HELD_OUT_SHARE = 0.1
"""Share of every shard, at its end, that is never trained on: neighbours in a shard come from one episode."""

SHARD_FILES = ("records.jsonl", "zooms_rgb.npy", "zooms_depth.npy")

MARGIN = 0.12
"""Local units (1.5 cm in clap-mini's window) that a shifted target keeps from the faces of the window."""


class TrainingDataError(ClapError):
    """The data folder holds no usable samples."""

    name = "training data not usable"
    default_next_move = "Generate the data first (`make train-mini` does), then start the training again."


@dataclass(frozen=True)
class Target:
    """What the network must answer for one zoom, and what it is told besides the views.

    ``position`` (3,) local coordinates of the window; ``bins`` (3,) rotation bins; ``gripper_open`` after the action;
    ``gripper_now`` the present opening; ``edge`` metres, the window's side.
    """

    step: str
    position: Array
    quaternion: Array
    bins: NDArray[np.int64]
    gripper_open: bool
    gripper_now: float
    edge: float


@dataclass(frozen=True)
class Samples:
    """A batch in numpy: ``rgb`` (B, 3, S, S, 3) in 0 .. 255, ``depth`` (B, 3, S, S) float32 in window edges, 0 = empty,
    ``position`` (B, 3) local, and the targets they belong to (their ``position`` is from before any shift)."""

    rgb: NDArray[np.uint8] | NDArray[np.float32]
    depth: NDArray[np.float32]
    position: Array
    targets: list[Target]


def step_kind(step: str) -> str:
    """The skill a step names: "moves above", "grasps", "places" and so on."""
    words = step.split()[2:4]
    return " ".join(word for word in words if word != "the") if words else step


def _target(record: dict[str, Any], zoom: dict[str, Any]) -> Target:
    window = Workspace(tuple(zoom["low"]), tuple(zoom["high"]))
    quaternion = np.asarray(record["action"]["quaternion"], float)
    return Target(
        step=record["step"],
        position=window.to_local(np.asarray(record["action"]["position"], float)),
        quaternion=quaternion,
        bins=quaternion_to_bins(quaternion),
        gripper_open=bool(record["action"]["gripper_open"]),
        gripper_now=float(record["gripper_open"]),
        edge=2 * window.half_extent,
    )


class ZoomData:
    """All zooms of a data folder, split into a training part and a held-out part; grows with ``refresh``."""

    def __init__(self, folder: Path | str):
        self.folder = Path(folder)
        self._shards: dict[str, tuple[NDArray[np.uint8], NDArray[np.float16]]] = {}
        self._entries: dict[bool, list[tuple[str, int, Target]]] = {True: [], False: []}
        self.refresh()
        if not self._entries[False] or not self._entries[True]:
            raise TrainingDataError(f"{self.folder} holds no complete shard with zoomed trajectory views.")

    def refresh(self) -> None:
        """Take in the shards that appeared since the last call."""
        for path in sorted(self.folder.glob("shard-*")):
            complete = all((path / name).exists() for name in SHARD_FILES)
            if path.name in self._shards or not path.name.removeprefix("shard-").isdigit() or not complete:
                continue
            rgb = np.load(path / "zooms_rgb.npy", mmap_mode="r", allow_pickle=False)
            depth = np.load(path / "zooms_depth.npy", mmap_mode="r", allow_pickle=False)
            entries = []
            with open(path / "records.jsonl", encoding="utf-8") as lines:
                for record in map(json.loads, lines):
                    if record["kind"] == "trajectory":
                        entries += [(path.name, zoom["index"], _target(record, zoom)) for zoom in record["zooms"]]
            inside = [entry for entry in entries if np.abs(entry[2].position).max() < 1]
            first_held_out = len(inside) - math.ceil(HELD_OUT_SHARE * len(inside))
            self._entries[False] += inside[:first_held_out]
            self._entries[True] += inside[first_held_out:]
            self._shards[path.name] = (rgb, depth)

    def count(self, held_out: bool = False) -> int:
        """Samples in a part."""
        return len(self._entries[held_out])

    @property
    def shards(self) -> int:
        """Shards read so far."""
        return len(self._shards)

    @property
    def image_size(self) -> int:
        """Side of a zoomed view in pixels."""
        return int(next(iter(self._shards.values()))[0].shape[2])

    def steps(self) -> set[str]:
        """All step instructions that occur."""
        return {target.step for entries in self._entries.values() for _, _, target in entries}

    def read(self, indices: NDArray[np.integer], held_out: bool = False) -> Samples:
        """The samples at the given indices of a part, unchanged."""
        rows = [self._entries[held_out][int(index)] for index in indices]
        rgb = np.stack([self._shards[name][0][row] for name, row, _ in rows])
        depth = np.stack([self._shards[name][1][row].astype(np.float32) / target.edge for name, row, target in rows])
        return Samples(rgb, depth, np.stack([target.position for *_, target in rows]), [row[2] for row in rows])


def shift_views(
    rgb: NDArray[np.uint8], depth: NDArray[np.float32], cells: NDArray[np.integer]
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Move everything in the window by whole cells (3,) along x, y, z, jointly in the three views of one sample.

    ``rgb`` (3, S, S, 3), ``depth`` (3, S, S) in window edges. What enters is blank; what leaves, in depth too, is
    cropped. The same as rendering the zoom around another centre, up to what was hidden.
    """
    size = depth.shape[-1]
    new_rgb, new_depth = np.zeros_like(rgb), np.zeros_like(depth)
    for k, view in enumerate(VIEWS):
        down, right = view.v_sign * int(cells[view.v_axis]), view.u_sign * int(cells[view.u_axis])
        away = view.depth_sign * int(cells[view.depth_axis]) / size
        rows_to, rows_from = _overlap(down, size)
        columns_to, columns_from = _overlap(right, size)
        old = depth[k, rows_from, columns_from]
        moved = old + np.float32(away)
        keep = (old > 0) & (moved > 0) & (moved <= 1)
        new_depth[k, rows_to, columns_to] = np.where(keep, moved, 0)
        new_rgb[k, rows_to, columns_to] = np.where(keep[..., None], rgb[k, rows_from, columns_from], 0)
    return new_rgb, new_depth


def _overlap(offset: int, size: int) -> tuple[slice, slice]:
    length = size - abs(offset)
    return slice(max(0, offset), max(0, offset) + length), slice(max(0, -offset), max(0, -offset) + length)


def augment(samples: Samples, rng: np.random.Generator, reach: float = 0.2) -> Samples:
    """Shift, recolour, add noise and drop pixels; the positions move along.

    ``reach`` is the largest shift in local units per axis (0.2 = 2.5 cm in clap-mini's window).
    """
    size = samples.depth.shape[-1]
    rgb, depth = np.empty_like(samples.rgb), np.empty_like(samples.depth)
    position = samples.position.copy()
    for k in range(len(rgb)):
        limit = np.maximum(1 - MARGIN - np.abs(position[k]), 0)
        shift = rng.uniform(-reach, reach, 3)
        toward_face = np.sign(shift) == np.sign(position[k])
        shift = np.where(toward_face, np.clip(shift, -limit, limit), shift)
        cells = np.trunc(shift * size / 2).astype(int)
        rgb[k], depth[k] = shift_views(samples.rgb[k], samples.depth[k], cells)
        position[k] += cells * 2 / size
    batch = len(rgb)
    gain = rng.uniform(0.75, 1.25, (batch, 1)) * rng.uniform(0.9, 1.1, (batch, 3))
    colored = np.multiply(rgb, gain[:, None, None, None], dtype=np.float32)
    # One grey noise value a pixel: three would cost as much as the rest of the augmentation.
    strength = rng.uniform(0, 10, (batch, 1, 1, 1)).astype(np.float32)
    brightness = rng.uniform(-12, 12, (batch, 1, 1, 1)).astype(np.float32)
    noise = rng.integers(-128, 128, depth.shape, dtype=np.int8) * (strength / 128) + brightness
    colored += noise[..., None]
    np.clip(colored, 0, 255, out=colored)
    threshold = rng.choice([0, 5, 20], (batch, 1, 1, 1))
    empty = (rng.integers(0, 256, depth.shape, dtype=np.uint8) < threshold) | (depth <= 0)
    depth[empty] = 0
    colored *= ~empty[..., None]
    return Samples(colored, depth, position, samples.targets)
