"""Writes small shards of painted boxes in the training format: quick to make, and hard enough to learn from."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from clap.geometry.frames import VIEWS, Workspace
from clap.geometry.rotation import euler_to_quaternion

COLORS = {"red": (200, 40, 40), "green": (40, 170, 60), "blue": (40, 70, 200), "yellow": (210, 190, 40)}
TABLE_Z = 0.752


def box_points(center: np.ndarray, half: np.ndarray, yaw: float, rng: np.random.Generator, count: int) -> np.ndarray:
    """Random points (count, 3) on the surface of a box turned by ``yaw`` radians."""
    points = rng.uniform(-1, 1, (count, 3))
    axis = rng.integers(0, 3, count)
    points[np.arange(count), axis] = rng.choice([-1.0, 1.0], count)
    points *= half
    turn = np.array([[np.cos(yaw), -np.sin(yaw), 0], [np.sin(yaw), np.cos(yaw), 0], [0, 0, 1]])
    return points @ turn.T + center


def paint(points: np.ndarray, colors: np.ndarray, window: Workspace, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Orthographic z-buffer of a cloud: rgb (3, S, S, 3) uint8 and depth (3, S, S) metres, 0 = empty."""
    local = window.to_local(points)
    inside = (np.abs(local) < 1).all(1)
    local, colors = local[inside], colors[inside]
    rgb, depth = np.zeros((3, size, size, 3), np.uint8), np.zeros((3, size, size), np.float32)
    for k, view in enumerate(VIEWS):
        u = (size / 2 * (1 + view.u_sign * local[:, view.u_axis])).astype(int)
        v = (size / 2 * (1 + view.v_sign * local[:, view.v_axis])).astype(int)
        away = (1 + view.depth_sign * local[:, view.depth_axis]) * window.half_extent
        far_first = np.argsort(-away, kind="stable")
        rgb[k, v[far_first], u[far_first]] = colors[far_first]
        depth[k, v[far_first], u[far_first]] = np.maximum(away[far_first], 1e-4)
    return rgb, depth


def scene(rng: np.random.Generator, size: int) -> tuple[dict, np.ndarray, np.ndarray]:
    """A record of one zoom with its rgb and depth."""
    names = list(rng.permutation(list(COLORS))[: rng.integers(2, 5)])
    focus = np.array([rng.uniform(0.0, 0.4), rng.uniform(-0.25, 0.25), 0])
    clouds, paints, centers, yaws = [], [], [], []
    while len(centers) < len(names):
        spot = focus + np.append(rng.uniform(-0.11, 0.11, 2), TABLE_Z + 0.022)
        if all(np.linalg.norm((spot - other)[:2]) > 0.075 for other in centers):
            centers.append(spot)
            yaws.append(rng.uniform(-np.pi / 4, np.pi / 4))
        else:
            focus[:2] += rng.uniform(-0.01, 0.01, 2)
    for name, center, yaw in zip(names, centers, yaws, strict=True):
        clouds.append(box_points(center, np.full(3, 0.022), yaw, rng, 5000))
        paints.append(np.array(COLORS[name]) * rng.uniform(0.6, 1, (5000, 1)))
    table = np.column_stack([focus[:2] + rng.uniform(-0.2, 0.2, (20000, 2)), np.full(20000, TABLE_Z)])
    clouds.append(table)
    paints.append(np.full((20000, 3), rng.uniform(60, 200)) + rng.normal(0, 6, (20000, 3)))
    kind, name = int(rng.integers(3)), names[0]
    step = (f"the robot moves above the {name} block", f"the robot grasps the {name} block",
            f"the robot lifts the {name} block")[kind]  # fmt: skip
    position = centers[0] + np.array([0, 0, (0.08, 0.0, 0.10)[kind]])
    hand = position if kind == 2 else centers[0] + np.array([0, 0, 0.12]) + rng.uniform(-0.04, 0.04, 3) * (kind == 0)
    clouds.append(box_points(hand + np.array([0, 0, 0.05]), np.array([0.02, 0.06, 0.03]), yaws[0], rng, 3000))
    paints.append(np.full((3000, 3), 230.0))
    center = position + rng.uniform(-0.05, 0.05, 3)
    window = Workspace(tuple((center - 0.125).tolist()), tuple((center + 0.125).tolist()))
    rgb, depth = paint(np.concatenate(clouds), np.clip(np.concatenate(paints), 0, 255).astype(np.uint8), window, size)
    record = {
        "kind": "trajectory",
        "task": "stack",
        "step": step,
        "gripper_open": kind != 2,
        "action": {
            "position": position.tolist(),
            "quaternion": euler_to_quaternion((180.0, 0.0, np.degrees(yaws[0]))).tolist(),
            "gripper_open": kind == 0,
        },
        "zooms": [{"low": list(window.low), "high": list(window.high)}],
    }
    return record, rgb, depth


def write_shard(folder: Path, index: int, count: int, size: int = 112, seed: int = 0, **fields: object) -> None:
    """Write ``shard-<index>`` with ``count`` trajectory records of one zoom each; ``fields`` not None go into them."""
    rng = np.random.default_rng([seed, index])
    shard = Path(folder) / f"shard-{index:05d}.partial"
    shard.mkdir(parents=True)
    rgb, depth = np.empty((count, 3, size, size, 3), np.uint8), np.empty((count, 3, size, size), np.float16)
    with open(shard / "records.jsonl", "w", encoding="utf-8") as file:
        for k in range(count):
            record, rgb[k], depth[k] = scene(rng, size)
            record["zooms"][0]["index"] = k
            record.update({name: value for name, value in fields.items() if value is not None})
            file.write(json.dumps(record) + "\n")
    np.save(shard / "zooms_rgb.npy", rgb)
    np.save(shard / "zooms_depth.npy", depth)
    shard.rename(shard.with_suffix(""))
