"""The files' layout: LeRobot v3 with CLAP's own columns, one data file and one meta file an episode.

    meta/info.json, meta/stats.json, meta/tasks.parquet
    meta/episodes/chunk-000/file-000.parquet      one row: where the episode is, its labels, its statistics
    data/chunk-000/file-000.parquet               one row a frame, images as embedded PNG

Numbers in file names are *slots*: an episode keeps its slot while others come and go, and episodes count from 0 in
the order of their slots. Everything else that the store needs lies in the folder ``.clap``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from demos.frames import RecordedFrame

SCHEMA_VERSION = 1
CODEBASE_VERSION = "v3.0"
CHUNK = 1000
DATA_PATH = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
META_PATH = "meta/episodes/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
INFO, STATS, TASKS = "meta/info.json", "meta/stats.json", "meta/tasks.parquet"
PRIVATE = ".clap"
LABELS_KEY = b"clap"
"""Key of the parquet files' own metadata under which the episode's labels lie, as JSON."""

POSE = ["x", "y", "z", "qx", "qy", "qz", "qw", "gripper"]
IMAGES = "observation.images."
CAMERA = "observation.camera."
STATE, ACTION = "observation.state", "action"
JOINTS, VELOCITIES = "observation.joints.position", "observation.joints.velocity"
TIME = "observation.time"
TEXTS = ("source", "subtask", "step", "plan", "objects")
KEYFRAME, WALL_TIME = "keyframe", "wall_time"
COUNTED = ("timestamp", "frame_index", "episode_index", "index", "task_index")
"""Columns that follow from a frame's place in its episode and in the set."""

Features = Mapping[str, Mapping[str, Any]]


def data_path(slot: int) -> str:
    """Where the frames of the episode in a slot lie, relative to the set's folder."""
    return DATA_PATH.format(chunk_index=slot // CHUNK, file_index=slot % CHUNK)


def meta_path(slot: int) -> str:
    """Where the meta row of the episode in a slot lies, relative to the set's folder."""
    return META_PATH.format(chunk_index=slot // CHUNK, file_index=slot % CHUNK)


@dataclass(frozen=True)
class CameraShape:
    """A camera of a set, and the size of its images in pixels."""

    name: str
    height: int
    width: int


@dataclass(frozen=True)
class SetShape:
    """What all episodes of a set share: ``cameras``, the number of ``joints``, ``fps`` and ``robot``."""

    cameras: tuple[CameraShape, ...]
    joints: int
    fps: int
    robot: str

    @staticmethod
    def of(frame: RecordedFrame, fps: int, robot: str) -> SetShape:
        """The shape of a set that begins with this frame."""
        cameras = tuple(CameraShape(camera.name, *camera.depth.shape) for camera in frame.observation.frames)
        return SetShape(cameras, len(frame.observation.joint_positions), fps, robot)

    @staticmethod
    def from_info(info: Mapping[str, Any]) -> SetShape:
        """The shape that ``info.json`` tells. Raises KeyError, TypeError or ValueError if it tells none."""
        features = info["features"]
        depths = [name for name in features if name.startswith(IMAGES) and name.endswith("_depth")]
        cameras = []
        for name in depths:
            height, width, _ = features[name]["shape"]
            cameras.append(CameraShape(name[len(IMAGES) : -len("_depth")], int(height), int(width)))
        (joints,) = features[JOINTS]["shape"]
        return SetShape(tuple(cameras), int(joints), int(info["fps"]), str(info["robot_type"]))

    def describe(self) -> str:
        """For a sentence: cameras, joints, rate."""
        cameras = ", ".join(f"{camera.name} {camera.width} x {camera.height}" for camera in self.cameras)
        return f"cameras {cameras}; {self.joints} joints; {self.fps} frames a second; robot {self.robot}"

    def features(self) -> dict[str, dict[str, Any]]:
        """LeRobot's description of all columns. Shapes are lists, as JSON has them."""
        found: dict[str, dict[str, Any]] = {}
        for camera in self.cameras:
            size = [camera.height, camera.width]
            channels = ["height", "width", "channels"]
            colour: dict[str, Any] = {"dtype": "image", "shape": [*size, 3], "names": channels}
            depth: dict[str, Any] = {"dtype": "image", "shape": [*size, 1], "names": channels}
            depth["info"] = {"is_depth_map": True, "depth_unit": "mm"}
            found[IMAGES + camera.name] = colour
            found[f"{IMAGES}{camera.name}_depth"] = depth
        for camera in self.cameras:
            found[f"{CAMERA}{camera.name}.intrinsics"] = _numbers("float32", [3, 3])
            found[f"{CAMERA}{camera.name}.cam2world"] = _numbers("float32", [4, 4])
            found[f"{CAMERA}{camera.name}.time"] = _numbers("float64", [1])
        names = [f"joint{k + 1}" for k in range(self.joints)]
        found[STATE] = _numbers("float32", [8], POSE)
        found[ACTION] = _numbers("float32", [8], POSE)
        found[JOINTS] = _numbers("float32", [self.joints], names)
        found[VELOCITIES] = _numbers("float32", [self.joints], names)
        found[TIME] = _numbers("float64", [1])
        found[WALL_TIME] = _numbers("float64", [1])
        found[KEYFRAME] = _numbers("bool", [1])
        for name in TEXTS:
            found[name] = _numbers("string", [1])
        found["timestamp"] = _numbers("float32", [1])
        for name in COUNTED[1:]:
            found[name] = _numbers("int64", [1])
        return found

    def arrow_schema(self) -> pa.Schema:
        """The columns of a data file."""
        return pa.schema([(name, arrow_type(feature)) for name, feature in self.features().items()])


def _numbers(dtype: str, shape: list[int], names: list[str] | None = None) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "names": names}


def arrow_type(feature: Mapping[str, Any]) -> pa.DataType:
    """The arrow type of a feature, as LeRobot's loader expects it."""
    dtype, shape = feature["dtype"], feature["shape"]
    if dtype == "image":
        return pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    scalar = {"bool": pa.bool_(), "string": pa.string(), "int64": pa.int64()}.get(dtype)
    scalar = scalar or {"float32": pa.float32(), "float64": pa.float64()}[dtype]
    if len(shape) == 2:
        return pa.list_(pa.list_(scalar))
    return scalar if list(shape) == [1] else pa.list_(scalar, shape[0])


def info_json(shape: SetShape, episodes: int, frames: int, tasks: int) -> dict[str, Any]:
    """The content of ``meta/info.json``."""
    return {
        "codebase_version": CODEBASE_VERSION,
        "robot_type": shape.robot,
        "total_episodes": episodes,
        "total_frames": frames,
        "total_tasks": tasks,
        "chunks_size": CHUNK,
        "data_files_size_in_mb": 100,
        "video_files_size_in_mb": 200,
        "fps": shape.fps,
        "splits": {"train": f"0:{episodes}"},
        "data_path": DATA_PATH,
        "video_path": None,
        "features": shape.features(),
    }
