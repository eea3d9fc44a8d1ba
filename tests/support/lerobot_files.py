"""LeRobot v3 sets as other programs write them: several episodes in a file, another naming, PNG, JPEG and TIFF."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

HEIGHT, WIDTH, LENGTHS = 20, 24, (6, 4)
POSE = ["x", "y", "z", "qx", "qy", "qz", "qw", "gripper"]
INTRINSICS = [[30.0, 0, 12], [0, 30.0, 10], [0, 0, 1]]
CAM2WORLD = np.diag([1.0, -1.0, -1.0, 1.0]).tolist()
IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def colour(number: int) -> np.ndarray:
    """The colour image of a frame, by its place in the set."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    return np.stack([rows * 9 + number, columns * 7, rows + columns], -1).astype(np.uint8)


def millimetres(number: int) -> np.ndarray:
    """The depth of a frame."""
    return (500 + 10 * number + np.arange(HEIGHT * WIDTH).reshape(HEIGHT, WIDTH)).astype(np.uint16)


def encoded(array: np.ndarray, kind: str = "PNG") -> dict:
    """An image as LeRobot's cells hold it."""
    out = io.BytesIO()
    Image.fromarray(array).save(out, kind)
    return {"bytes": out.getvalue(), "path": None}


def poses() -> list[list[float]]:
    """State of all frames: moves in x, closes the gripper in the middle."""
    return [[0.2 + 0.01 * k, 0.1, 0.9, 1, 0, 0, 0, float(k % 6 < 3)] for k in range(sum(LENGTHS))]


def description(**changes) -> dict:
    """The content of info.json."""
    size = {"dtype": "image", "names": ["height", "width", "channels"]}
    features = {
        "observation.images.top": {**size, "shape": [HEIGHT, WIDTH, 3]},
        "observation.images.top_depth": {**size, "shape": [HEIGHT, WIDTH, 1], "info": {"is_depth_map": True}},
        "observation.images.web": {"dtype": "video", "shape": [HEIGHT, WIDTH, 3], "names": size["names"]},
        "observation.state": {"dtype": "float32", "shape": [8], "names": {"axes": POSE}},
        "action": {"dtype": "float32", "shape": [7], "names": [f"joint{k}.pos" for k in range(7)]},
        "timestamp": {"dtype": "float32", "shape": [1], "names": None},
        "frame_index": {"dtype": "int64", "shape": [1], "names": None},
        "episode_index": {"dtype": "int64", "shape": [1], "names": None},
    }
    features["observation.images.top"]["info"] = {"camera": {"intrinsics": INTRINSICS, "cam2world": CAM2WORLD}}
    return {
        "codebase_version": "v3.0",
        "robot_type": "panda",
        "fps": 10,
        "data_path": "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet",
        "features": features,
        **changes,
    }


def columns(count: int = sum(LENGTHS)) -> dict:
    """The data file's columns."""
    episode = [index for index, length in enumerate(LENGTHS) for _ in range(length)][:count]
    frame = [number for length in LENGTHS for number in range(length)][:count]
    return {
        "observation.images.top": pa.array([encoded(colour(k)) for k in range(count)], IMAGE),
        "observation.images.top_depth": pa.array([encoded(millimetres(k), "TIFF") for k in range(count)], IMAGE),
        "observation.state": pa.array(poses()[:count], pa.list_(pa.float32(), 8)),
        "action": pa.array([[0.1] * 7] * count, pa.list_(pa.float32(), 7)),
        "timestamp": pa.array(np.array(frame) / 10, pa.float32()),
        "frame_index": pa.array(frame, pa.int64()),
        "episode_index": pa.array(episode, pa.int64()),
    }


def listing(**changes) -> dict:
    """The list of episodes."""
    return {
        "episode_index": [0, 1],
        "tasks": [["open the drawer"], ["close the drawer"]],
        "length": list(LENGTHS),
        "data/chunk_index": [0, 0],
        "data/file_index": [0, 0],
        **changes,
    }


def write_set(folder: Path, info: dict | None = None, data: dict | None = None, listed: dict | None = None) -> Path:
    """Write a set with two episodes in one file; the parts may be replaced."""
    for place in ("data/chunk-000", "meta/episodes/chunk-000"):
        (folder / place).mkdir(parents=True)
    (folder / "meta/info.json").write_text(json.dumps(info or description()))
    pq.write_table(pa.table(listed or listing()), folder / "meta/episodes/chunk-000/file-000.parquet")
    pq.write_table(pa.table(data or columns()), folder / "data/chunk-000/file-000.parquet", row_group_size=7)
    return folder
