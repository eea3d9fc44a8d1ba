"""Shards of scenes for the planner: reading, held-out split, and exact augmentation at load time.

A record of a shard with its views (see ``training.data.shards``) is a positions scene (visible objects by name) or of a
trajectory (also plan, last step, step, task objects and the keypoint). Positions are world metres in the default
workspace. Records of recorded demonstrations ("recorded") know the things of their plan alone, and not all of where
these are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from clap.geometry.frames import TABLE_TOP, VIEWS, Workspace, to_pixels
from clap.geometry.view_shift import shift_views
from clap.policies.planner.text_format import NamedPixels
from training.data.shards import Shard, TrainingDataError, new_shards

HELD_OUT_SHARE = 32
"""The last 1/32 of every shard's records (at least one) is only evaluated on: new views of partly known scenes."""
MAX_SHIFT_PX = (24, 24, 3)
"""Largest shift by augmentation along x, y, z: the table's height hardly varies, places on it do."""
TABLE_SEARCH, TABLE_THICKNESS = 0.02, 0.006
"""Metres around the table's nominal height in which its top is looked for; the least around it that is painted."""
MARGIN = 0.02
"""Shifted objects and keypoints stay this far inside the workspace, metres."""


@dataclass(frozen=True)
class StepQuery:
    """Round two's question and answer: ``objects`` are names of scene objects, ``keypoint`` (3,) world metres.

    ``instruction`` is what the demonstration was asked for (only planners without a plan are told it).
    """

    plan: tuple[str, ...]
    last_step: str
    step: str
    step_index: int
    objects: tuple[str, ...]
    keypoint: NDArray[np.floating]
    task: str = ""
    instruction: str = ""


@dataclass(frozen=True)
class Scene:
    """One image triple with its labels: rgb (3, S, S, 3) uint8, depth (3, S, S) metres, positions (K, 3) metres.

    ``visible`` (K,): whether any camera saw something of the thing; ``drawer_open`` None without a cabinet.
    ``known`` (K, 3): which coordinates of the positions are known, all where it is empty; ``complete`` False where
    other things may be there too, as in recorded demonstrations.
    """

    rgb: NDArray[np.uint8]
    depth: NDArray[np.floating]
    names: tuple[str, ...]
    positions: NDArray[np.floating]
    query: StepQuery | None
    visible: tuple[bool, ...]
    drawer_open: bool | None
    known: tuple[tuple[bool, bool, bool], ...] = ()
    complete: bool = True

    def located(self, workspace: Workspace) -> list[NamedPixels]:
        """All objects with their pixel per view."""
        pixels = to_pixels(self.positions, workspace, self.rgb.shape[1])
        return [NamedPixels(name, pixel) for name, pixel in zip(self.names, pixels, strict=True)]

    def query_objects(self, query: StepQuery, workspace: Workspace) -> list[NamedPixels]:
        """A query's objects with their pixels, in the order given."""
        located = {thing.name: thing for thing in self.located(workspace)}
        return [located[name] for name in query.objects]

    def knows(self, name: str) -> tuple[bool, bool, bool]:
        """Which coordinates x, y, z of a thing are known."""
        return self.known[self.names.index(name)] if self.known else (True, True, True)


