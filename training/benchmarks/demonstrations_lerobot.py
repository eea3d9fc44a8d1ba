"""LeRobot's writer on the frames of `python -m demos.recording.measure`; run as a file by a Python that has LeRobot.

python demonstrations_lerobot.py frames.npz FOLDER TAKES
"""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image


def main(source: str, folder: str, takes: int) -> None:
    """Record the frames ``takes`` times, and print what it took as JSON."""
    declared = _make_torchvision_importable()
    writer = importlib.import_module("lerobot.datasets.lerobot_dataset").LeRobotDataset
    frames = np.load(source)
    arrays = {name: frames[name] for name in frames.files}
    features: dict[str, Any] = {"observation.state": {"dtype": "float32", "shape": (7,), "names": None}}
    for name, array in arrays.items():
        if name != "state":
            shape = (*array.shape[1:3], 3 if name.endswith("_rgb") else 1)
            features[f"observation.images.{name}"] = {"dtype": "image", "shape": shape, "names": ["h", "w", "c"]}
    made = writer.create("local/measure", 20, features, root=folder, use_videos=False)
    measured: dict[str, list[float]] = {"add_cpu_ms": [], "commit_s": [], "commit_cpu_ms": [], "bytes_per_frame": []}
    count = len(arrays["state"])
    for _ in range(takes):
        start_cpu = time.process_time()
        for number in range(count):
            row: dict[str, Any] = {"observation.state": arrays["state"][number], "task": "measure"}
            for name, array in arrays.items():
                if name.endswith("_rgb"):
                    row[f"observation.images.{name}"] = array[number]
                elif name.endswith("_depth"):
                    depth = np.rint(array[number] * 1000).clip(0, 65535).astype(np.uint16)
                    row[f"observation.images.{name}"] = Image.fromarray(depth)
            made.add_frame(row)
        measured["add_cpu_ms"].append(1000 * (time.process_time() - start_cpu) / count)
        start_cpu, start = time.process_time(), time.perf_counter()
        made.save_episode()
        measured["commit_s"].append(time.perf_counter() - start)
        measured["commit_cpu_ms"].append(1000 * (time.process_time() - start_cpu))
    made.finalize()
    del declared
    size = sum(path.stat().st_size for path in Path(folder, "data").rglob("*.parquet"))
    measured["bytes_per_frame"].append(size / (count * takes))
    print(json.dumps({**measured, "version": importlib.metadata.version("lerobot")}))


def _make_torchvision_importable() -> Any:
    """Its compiled part needs CUDA's libraries; without them two operators must be named before it can be imported."""
    try:
        importlib.import_module("torchvision")
    except RuntimeError:
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
        library = importlib.import_module("torch").library.Library("torchvision", "DEF")
        for name in ("nms", "qnms"):
            library.define(name + "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        return library  # the names last as long as it does
    return None


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
