"""The files follow the LeRobot v3 layout as it is published, and LeRobot itself reads them where it is at hand.

CLAP_LEROBOT_PYTHON names a Python that has lerobot 0.4.4 or newer; without it only the written layout is compared.
"""

from __future__ import annotations

import io
import json
import os
import subprocess

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from demos.frames import Outcome
from demos.store.store import DemonstrationStore
from tests.support.demonstration_takes import CAMERAS, INFO, SIZE, make_frame, record

LEROBOT = os.environ.get("CLAP_LEROBOT_PYTHON")

INFO_KEYS = {
    "codebase_version": "v3.0",
    "robot_type": "franka_fr3",
    "total_episodes": 2,
    "total_frames": 15,
    "total_tasks": 2,
    "chunks_size": 1000,
    "data_files_size_in_mb": 100,
    "video_files_size_in_mb": 200,
    "fps": 20,
    "splits": {"train": "0:2"},
    "data_path": "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet",
    "video_path": None,
}
EPISODE_COLUMNS = {
    "episode_index": pa.int64(),
    "tasks": pa.list_(pa.string()),
    "length": pa.int64(),
    "data/chunk_index": pa.int64(),
    "data/file_index": pa.int64(),
    "dataset_from_index": pa.int64(),
    "dataset_to_index": pa.int64(),
    "meta/episodes/chunk_index": pa.int64(),
    "meta/episodes/file_index": pa.int64(),
}
STATISTICS = {"min", "max", "mean", "std", "count", "q01", "q10", "q50", "q90", "q99"}
SCALARS = {
    "float32": pa.float32(),
    "float64": pa.float64(),
    "int64": pa.int64(),
    "bool": pa.bool_(),
    "string": pa.string(),
}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Two episodes of 6 and 9 frames, slots 0 and 2."""
    root = tmp_path_factory.mktemp("lerobot") / "set"
    with DemonstrationStore.open(root) as store:
        record(store, 6)
        gone = record(store, 4)
        last = record(store, 9, first=20)
        store.relabel(last.id, task="stack the cups", outcome=Outcome.PARTIAL)
        store.delete([gone.id])
    return root


@pytest.fixture(scope="module")
def info(root):
    return json.loads((root / "meta/info.json").read_text())


def test_the_files_are_where_lerobot_looks(root):
    public = {str(p.relative_to(root)) for p in root.rglob("*") if p.is_file() and ".clap" not in p.parts}
    parts = {f"{kind}/chunk-000/file-{slot:03d}.parquet" for kind in ("data", "meta/episodes") for slot in (0, 2)}
    assert public == parts | {"meta/info.json", "meta/stats.json", "meta/tasks.parquet"}


def test_info_json_has_the_published_keys(info):
    assert {key: info[key] for key in INFO_KEYS} == INFO_KEYS
    assert set(info) == {*INFO_KEYS, "features"}
    for name, feature in info["features"].items():
        assert "/" not in name and set(feature) - {"info"} == {"dtype", "shape", "names"}
        assert isinstance(feature["shape"], list) and feature["dtype"] in {*SCALARS, "image"}
    for camera in CAMERAS:
        assert info["features"][f"observation.images.{camera}"]["shape"] == [SIZE, SIZE, 3]
        depth = info["features"][f"observation.images.{camera}_depth"]
        assert depth["shape"] == [SIZE, SIZE, 1]
        assert depth["info"] == {"is_depth_map": True, "depth_unit": "mm"}
    numbers = [name for name, feature in info["features"].items() if feature["dtype"] != "image"]
    assert not any("image" in name for name in numbers), "LeRobot takes such columns for pictures"


def test_each_column_has_the_type_of_its_feature(root, info):
    file = pq.ParquetFile(root / "data/chunk-000/file-002.parquet")
    assert file.schema_arrow.names == list(info["features"])
    for name, feature in info["features"].items():
        kind, shape = file.schema_arrow.field(name).type, feature["shape"]
        if feature["dtype"] == "image":
            assert kind == pa.struct([("bytes", pa.binary()), ("path", pa.string())])
        elif shape == [1]:
            assert kind == SCALARS[feature["dtype"]]
        elif len(shape) == 1:
            assert kind == pa.list_(SCALARS[feature["dtype"]], shape[0])
        else:
            assert kind.value_type.value_type == SCALARS[feature["dtype"]]


def test_rows_count_as_lerobot_counts(root):
    tables = [pq.read_table(root / f"data/chunk-000/file-{slot:03d}.parquet") for slot in (0, 2)]
    both = pa.concat_tables(tables)
    assert both["index"].to_pylist() == list(range(15))
    assert both["episode_index"].to_pylist() == [0] * 6 + [1] * 9
    assert both["frame_index"].to_pylist() == [*range(6), *range(9)]
    assert both["task_index"].to_pylist() == [0] * 6 + [1] * 9
    np.testing.assert_allclose(both["timestamp"].to_numpy(), np.array([*range(6), *range(9)]) / 20, atol=1e-6)


def test_the_episodes_table_is_looked_up_by_position(root, info):
    tables = [pq.read_table(root / f"meta/episodes/chunk-000/file-{slot:03d}.parquet") for slot in (0, 2)]
    rows = pa.concat_tables(tables).to_pylist()
    assert tables[0].schema.equals(tables[1].schema), "LeRobot loads all of them with one schema"
    for name, kind in EPISODE_COLUMNS.items():
        assert tables[0].schema.field(name).type == kind
    assert [row["episode_index"] for row in rows] == [0, 1]
    assert [(row["dataset_from_index"], row["dataset_to_index"], row["length"]) for row in rows] == [
        (0, 6, 6),
        (6, 15, 9),
    ]
    assert [row["data/file_index"] for row in rows] == [row["meta/episodes/file_index"] for row in rows] == [0, 2]
    assert [row["tasks"] for row in rows] == [[INFO.task], ["stack the cups"]]
    assert [row["clap/outcome"] for row in rows] == ["success", "partial"]
    for name, feature in info["features"].items():
        if feature["dtype"] != "string":
            assert all(f"stats/{name}/{which}" in rows[0] for which in STATISTICS), name


def test_statistics_have_lerobots_shapes_and_are_those_of_the_columns(root, info):
    stats = json.loads((root / "meta/stats.json").read_text())
    for name, feature in info["features"].items():
        if feature["dtype"] == "string":
            assert name not in stats
            continue
        wanted = (feature["shape"][-1], 1, 1) if feature["dtype"] == "image" else (feature["shape"][-1],)
        assert set(stats[name]) == STATISTICS
        assert all(np.shape(stats[name][which]) == wanted for which in STATISTICS - {"count"}), name
        assert np.shape(stats[name]["count"]) == (1,)
    both = pa.concat_tables([pq.read_table(root / f"data/chunk-000/file-{slot:03d}.parquet") for slot in (0, 2)])
    for name in ("observation.state", "index", "timestamp", "task_index"):
        values = np.array(both[name].to_pylist(), float).reshape(15, -1)
        for which in ("min", "max", "mean", "std"):
            np.testing.assert_allclose(
                stats[name][which], getattr(values, which)(0), atol=1e-6, err_msg=f"{name} {which}"
            )
    assert stats["observation.images.front"]["max"][0][0][0] <= 1
    assert 400 < stats["observation.images.front_depth"]["mean"][0][0][0] < 1000


def test_tasks_are_a_table_indexed_by_the_text(root):
    table = pq.read_table(root / "meta/tasks.parquet")
    assert table.to_pydict() == {"task_index": [0, 1], "task": [INFO.task, "stack the cups"]}
    assert json.loads(table.schema.metadata[b"pandas"])["index_columns"] == ["task"]


def test_depth_is_a_16_bit_png_in_millimetres(root):
    row = pq.read_table(root / "data/chunk-000/file-000.parquet").to_pylist()[3]
    depth = np.asarray(Image.open(io.BytesIO(row["observation.images.wrist_depth"]["bytes"])))
    wanted = np.rint(make_frame(3).observation.frames[1].depth * 1000)
    np.testing.assert_array_equal(depth, wanted)
    colour = Image.open(io.BytesIO(row["observation.images.wrist"]["bytes"]))
    assert (colour.format, colour.mode) == ("PNG", "RGB") and row["observation.images.wrist"]["path"] is None


READER = """
import sys
import numpy as np
if sys.argv[3] == "declare":
    import torch
    library = torch.library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):
        library.define(name + "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
from lerobot.datasets.lerobot_dataset import LeRobotDataset
found = LeRobotDataset("local/set", root=sys.argv[1])
arrays = {"episodes": found.num_episodes}
tasks = []
for number in range(len(found)):
    item = found[number]
    tasks.append(item["task"])
    for name, value in item.items():
        if hasattr(value, "numpy"):
            arrays[f"{number} {name}"] = value.numpy()
np.savez(sys.argv[2], tasks=np.array(tasks), **arrays)
"""


@pytest.mark.skipif(LEROBOT is None, reason="CLAP_LEROBOT_PYTHON is not set")
def test_lerobot_loads_the_set_and_returns_the_same_arrays(root, tmp_path):
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "cache")}
    environment.pop("PYTHONPATH", None)
    # A torchvision without its compiled part needs the names of two operators, or it cannot be imported.
    plain = subprocess.run([LEROBOT, "-c", "import torchvision"], env=environment, capture_output=True).returncode == 0
    command = [LEROBOT, "-c", READER, root, tmp_path / "read.npz", "plain" if plain else "declare"]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr[-3000:]
    read = np.load(tmp_path / "read.npz")
    assert read["episodes"] == 2
    assert list(read["tasks"]) == [INFO.task] * 6 + ["stack the cups"] * 9
    with DemonstrationStore.open(root, read_only=True) as store:
        frames = [(store.read(e.id), k) for e in store.episodes() for k in range(e.length)]
        for number, (episode, k) in enumerate(frames):
            for camera in episode.frame(k).observation.frames:
                rgb = read[f"{number} observation.images.{camera.name}"].transpose(1, 2, 0) * 255
                np.testing.assert_array_equal(np.rint(rgb), camera.rgb)
                depth = read[f"{number} observation.images.{camera.name}_depth"][0]
                np.testing.assert_array_equal(depth, np.rint(camera.depth * 1000))
                np.testing.assert_array_equal(
                    read[f"{number} observation.camera.{camera.name}.cam2world"], camera.cam2world
                )
                np.testing.assert_array_equal(
                    read[f"{number} observation.camera.{camera.name}.intrinsics"], camera.intrinsics
                )
            np.testing.assert_array_equal(read[f"{number} observation.state"], episode.state[k])
            np.testing.assert_array_equal(read[f"{number} action"], episode.action[k])
            np.testing.assert_array_equal(read[f"{number} observation.joints.velocity"], episode.velocities[k])
            assert read[f"{number} keyframe"] == (k in episode.keyframes)
