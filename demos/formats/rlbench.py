"""Import of the demonstrations that RLBench stores: a folder an episode, with images and pickled states."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clap.geometry.frames import Pose
from clap.geometry.observation import CameraFrame, Observation
from demos.errors import DamagedFileError
from demos.formats.restricted_unpickler import Stored, load_pickle
from demos.frames import POLICY, Outcome, RecordedFrame, TakeInfo
from demos.keyframes import find_keyframes
from demos.store.episode_record import EpisodeRecord
from demos.store.images import LARGEST_IMAGE, decode_image
from demos.store.store import DemonstrationStore

CAMERAS = ("left_shoulder", "right_shoulder", "overhead", "wrist", "front")
FPS = 20
"""RLBench's simulation steps by 0.05 s."""

MOST_FRAMES = 20_000
FULL_DEPTH = float(2**24 - 1)
ROBOT = "franka_panda"


def import_rlbench(
    store: DemonstrationStore, folder: Path, task_key: str = "", cameras: Sequence[str] = CAMERAS
) -> EpisodeRecord:
    """Import an ``episodeN`` folder as a successful demonstration, with those of the ``cameras`` that it has.

    The commanded pose of a frame is the gripper's at the next keyframe, since RLBench does not store what it commanded.
    Raises DamagedFileError, and leaves the set as it was, if anything is not as RLBench lays it out.
    """
    states = _states(folder / "low_dim_obs.pkl")
    instruction = _instruction(folder / "variation_descriptions.pkl")
    present = [name for name in cameras if (folder / f"{name}_rgb").is_dir() and (folder / f"{name}_depth").is_dir()]
    if not present:
        raise DamagedFileError(f"{folder.name} has no camera with colour and depth; it may have {', '.join(cameras)}.")
    take = store.begin(TakeInfo(instruction, FPS, ROBOT, world="rlbench", task_key=task_key, policy="rlbench"))
    try:
        observations = [_state(state, number) for number, state in enumerate(states)]
        targets = _targets(observations)
        for number, (state, seen) in enumerate(zip(states, observations, strict=True)):
            frames = tuple(_camera(folder, name, number, state["misc"]) for name in present)
            target = observations[targets[number]]
            observation = Observation(
                frames,
                seen.gripper_pose,
                seen.gripper_open,
                seen.joint_positions,
                seen.joint_velocities,
                seen.timestamp,
            )
            take.add(
                RecordedFrame(observation, target.gripper_pose, target.gripper_open, POLICY, number / FPS), wait=True
            )
            problem = take.status().problem
            if problem is not None:
                raise problem
        return take.commit(Outcome.SUCCESS)
    except BaseException as error:
        take.abandon()
        if isinstance(error, (KeyError, TypeError, ValueError)):
            raise DamagedFileError(f"{folder.name} is not a demonstration of RLBench: {error}.") from error
        raise


def _states(path: Path) -> list[dict[str, Any]]:
    """The attributes of the observations. Raises DamagedFileError."""
    demo = load_pickle(path)
    observations = demo.values.get("_observations") if isinstance(demo, Stored) else demo
    if not isinstance(observations, list) or not 1 <= len(observations) <= MOST_FRAMES:
        raise DamagedFileError(f"{path.name} holds no list of observations.")
    if not all(isinstance(one, Stored) and isinstance(one.values.get("misc"), dict) for one in observations):
        raise DamagedFileError(f"{path.name} holds something else than RLBench's observations.")
    return [one.values for one in observations]


def _instruction(path: Path) -> str:
    texts = load_pickle(path)
    if not isinstance(texts, list) or not texts or not isinstance(texts[0], str) or not texts[0].strip():
        raise DamagedFileError(f"{path.name} holds no instruction.")
    return texts[0]


def _state(state: dict[str, Any], number: int) -> Observation:
    """The robot's part of an observation, without images."""
    pose = _floats(state["gripper_pose"], (7,))
    opening = float(np.clip(float(state["gripper_open"]), 0, 1))
    joints, velocities = _floats(state["joint_positions"], (7,)), _floats(state["joint_velocities"], (7,))
    return Observation((), Pose(pose[:3], pose[3:]), opening, joints, velocities, number / FPS)


def _targets(observations: list[Observation]) -> list[int]:
    """For each frame the keyframe that comes after it, or the last."""
    gripper = np.array([seen.gripper_open for seen in observations])
    keyframes = find_keyframes(gripper, np.array([seen.joint_velocities for seen in observations]))
    last = len(observations) - 1
    return [next((k for k in keyframes if k > number), last) for number in range(len(observations))]


def _camera(folder: Path, name: str, number: int, misc: dict[Any, Any]) -> CameraFrame:
    rgb = _png(folder / f"{name}_rgb" / f"{number}.png").astype(np.uint8)
    levels = _png(folder / f"{name}_depth" / f"{number}.png").astype(np.uint32)
    near, far = float(misc[f"{name}_camera_near"]), float(misc[f"{name}_camera_far"])
    depth = near + (levels @ np.array([65536, 256, 1], np.uint32)) / FULL_DEPTH * (far - near)
    intrinsics, cam2world = opencv_camera(
        _floats(misc[f"{name}_camera_intrinsics"], (3, 3)), _floats(misc[f"{name}_camera_extrinsics"], (4, 4))
    )
    return CameraFrame(name, rgb, depth.astype(np.float32), intrinsics, cam2world, number / FPS)


def opencv_camera(
    intrinsics: NDArray[np.floating], cam2world: NDArray[np.floating]
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """RLBench's (3, 3) and (4, 4) in our convention: x right, y down, and pixel k's centre at k + 0.5.

    Its focal lengths are negative where its camera's x points to the left and its y up; its pixel k lies at k.
    """
    flip = np.diag([np.sign(intrinsics[0, 0]), np.sign(intrinsics[1, 1]), 1.0])
    ours = intrinsics @ flip
    ours[:2, 2] += 0.5
    turned = cam2world.copy()
    turned[:3, :3] = cam2world[:3, :3] @ flip
    return ours, turned


def _png(path: Path) -> NDArray[np.uint8]:
    """A colour PNG (H, W, 3), decoded only if neither the file nor the image is absurdly large. DamagedFileError."""
    what = f"{path.parent.name}/{path.name}"
    try:
        with path.open("rb") as file:
            encoded = file.read(LARGEST_IMAGE + 1)
    except OSError as error:
        raise DamagedFileError(f"{what} is missing, or cannot be read.") from error
    return np.asarray(decode_image(encoded, what, ("PNG",), ("RGB",)))


def _floats(values: Any, shape: tuple[int, ...]) -> NDArray[np.floating]:
    array = np.asarray(values, float)
    if array.shape != shape or not np.isfinite(array).all():
        raise ValueError(f"expected {shape} finite numbers, got {array.shape}")
    return array
