"""Takes for the tests of the demonstrations: small images of a moving scene, and an arm that stops where it grasps."""

from __future__ import annotations

import numpy as np

from clap.geometry.frames import Pose
from clap.geometry.observation import CameraFrame, Observation
from demos.frames import HUMAN, Outcome, RecordedFrame, TakeInfo
from demos.store.episode_record import EpisodeRecord
from demos.store.store import DemonstrationStore

CAMERAS = ("front", "wrist")
SIZE = 24
INFO = TakeInfo("put the red block in the cup", operator="test", world="none", seed=3)
DOWN = np.array([1.0, 0.0, 0.0, 0.0])


def make_frame(number: int, cameras=CAMERAS, size: int = SIZE, noise: bool = False, **keywords) -> RecordedFrame:
    """Frame ``number`` of a take at 20 Hz: moves in x, grasps at 8, stands still from 4 to 7 and from 12 on."""
    rng = np.random.default_rng(number)
    frames = []
    for k, name in enumerate(cameras):
        rows, columns = np.mgrid[:size, :size]
        rgb = np.stack([(rows * 7 + number * 3 + k) % 256, columns * 5 % 256, (rows + columns) % 256], -1)
        rgb = rng.integers(0, 256, (size, size, 3)) if noise else rgb
        depth = (0.5 + 0.001 * rows + 0.01 * number + 0.1 * k).astype(np.float32)
        depth = rng.uniform(0.1, 60, (size, size)).astype(np.float32) if noise else depth
        depth[0, 0] = 0
        cam2world = np.eye(4)
        cam2world[:3, 3] = [0.1 * k, 0.01 * number, 1.0]
        intrinsics = np.array([[30.0, 0, size / 2], [0, 30.0, size / 2], [0, 0, 1]])
        frames.append(CameraFrame(name, rgb.astype(np.uint8), depth, intrinsics, cam2world, 0.05 * number))
    still = 4 <= number <= 7 or number >= 12
    opening = 1.0 if number < 8 else 0.4
    position = np.array([0.2 + 0.01 * min(number, 12), 0.1, 0.9])
    joints = np.linspace(-0.5, 0.5, 7) + 0.01 * min(number, 12) + np.array([0, 0, 0, -1.5, 0, 1.5, 0])
    velocities = np.full(7, 0.0 if still else 0.4)
    observation = Observation(tuple(frames), Pose(position, DOWN), opening, joints, velocities, 0.05 * number)
    values = {
        "commanded": Pose(position + [0.01, 0, 0], DOWN),
        "commanded_gripper": opening,
        "source": HUMAN,
        "wall_time": 1_700_000_000.0 + 0.05 * number,
        "plan": ("pick up the block", "put it in the cup"),
        "subtask": "pick up the block",
        "step": f"move to {number // 4}",
        "objects": {"red block": (0.3, 0.1, 0.8)},
    }
    return RecordedFrame(observation, **(values | keywords))


def record(
    store: DemonstrationStore, frames: int = 10, info: TakeInfo = INFO, first: int = 0, **keywords
) -> EpisodeRecord:
    """Record and commit a take as fast as the journal takes it."""
    take = store.begin(info)
    for number in range(frames):
        while not take.add(make_frame(first + number, **keywords)):
            assert take.status().problem is None
    return take.commit(Outcome.SUCCESS, "a note")
