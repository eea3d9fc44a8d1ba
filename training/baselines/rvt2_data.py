"""Trajectory records as samples of RVT-2's two branches: what is told is the task sentence, never a step.

The shards, the held-out part and the augmentation are those of our own fine predictor; the coarse branch's views are
shifted as the planner's are.
"""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from clap.geometry.frames import TABLE_TOP, Workspace
from clap.geometry.rotation import quaternion_to_bins
from clap.policies.planner.text_format import normalise
from training.baselines.rvt2 import COARSE
from training.planner.scenes import Scene, random_shift, shift_scene
from training.predictor.augmentation import augment
from training.predictor.samples import (
    HELD_OUT_SHARE,
    Samples,
    Target,
    TrainingDataError,
    ZoomData,
    how_it_turns,
    table_height,
)


class BranchData(ZoomData):
    """One branch's samples: canonical views with keypoints, or zooms with actions. ``Target.step`` is the sentence.

    Raises TrainingDataError if there is nothing to train on, or the records do not know their sentence.
    """

    def __init__(self, folder: Path | str, branch: str, held_out: float = HELD_OUT_SHARE):
        self.branch = branch
        super().__init__(folder, held_out)

    def refresh(self) -> None:
        """Take in the shards that appeared since the last call."""
        kind = "views" if self.branch == COARSE else "zooms"
        for path in sorted(self.folder.glob("shard-*")):
            files = [path / f"{kind}_rgb.npy", path / f"{kind}_depth.npy"]
            if path.name in self._shards or not path.name.removeprefix("shard-").isdigit():
                continue
            with open(path / "records.jsonl", encoding="utf-8") as lines:
                records = [record for record in enumerate(map(json.loads, lines)) if record[1]["kind"] == "trajectory"]
            if not records or not all(file.exists() for file in files):
                continue
            entries = [
                (path.name, row, target) for number, record in records for row, target in self._rows(number, record)
            ]
            inside = [entry for entry in entries if np.abs(entry[2].position).max() < 1]
            first_held_out = len(inside) - math.ceil(self.held_out * len(inside))
            self._entries[False] += inside[:first_held_out]
            self._entries[True] += inside[first_held_out:]
            self.demonstrations |= {(record["task"], record["demo"]) for _, record in records}
            rgb, depth = (np.load(file, mmap_mode="r", allow_pickle=False) for file in files)
            self._shards[path.name] = (rgb, depth)

    def _rows(self, number: int, record: dict[str, Any]) -> list[tuple[int, Target]]:
        """Rows of the view arrays that belong to a record, each with what must be answered there."""
        if not record.get("instruction"):
            raise TrainingDataError(
                f"The records in {self.folder} do not say which task instruction they belong to.",
                "Generate the data anew with this version, into an empty folder.",
            )
        if self.branch == COARSE:
            return [(number, _target(record, Workspace(), record["keypoint"]))]
        windows = [(zoom["index"], Workspace(tuple(zoom["low"]), tuple(zoom["high"]))) for zoom in record["zooms"]]
        return [(row, _target(record, window, record["action"]["position"])) for row, window in windows]

    def draw(self, indices: np.ndarray, rng: np.random.Generator) -> Samples:
        """Training samples, augmented."""
        samples = self.read(indices)
        if self.branch == COARSE:
            # The predictor's shift goes as far up as sideways; the table of a whole scene stays nearly where it is, and
            # no robot stands on its other side.
            return augment(_shifted(samples, rng), rng, reach=0.0, turned=0.0)
        return augment(samples, rng)


def _target(record: dict[str, Any], window: Workspace, point: list[float]) -> Target:
    """The answer in a window, whose ``position`` is that of ``point`` (3,) world metres."""
    quaternion, edge = np.asarray(record["action"]["quaternion"], float), 2 * window.half_extent
    return Target(
        step=normalise(record["instruction"]),
        position=window.to_local(np.asarray(point, float)),
        quaternion=quaternion,
        bins=quaternion_to_bins(quaternion),
        gripper_open=bool(record["action"]["gripper_open"]),
        ignore_collisions=bool(record["contact"]),
        gripper_now=float(record["gripper_open"]),
        edge=edge,
        height=(float(window.center[2]) - table_height(record) + TABLE_TOP) / edge,
        **how_it_turns(record),
    )


def _shifted(samples: Samples, rng: np.random.Generator) -> Samples:
    """Canonical views, each scene moved by whole pixels in 3D as far as the planner's are."""
    workspace = Workspace()
    edge = np.float32(2 * workspace.half_extent)
    moved = []
    for rgb, depth, local in zip(samples.rgb, samples.depth, samples.position, strict=True):
        scene = Scene(rgb, depth * edge, ("keypoint",), workspace.to_world(local)[None], None, (True,), None)
        moved.append(shift_scene(scene, random_shift(scene, rng, workspace), workspace))
    position = workspace.to_local(np.concatenate([scene.positions for scene in moved]))
    return replace(
        samples,
        rgb=np.stack([scene.rgb for scene in moved]),
        depth=np.stack([scene.depth for scene in moved]).astype(np.float32) / edge,
        position=position,
        height=samples.height - (position - samples.position)[:, 2] / 2,
    )
