"""Zoomed views of the trajectory records as training samples, and samples as the network's inputs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase

from clap.geometry.frames import TABLE_TOP, Array, Workspace
from clap.geometry.rotation import quaternion_to_bins
from clap.policies.expert_keyframes import yaw_period
from clap.policies.predictor.network import FineInputs
from clap.policies.predictor.predictor import tokenize
from clap.worlds.tabletop.objects import CUP_HEIGHT, HANDLE_HEIGHT, SORTER_HEIGHT
from clap.worlds.tabletop.phrasing import HANDLE, SORTER
from clap.worlds.tabletop.tasks import Subtask
from training.data.shards import Shard, TrainingDataError, new_shards
from training.data.step_kinds import ends_in_contact

HELD_OUT_SHARE = 0.1
"""Share of every shard, at its end, that is not trained on: neighbours in a shard come from one episode. Where
demonstrations recur from shard to shard it measures fit, not generalisation: a validation folder measures that."""

STANDING = {"cup": CUP_HEIGHT / 2, SORTER: SORTER_HEIGHT, HANDLE: HANDLE_HEIGHT}
"""Height above the table, metres, of the named points of things that are not picked up."""


@dataclass(frozen=True)
class Target:
    """What the network must answer for one zoom, and what it is told besides the views.

    ``position`` (3,) local coordinates of the window; ``bins`` (3,) rotation bins; ``gripper_open`` after the action;
    ``ignore_collisions`` True if the step ends in contact; ``gripper_now`` the present opening; ``edge`` metres, the
    window's side; ``height`` of the window's centre in edges, world z where the table is at its standard height.
    ``yaw_period`` of the pose, see keyframes.yaw_period; ``gripper_waits`` above a thing that is to be grasped.
    """

    step: str
    position: Array
    quaternion: Array
    bins: NDArray[np.int64]
    gripper_open: bool
    ignore_collisions: bool
    gripper_now: float
    edge: float
    height: float
    yaw_period: float | None = None
    gripper_waits: bool = False


@dataclass(frozen=True)
class Samples:
    """A batch in numpy: ``rgb`` (B, 3, S, S, 3) in 0 .. 255, ``depth`` (B, 3, S, S) float32 in window edges, 0 = empty,
    ``position`` (B, 3) local, ``height`` (B,) of the windows' centres in edges, and the targets they belong to (whose
    ``position`` and ``height`` are from before any shift)."""

    rgb: NDArray[np.uint8]
    depth: NDArray[np.float32]
    position: Array
    height: Array
    targets: list[Target]


def table_height(record: dict[str, Any]) -> float:
    """World z of the table top in a record, metres: augmentation moves scenes up and down, table and all.

    Found from the things that stand at a known height, where the record does not say it; standard if there are none.
    """
    if "table_height" in record:
        return float(record["table_height"])
    offsets = [
        thing["position"][2] - STANDING[kind]
        for thing in record.get("objects", ())
        for kind in (thing["name"], thing["name"].split()[-1])
        if kind in STANDING
    ]
    return float(np.median(offsets)) if offsets else TABLE_TOP


def target_of(record: dict[str, Any], window: Workspace, point: list[float], text: str) -> Target:
    """What a record answers in a window if it is asked for ``text``: ``point`` (3,), world metres, and its action."""
    quaternion = np.asarray(record["action"]["quaternion"], float)
    edge, raised = 2 * window.half_extent, table_height(record) - TABLE_TOP
    return Target(
        step=text,
        position=window.to_local(np.asarray(point, float)),
        quaternion=quaternion,
        bins=quaternion_to_bins(quaternion),
        gripper_open=bool(record["action"]["gripper_open"]),
        ignore_collisions=bool(record.get("contact", ends_in_contact(record["step"]))),
        gripper_now=float(record["gripper_open"]),
        edge=edge,
        height=(float(window.center[2]) - raised) / edge,
        **how_it_turns(record),
    )


def zooms_of(record: dict[str, Any]) -> list[tuple[int, Workspace]]:
    """The zooms of a record: which row of the shard's each is, and its window."""
    return [(zoom["index"], Workspace(tuple(zoom["low"]), tuple(zoom["high"]))) for zoom in record["zooms"]]


