"""Writes demonstrations in the layout in which RLBench stores them, without RLBench."""

from __future__ import annotations

import pickle
import sys
import types
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

NEAR, FAR = 0.01, 4.5


@contextmanager
def rlbench_classes():
    """The two classes under RLBench's names, for the pickles' sake."""
    demo, observation = types.ModuleType("rlbench.demo"), types.ModuleType("rlbench.backend.observation")
    demo.Demo = type("Demo", (), {"__module__": demo.__name__})
    observation.Observation = type("Observation", (), {"__module__": observation.__name__})
    parents = {name: types.ModuleType(name) for name in ("rlbench", "rlbench.backend")}
    modules = {**parents, demo.__name__: demo, observation.__name__: observation}
    sys.modules.update(modules)
    try:
        yield demo.Demo, observation.Observation
    finally:
        for name in modules:
            del sys.modules[name]


def states(count: int) -> list[dict]:
    """Low-dimensional observations: still from 4 to 7, closes at 8."""
    found = []
    for number in range(count):
        misc: dict = {"variation_index": 3}
        for name in ("front", "wrist"):
            misc |= {
                f"{name}_camera_near": NEAR,
                f"{name}_camera_far": FAR,
                f"{name}_camera_intrinsics": np.array([[-30.0, 0, 12], [0, -30.0, 12], [0, 0, 1]]),
                f"{name}_camera_extrinsics": np.array([[1.0, 0, 0, 0.2], [0, 1, 0, 0.1], [0, 0, 1, 0.5], [0, 0, 0, 1]]),
            }
        found.append(
            {
                "joint_velocities": np.full(7, 0.0 if 4 <= number <= 7 else 0.4),
                "joint_positions": np.linspace(-0.5, 0.5, 7) + 0.01 * number,
                "joint_forces": None,
                "gripper_open": 1.0 if number < 8 else 0.0,
                "gripper_pose": np.array([0.2 + 0.01 * number, 0.1, 0.9, 1.0, 0.0, 0.0, 0.0]),
                "gripper_touch_forces": np.float32(2.5),
                "misc": misc,
            }
        )
    return found


def write_demo(folder: Path, count: int = 12, protocol: int = 4) -> Path:
    """An episode folder with the cameras front and wrist, 24 x 24."""
    folder.mkdir(parents=True)
    with rlbench_classes() as (demo_class, observation_class):
        observations = []
        for values in states(count):
            one = observation_class()
            one.__dict__.update(values)
            observations.append(one)
        demo = demo_class()
        demo.__dict__.update(_observations=observations, random_seed=np.random.RandomState(0).get_state())
        (folder / "low_dim_obs.pkl").write_bytes(pickle.dumps(demo, protocol))
    (folder / "variation_descriptions.pkl").write_bytes(pickle.dumps(["close the red jar", "screw it"], protocol))
    for name in ("front", "wrist"):
        for kind in ("rgb", "depth"):
            (folder / f"{name}_{kind}").mkdir()
        for number in range(count):
            Image.fromarray(colour(number)).save(folder / f"{name}_rgb" / f"{number}.png")
            levels = np.rint((distance(number) - NEAR) / (FAR - NEAR) * (2**24 - 1)).astype(np.uint32)
            packed = np.stack([levels >> 16, levels >> 8 & 255, levels & 255], -1).astype(np.uint8)
            Image.fromarray(packed).save(folder / f"{name}_depth" / f"{number}.png")
    return folder


def colour(number: int) -> np.ndarray:
    rows, columns = np.mgrid[:24, :24]
    return np.stack([rows * 9, columns * 9, np.full_like(rows, number)], -1).astype(np.uint8)


def distance(number: int) -> np.ndarray:
    return 0.5 + np.mgrid[:24, :24][0] * 0.03 + number * 0.01
