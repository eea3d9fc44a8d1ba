"""What a take is made of: what is known when it begins, and one frame of it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

import numpy as np

from clap.geometry.frames import Pose
from clap.geometry.observation import Observation

POLICY, HUMAN = "policy", "human"
"""Who commands the arm in a frame."""

CAMERA_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""What LeRobot takes as a part of a column's name; it treats every column with "image" in its name as pictures."""


class Outcome(str, Enum):
    """How a demonstration ended."""

    SUCCESS = "success"
    PARTIAL = "partial"
    FAILURE = "failure"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class TakeInfo:
    """What is known of a take when it begins.

    ``task`` is the whole instruction; ``task_key`` the world's name of the task, empty where it has none. With its
    ``seed``, ``variation`` (None: drawn from the seed) and ``condition`` the world sets the scene up again. ``fps`` is
    the rate at which frames are meant to come, the same for a whole set.
    """

    task: str
    fps: int = 20
    robot: str = "franka_fr3"
    operator: str = ""
    policy: str = ""
    world: str = ""
    task_key: str = ""
    seed: int | None = None
    notes: str = ""
    variation: int | None = None
    condition: str = "none"

    def __post_init__(self) -> None:
        if not self.task.strip():
            raise ValueError("a take needs the instruction that it demonstrates")
        if not 1 <= self.fps <= 1000:
            raise ValueError(f"the rate must be 1 to 1000 frames a second, not {self.fps}")


@dataclass(frozen=True)
class RecordedFrame:
    """One instant of a take.

    ``observation`` holds the RGB-D images with their calibration, the measured (reached) pose and opening of the
    gripper, and the joints; ``commanded`` is the pose, world frame, that the arm was told to go to at this instant,
    ``commanded_gripper`` the opening from 0 to 1; ``source`` is "policy" or "human"; ``wall_time`` seconds since the
    epoch; ``objects`` are known positions (3,) in world metres, by name (empty where the world cannot tell);
    ``keyframe`` is True if it was marked by hand.
    """

    observation: Observation
    commanded: Pose
    commanded_gripper: float
    source: str
    wall_time: float
    plan: tuple[str, ...] = ()
    subtask: str = ""
    step: str = ""
    objects: Mapping[str, tuple[float, float, float]] = field(default_factory=dict)
    keyframe: bool = False

    def check(self) -> None:
        """Raises ValueError, naming what is wrong, for a frame that could not be read back as it is."""
        if self.source not in (POLICY, HUMAN):
            raise ValueError(f'source must be "{POLICY}" or "{HUMAN}", not "{self.source}"')
        seen = self.observation
        names = [frame.name for frame in seen.frames]
        if not names or len(set(names)) != len(names):
            raise ValueError(f"a frame needs at least one camera, each with a name of its own, not {names}")
        for name in names:
            if not CAMERA_NAME.fullmatch(name) or name.endswith("_depth") or "image" in name:
                raise ValueError(f'"{name}" cannot name a camera: letters, digits, - and _, no "image", no "_depth"')
        for frame in seen.frames:
            if frame.rgb.dtype != np.uint8 or frame.rgb.shape != (*frame.depth.shape, 3):
                raise ValueError(
                    f"camera {frame.name}: rgb must be (H, W, 3) uint8 over a depth (H, W), "
                    f"not {frame.rgb.shape} {frame.rgb.dtype} over {frame.depth.shape}"
                )
            if np.shape(frame.intrinsics) != (3, 3) or np.shape(frame.cam2world) != (4, 4):
                raise ValueError(f"camera {frame.name}: intrinsics must be (3, 3) and cam2world (4, 4)")
        if np.shape(seen.joint_positions) != np.shape(seen.joint_velocities):
            raise ValueError("joint positions and velocities must be of one length")
        numbers = [seen.gripper_open, seen.timestamp, self.wall_time, self.commanded_gripper]
        arrays = [self.commanded.position, self.commanded.quaternion]
        arrays += [seen.gripper_pose.position, seen.gripper_pose.quaternion]
        arrays += [seen.joint_positions, seen.joint_velocities, np.array([*self.objects.values()], float)]
        for frame in seen.frames:
            numbers.append(frame.timestamp)
            arrays += [frame.intrinsics, frame.cam2world]
        if not all(map(math.isfinite, numbers)) or not all(np.isfinite(array).all() for array in arrays):
            raise ValueError("poses, joints, times, calibration and objects must be finite numbers")
