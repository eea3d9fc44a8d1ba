"""GemBench's keysteps: an LMDB for each task and variation, with one record of keyframes an episode.

A record is a msgpack map: ``key_frameids`` (frame 0 first, then the keyframes), ``rgb`` (T, C, H, W, 3) uint8, ``pc``
(T, C, H, W, 3) float32 world metres, ``depth`` (T, C, H, W), ``action`` (T, 8) position, quaternion xyzw and opening of
the gripper at that keyframe, ``gripper_pose`` its pixel (u, v) by camera. The pair to learn is what is seen at
keyframe i and the action of i + 1.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import lmdb
import numpy as np
from numpy.typing import NDArray

from clap.geometry.frames import Pose
from clap.geometry.observation import OPEN_FROM, CameraFrame, Observation
from demos.errors import DamagedFileError, explained
from demos.formats.camera_fit import camera_from_points
from demos.formats.safe_msgpack import pack, unpack
from demos.frames import POLICY, Outcome, RecordedFrame, TakeInfo
from demos.store.episode import RecordedEpisode
from demos.store.episode_record import EpisodeRecord
from demos.store.store import DemonstrationStore

CAMERAS = ("left_shoulder", "right_shoulder", "wrist", "front")
TASKVAR = re.compile(r"[A-Za-z0-9_]{1,80}\+\d{1,4}")
EPISODE = re.compile(rb"episode\d{1,6}")
LARGEST_RECORD = 2 << 30
MOST_KEYFRAMES = 1000
MAP_SIZE = 1 << 40
FPS = 20
ROBOT = "franka_panda"


def export_keysteps(episodes: Sequence[RecordedEpisode], folder: Path, taskvar: str) -> Path:
    """Write episodes as ``folder/taskvar``, the episodes counted from 0; returns that path.

    Raises ValueError unless the taskvar reads like "close_jar+15", and DamagedFileError for an episode without them.
    """
    target = folder / _checked(taskvar)
    with explained(folder, "exporting keysteps"):
        target.mkdir(parents=True)
        with lmdb.open(str(target), map_size=MAP_SIZE) as database:
            for number, episode in enumerate(episodes):
                with database.begin(write=True) as transaction:
                    transaction.put(f"episode{number}".encode(), pack(_record(episode)))
    return target


def _checked(taskvar: str) -> str:
    if not TASKVAR.fullmatch(taskvar):
        raise ValueError(f'a task and variation is written like "close_jar+15", not {taskvar[:90]!r}')
    return taskvar


def _record(episode: RecordedEpisode) -> dict[str, Any]:
    numbers = sorted({0, *map(int, episode.keyframes)})
    seen = [_in_order(episode.observation(number)) for number in numbers]
    if len({frame.depth.shape for one in seen for frame in one.frames}) != 1:
        raise DamagedFileError("GemBench wants all cameras to have images of one size.", "Export it as LeRobot set.")
    action = episode.state[numbers].astype(np.float32)
    action[:, 7] = action[:, 7] > OPEN_FROM
    return {
        "key_frameids": numbers,
        "rgb": np.stack([[frame.rgb for frame in one.frames] for one in seen]),
        "pc": np.stack([[world_points(frame) for frame in one.frames] for one in seen]),
        "depth": np.stack([[frame.depth for frame in one.frames] for one in seen]),
        "action": action,
        "gripper_pose": [
            {frame.name: _pixel(frame, one.gripper_pose.position) for frame in one.frames} for one in seen
        ],
        "bbox_info": [{} for _ in numbers],
        "pose_info": [{} for _ in numbers],
    }


def _in_order(seen: Observation) -> Observation:
    """With the cameras in the order in which GemBench's readers expect them, where they are GemBench's."""
    frames = {frame.name: frame for frame in seen.frames}
    return replace(seen, frames=tuple(frames[name] for name in CAMERAS)) if frames.keys() == set(CAMERAS) else seen


def world_points(frame: CameraFrame) -> NDArray[np.float32]:
    """The world point of each pixel (H, W, 3); that of the camera itself where there is no depth."""
    height, width = frame.depth.shape
    rows, columns = np.mgrid[:height, :width] + 0.5
    pixels = np.stack([columns, rows, np.ones_like(rows)], -1) * frame.depth[..., None]
    camera = pixels @ np.linalg.inv(np.asarray(frame.intrinsics, float)).T
    pose = np.asarray(frame.cam2world, float)
    return (camera @ pose[:3, :3].T + pose[:3, 3]).astype(np.float32)


def _pixel(frame: CameraFrame, point: NDArray[np.floating]) -> list[int]:
    pose = np.asarray(frame.cam2world, float)
    u, v, depth = np.asarray(frame.intrinsics, float) @ (pose[:3, :3].T @ (point - pose[:3, 3]))
    return [int(u // depth), int(v // depth)] if depth > 0 else [-1, -1]


def import_keysteps(
    store: DemonstrationStore, folder: Path, instruction: str, cameras: Sequence[str] = CAMERAS
) -> tuple[EpisodeRecord, ...]:
    """Import all episodes of one task and variation, whose folder's name it is ("close_jar+15").

    The records hold no calibration: each camera's is found from its points. Joints are unknown, and stored as 0.
    Raises DamagedFileError for the first record that is not as it should be; those before it stay imported.
    """
    taskvar = _checked(folder.name)
    made = []
    with explained(folder, "importing keysteps"):
        if not (folder / "data.mdb").is_file():
            raise DamagedFileError(f"{folder.name} is no LMDB: it has no data.mdb.")
        try:
            with (
                lmdb.open(str(folder), readonly=True, lock=False, create=False) as database,
                database.begin() as reader,
            ):
                for key, content in reader.cursor():
                    if not EPISODE.fullmatch(key):
                        raise DamagedFileError(f"{key[:60]!r} is no name of an episode.")
                    if len(content) > LARGEST_RECORD:
                        raise DamagedFileError(f"{key.decode()} is larger than {LARGEST_RECORD >> 30} GB.")
                    made.append(_import(store, unpack(content), taskvar, key.decode(), instruction, cameras))
        except lmdb.Error as error:
            raise DamagedFileError(f"{folder.name} is no LMDB, or a damaged one.") from error
    return tuple(made)


def _import(
    store: DemonstrationStore, record: Any, taskvar: str, name: str, instruction: str, cameras: Sequence[str]
) -> EpisodeRecord:
    try:
        numbers = [int(number) for number in record["key_frameids"]]
        count = len(numbers)
        rgb, points = np.asarray(record["rgb"]), np.asarray(record["pc"], np.float64)
        action = np.asarray(record["action"], float)
        size = rgb.shape[2:4]
        shaped = rgb.shape == points.shape == (count, len(cameras), *size, 3) and action.shape == (count, 8)
        if not (1 <= count <= MOST_KEYFRAMES and rgb.dtype == np.uint8 and shaped and np.isfinite(points).all()):
            raise ValueError(f"images {rgb.shape}, points {points.shape} and actions {action.shape} do not fit")
        if numbers != sorted(set(numbers)) or numbers[0] < 0:
            raise ValueError("the keyframes are not in order")
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise DamagedFileError(f"{name} of {taskvar} is not a record of keysteps: {error}.") from error
    take = store.begin(TakeInfo(instruction, FPS, ROBOT, world="gembench", task_key=taskvar, policy="rlbench"))
    try:
        for k in range(count):
            frames = []
            for c, camera in enumerate(cameras):
                intrinsics, cam2world, depth = camera_from_points(points[k, c])
                frames.append(CameraFrame(camera, rgb[k, c], depth, intrinsics, cam2world, numbers[k] / FPS))
            here, after = action[k], action[min(k + 1, count - 1)]
            seen = Observation(
                tuple(frames), Pose(here[:3], here[3:7]), float(here[7]), np.zeros(7), np.zeros(7), numbers[k] / FPS
            )
            take.add(
                RecordedFrame(
                    seen, Pose(after[:3], after[3:7]), float(after[7]), POLICY, numbers[k] / FPS, keyframe=k > 0
                ),
                wait=True,
            )
            problem = take.status().problem
            if problem is not None:
                raise problem
        made = take.commit(Outcome.SUCCESS)
    except BaseException as error:
        take.abandon()
        if isinstance(error, (TypeError, ValueError, np.linalg.LinAlgError)):
            raise DamagedFileError(f"{name} of {taskvar} is not a record of keysteps: {error}.") from error
        raise
    # All frames are keyframes; the rule, which looks at motion between them, has nothing to say here.
    return store.set_keyframes(made.id, range(1, count)) if count > 1 else made
