"""Painted shards in the format of the training data: coloured boxes on a table, seen orthographically."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from clap.geometry.frames import IMAGE_SIZE, VIEWS, Workspace, project
from clap.policies.base import INITIAL_STEP
from clap.worlds.tabletop import phrasing

COLORS = {"red": (210, 30, 30), "green": (30, 160, 50), "blue": (40, 60, 210), "yellow": (230, 210, 40)}
TABLE_Z = 0.752
WORKSPACE = Workspace()


def paint_box(rgb: np.ndarray, depth: np.ndarray, center: np.ndarray, half: np.ndarray, color: tuple) -> None:
    """Z-buffered rectangle of an axis-aligned box in each view."""
    corners = project(np.array([center - half, center + half]), WORKSPACE)
    for k, view in enumerate(VIEWS):
        low = np.clip(np.floor(corners[:, k].min(0)), 0, IMAGE_SIZE).astype(int)
        high = np.clip(np.ceil(corners[:, k].max(0)), 0, IMAGE_SIZE).astype(int)
        axis = view.depth_axis
        distance = WORKSPACE.high[axis] - (center[axis] + half[axis])
        window = (k, slice(low[1], high[1]), slice(low[0], high[0]))
        nearer = (depth[window] == 0) | (depth[window] > distance)
        depth[window][nearer] = distance
        shade = (0.7, 0.85, 1.0)[k]
        rgb[window][nearer] = np.array(color) * shade


def make_scene(rng: np.random.Generator, trajectory: bool) -> tuple[np.ndarray, np.ndarray, dict]:
    """Views and record of two to four blocks and cups; trajectory scenes ask for step 0 or 3 of block-in-cup."""
    rgb = np.zeros((3, IMAGE_SIZE, IMAGE_SIZE, 3), np.uint8)
    depth = np.zeros((3, IMAGE_SIZE, IMAGE_SIZE), np.float32)
    paint_box(rgb, depth, np.array([0.2, 0, TABLE_Z - 0.02]), np.array([0.4, 0.45, 0.02]), (130, 110, 90))
    colors = list(rng.permutation(list(COLORS))[: rng.integers(1, 3)])
    names = [phrasing.block(str(c)) for c in colors] + [phrasing.cup(str(c)) for c in colors]
    places: list[np.ndarray] = []
    while len(places) < len(names):
        place = np.array([rng.uniform(-0.1, 0.5), rng.uniform(-0.35, 0.35), 0.0])
        if all(np.linalg.norm(place - other) > 0.13 for other in places):
            places.append(place)
    objects = []
    for name, place in zip(names, places, strict=True):
        half = np.array([0.02, 0.02, 0.02]) if "block" in name else np.array([0.04, 0.04, 0.05])
        center = place + np.array([0, 0, TABLE_Z + half[2]])
        paint_box(rgb, depth, center, half, COLORS[name.split()[0]])
        objects.append({"name": name, "position": center.tolist(), "visible": True})
    record: dict = {"kind": "positions", "objects": objects, "drawer_open": None}
    if trajectory:
        block_name, cup_name = names[0], names[len(colors)]
        plan = phrasing.pick_and_place_steps(block_name, cup_name)
        block = np.array(objects[0]["position"])
        index = int(rng.choice([0, 1]))
        keypoint = block + np.array([0, 0, 0.12]) if index == 0 else block
        record |= {
            "kind": "trajectory",
            "demo": 0,
            "instruction": f"put the {block_name} in the {cup_name}",
            "contact": index == 1,
            "plan": list(plan),
            "last_step": INITIAL_STEP if index == 0 else plan[index - 1],
            "step": plan[index],
            "step_index": index,
            "task": "block_in_same_cup",
            "task_objects": [block_name, cup_name],
            "keypoint": keypoint.tolist(),
            "action": {"position": keypoint.tolist(), "quaternion": [0, 1, 0, 0], "gripper_open": True},
            "gripper_open": True,
            "zooms": [],
        }
        if index:
            gripper = block + np.array([0, 0, 0.2])
            paint_box(rgb, depth, gripper, np.array([0.03, 0.06, 0.06]), (235, 235, 235))
    return rgb, depth, record


def write_shard(folder: Path, number: int, count: int, seed: int) -> None:
    """One complete shard of ``count`` scenes, trajectories and positions in turn."""
    rng = np.random.default_rng(seed)
    scenes = [make_scene(rng, trajectory=index % 2 == 1) for index in range(count)]
    partial = folder / f".partial-{number}"
    partial.mkdir(parents=True)
    np.save(partial / "views_rgb.npy", np.stack([rgb for rgb, _, _ in scenes]))
    np.save(partial / "views_depth.npy", np.stack([depth for _, depth, _ in scenes]).astype(np.float16))
    np.save(partial / "zooms_rgb.npy", np.zeros((0, 3, 112, 112, 3), np.uint8))
    np.save(partial / "zooms_depth.npy", np.zeros((0, 3, 112, 112), np.float16))
    lines = "".join(json.dumps(record) + "\n" for _, _, record in scenes)
    (partial / "records.jsonl").write_text(lines, "utf-8")
    partial.rename(folder / f"shard-{number:05d}")