class SceneStore:
    """All shards of a folder, memory-mapped; ``refresh`` picks up new ones."""

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)
        self._shards: dict[str, Shard] = {}
        self.trajectories: list[tuple[str, int]] = []
        self.positions: list[tuple[str, int]] = []
        self.held_out: list[tuple[str, int]] = []
        self.refresh()

    def refresh(self) -> int:
        """Open shards that have appeared since; returns how many."""
        before = len(self._shards)
        for shard in new_shards(self.folder, "views", self._shards):
            if not len(shard.rgb) == len(shard.depth) == len(shard.records):
                raise TrainingDataError(
                    f"{self.folder / shard.name} holds {len(shard.rgb)} views, {len(shard.depth)} depths and "
                    f"{len(shard.records)} records.",
                    "Generate this shard anew.",
                )
            self._shards[shard.name] = shard
            first_held_out = len(shard.records) - max(1, len(shard.records) // HELD_OUT_SHARE)
            for index, record in enumerate(shard.records):
                if not record["objects"]:
                    continue
                is_trajectory = record["kind"] == "trajectory"
                if index < first_held_out:
                    (self.trajectories if is_trajectory else self.positions).append((shard.name, index))
                elif is_trajectory:
                    self.held_out.append((shard.name, index))
        return len(self._shards) - before

    def __len__(self) -> int:
        return len(self.trajectories) + len(self.positions)

    def records(self, keys: Sequence[tuple[str, int]]) -> Iterator[dict]:
        """The records as stored, without their views."""
        return (self._shards[name].records[index] for name, index in keys)

    def scene(self, key: tuple[str, int]) -> Scene:
        """Read one scene, as recorded."""
        shard, index = self._shards[key[0]], key[1]
        record = shard.records[index]
        query = None
        names = tuple(thing["name"] for thing in record["objects"])
        if record["kind"] == "trajectory":
            query = StepQuery(
                plan=tuple(record["plan"]),
                last_step=record["last_step"],
                step=record["step"],
                step_index=int(record["step_index"]),
                objects=tuple(name for name in record["task_objects"] if name in names),
                keypoint=np.asarray(record["keypoint"], float),
                task=record["task"],
                instruction=record["instruction"],
            )
        positions = np.asarray([thing["position"] for thing in record["objects"]], float)
        visible = tuple(thing["visible"] for thing in record["objects"])
        rgb, depth = np.asarray(shard.rgb[index]), np.asarray(shard.depth[index], np.float32)
        known = tuple(tuple(thing.get("known", (True, True, True))) for thing in record["objects"])
        complete = not record.get("recorded", False)
        return Scene(rgb, depth, names, positions, query, visible, record["drawer_open"], known, complete)

    def draw(self, rng: np.random.Generator, positions_share: float) -> Scene:
        """A random training scene: a positions scene with the given share, else a trajectory record; augmented."""
        pool = self.positions if self.positions and rng.random() < positions_share else self.trajectories
        pool = pool or self.positions
        return augment(self.scene(pool[int(rng.integers(len(pool)))]), rng)


def augment(scene: Scene, rng: np.random.Generator, workspace: Workspace | None = None) -> Scene:
    """Shift the whole scene by whole pixels in 3D, drop some pixels, and recolour the table of half of the
    demonstrations (random tables have their own colours). All colours are varied in ``color_gains``."""
    workspace = workspace or Workspace()
    if scene.query is not None and rng.random() < 0.5:
        scene = recolor_table(scene, rng.uniform(0.1, 0.9, 3), workspace)
    shifted = shift_scene(scene, random_shift(scene, rng, workspace), workspace)
    return drop_pixels(shifted, rng)


def random_shift(scene: Scene, rng: np.random.Generator, workspace: Workspace) -> NDArray[np.int64]:
    """A shift (3,) in pixels along x, y, z that keeps every object and the keypoint inside the workspace."""
    points = scene.positions if scene.query is None else np.vstack([scene.positions, scene.query.keypoint])
    per_pixel = 2 * workspace.half_extent / scene.rgb.shape[1]
    low = np.ceil((np.asarray(workspace.low) + MARGIN - points.min(0)) / per_pixel)
    high = np.floor((np.asarray(workspace.high) - MARGIN - points.max(0)) / per_pixel)
    low = np.minimum(np.maximum(low, -np.asarray(MAX_SHIFT_PX)), 0).astype(int)
    high = np.maximum(np.minimum(high, np.asarray(MAX_SHIFT_PX)), 0).astype(int)
    return rng.integers(low, high + 1)


def shift_scene(scene: Scene, shift: NDArray[np.integer], workspace: Workspace) -> Scene:
    """Move the scene by ``shift`` (3,) pixels along x, y, z; what leaves the workspace cube is blank."""
    edge = 2 * workspace.half_extent
    rgb, depth = shift_views(scene.rgb, scene.depth, shift, edge)
    meters = np.asarray(shift) * edge / scene.rgb.shape[1]
    query = scene.query and replace(scene.query, keypoint=scene.query.keypoint + meters)
    return replace(scene, rgb=rgb, depth=depth, positions=scene.positions + meters, query=query)


def recolor_table(scene: Scene, color: NDArray[np.floating], workspace: Workspace) -> Scene:
    """The scene with a table top of another ``color`` (3,) in 0 .. 1, shaded as the old one was."""
    edge, size = 2 * workspace.half_extent, scene.rgb.shape[1]
    rows = workspace.high[2] - (np.arange(size) + 0.5) * edge / size
    rgb = scene.rgb.copy()
    top = next(k for k, view in enumerate(VIEWS) if view.depth_axis == 2)
    seen_from_above = workspace.high[2] - scene.depth[top]
    near = np.abs(seen_from_above - TABLE_TOP) < TABLE_SEARCH
    if not near.any():
        return scene
    height = np.median(seen_from_above[near])
    spread = 4 * np.median(np.abs(seen_from_above[near] - height))  # some three standard deviations of the sensor
    thickness = np.clip(spread, TABLE_THICKNESS, TABLE_SEARCH)
    for k in range(len(VIEWS)):
        z = seen_from_above if k == top else np.broadcast_to(rows[:, None], (size, size))
        table = (np.abs(z - height) < thickness) & (scene.depth[k] > 0)
        if table.any():
            brightness = rgb[k][table].mean(1, keepdims=True)
            shading = brightness / max(float(brightness.mean()), 1.0)
            rgb[k][table] = np.clip(255 * color * shading, 0, 255).astype(np.uint8)
    return replace(scene, rgb=rgb)


def drop_pixels(scene: Scene, rng: np.random.Generator) -> Scene:
    """Blank up to 4 % of the pixels, as sensors and splatting do; in half of the scenes none."""
    if rng.random() < 0.5:
        return scene
    share = rng.uniform(0, 0.04)
    keep = rng.random(scene.depth.shape, np.float32) >= share
    return replace(scene, rgb=scene.rgb * keep[..., None], depth=scene.depth * keep)


def color_gains(count: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """(count, 3) gains for red, green, blue: brightness within 20 %, white balance within 5 %."""
    gains = rng.uniform(0.8, 1.2, (count, 1)) * rng.uniform(0.95, 1.05, (count, 3))
    return gains.astype(np.float32)