def how_it_turns(record: dict[str, Any]) -> dict[str, Any]:
    """``yaw_period`` and ``gripper_waits`` of the step that a record shows, by the names of its things; as the record
    says, where it does."""
    if "turns" in record:
        turns = record["turns"]  # its names are those of the first recorded shards
        return {"yaw_period": turns["yaw_period"], "gripper_waits": turns["hand_waits"]}
    thing, *place = record.get("task_objects", [""])
    if not place:
        return {}  # the drawer is opened
    container = SORTER if place[0].endswith(" hole") else place[0]
    index = int(record["step_index"])
    return {"yaw_period": yaw_period(Subtask(thing, container), index), "gripper_waits": index == 1}


def to_inputs(samples: Samples, tokenizer: PreTrainedTokenizerBase, text_limit: int) -> FineInputs:
    """Numpy samples to the network's tensors."""
    ids, mask = tokenize(tokenizer, [target.step for target in samples.targets], text_limit)
    rgb = torch.from_numpy(samples.rgb).permute(0, 1, 4, 2, 3).float() / 255
    gripper = torch.tensor([target.gripper_now for target in samples.targets], dtype=torch.float32)
    height = torch.from_numpy(samples.height).float()
    return FineInputs(rgb, torch.from_numpy(samples.depth), ids, mask, gripper, height)


class ZoomData:
    """All zooms of a data folder, split into a training part and a held-out part; grows with ``refresh``.

    ``held_out`` is the share of every shard, at its end, that is held out; 1 for a folder that is only for validation.
    """

    images: Literal["views", "zooms"] = "zooms"

    def __init__(self, folder: Path | str, held_out: float = HELD_OUT_SHARE):
        """Raises TrainingDataError if there is nothing in a part that should hold something."""
        self.folder = Path(folder)
        self.held_out = held_out
        self.demonstrations: set[tuple[str, int]] = set()
        self._shards: dict[str, Shard] = {}
        self._entries: dict[bool, list[tuple[Shard, int, Target]]] = {True: [], False: []}
        self.refresh()
        if not (self._entries[False] or held_out == 1) or not (self._entries[True] or held_out == 0):
            raise TrainingDataError(f"{self.folder} holds no complete shard with {self.images} of trajectories.")

    def targets(self, number: int, record: dict[str, Any]) -> list[tuple[int, Target]]:
        """Rows of the images that belong to a record, the shard's ``number``-th, each with what to answer there."""
        point = record["action"]["position"]
        return [(row, target_of(record, window, point, record["step"])) for row, window in zooms_of(record)]

    def refresh(self) -> None:
        """Take in the shards that appeared since the last call."""
        for shard in new_shards(self.folder, self.images, self._shards):
            records = [
                (number, record) for number, record in enumerate(shard.records) if record["kind"] == "trajectory"
            ]
            self.demonstrations |= {(record["task"], record["demo"]) for _, record in records if "demo" in record}
            entries = [(shard, *entry) for number, record in records for entry in self.targets(number, record)]
            inside = [entry for entry in entries if np.abs(entry[2].position).max() < 1]
            first_held_out = len(inside) - math.ceil(self.held_out * len(inside))
            self._entries[False] += inside[:first_held_out]
            self._entries[True] += inside[first_held_out:]
            self._shards[shard.name] = shard

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
        return int(next(iter(self._shards.values())).rgb.shape[2])

    def steps(self) -> set[str]:
        """All step instructions that occur."""
        return {target.step for entries in self._entries.values() for _, _, target in entries}

    def read(self, indices: NDArray[np.integer], held_out: bool = False) -> Samples:
        """The samples at the given indices of a part, unchanged."""
        rows = [self._entries[held_out][int(index)] for index in indices]
        rgb = np.stack([shard.rgb[row] for shard, row, _ in rows])
        depth = np.stack([shard.depth[row].astype(np.float32) / target.edge for shard, row, target in rows])
        targets = [target for *_, target in rows]
        position = np.stack([target.position for target in targets])
        return Samples(rgb, depth, position, np.array([target.height for target in targets]), targets)


def require_apart(training: ZoomData, validation: ZoomData) -> None:
    """Raises TrainingDataError if a demonstration is both trained on and validated with."""
    shared = sorted(training.demonstrations & validation.demonstrations)
    if shared:
        task, number = shared[0]
        raise TrainingDataError(
            f"{validation.folder} and {training.folder} share {len(shared)} demonstrations: {task} number {number}.",
            "Generate the validation folder from other demonstrations.",
        )
