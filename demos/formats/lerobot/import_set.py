"""Import of LeRobot v3 sets with depth, our own and those of others. Either all of a set comes, or nothing."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clap.geometry.frames import Pose
from clap.geometry.observation import CameraFrame, Observation
from demos.errors import DamagedFileError, SetMismatchError, explained
from demos.formats.lerobot.columns import JOINT_COUNT, Calibration, CameraColumns, Columns, find_columns
from demos.formats.lerobot.columns import checked_calibration as checked
from demos.formats.lerobot.files import LerobotFiles, Listed
from demos.formats.lerobot.images import colour, depth
from demos.formats.lerobot.import_own import import_own
from demos.frames import HUMAN, POLICY, RecordedFrame, TakeInfo
from demos.keyframes import find_keyframes
from demos.store.data_file import carried, open_any
from demos.store.episode_record import EpisodeRecord
from demos.store.rows import objects_of
from demos.store.schema import ACTION, KEYFRAME, STATE, VELOCITIES, WALL_TIME, CameraShape, SetShape
from demos.store.startup_check import ForeignSetError
from demos.store.store import DemonstrationStore

REACH = 0.5
"""Metres from a joint to the gripper, for which the rule's 0.1 rad/s are 5 cm/s of the gripper."""


def import_lerobot(
    store: DemonstrationStore,
    folder: Path,
    *,
    cameras: Sequence[str] | None = None,
    calibration: Calibration | None = None,
) -> tuple[EpisodeRecord, ...]:
    """Import all episodes of the set in ``folder``; those of ours keep their ids, and are not imported twice.

    ``cameras`` chooses among those that have depth (the names after "observation.images."), None takes all;
    ``calibration`` gives intrinsics (3, 3) and cam2world (4, 4) of cameras for which the set has none. Without a
    commanded pose in ``action``, the pose at the next keyframe stands for it; without joints, zeros.

    Raises UnfitSetError for a set without what is needed, SetMismatchError for one of other cameras or rate than the
    store's, and DamagedFileError for one that is not as LeRobot lays it out. The store is then as it was.
    """
    with explained(folder, "importing a LeRobot set"):
        # Where a crash leaves it, the next start-up check removes it.
        staging = Path(tempfile.mkdtemp(prefix="import-", dir=store.folder.changes))
        try:
            if cameras is None and not calibration and _is_ours(folder):
                try:
                    return import_own(store, folder, staging / "own")
                except ForeignSetError:
                    pass  # LeRobot has appended episodes to it
            files = LerobotFiles(folder)
            columns = find_columns(files.features, cameras, calibration or {})
            _require_fit(store, files, columns)
            with DemonstrationStore.open(staging / "set") as staged:
                for listed in files.episodes():
                    _import(staged, files, columns, listed)
                return store.merge(staged)
        finally:
            shutil.rmtree(staging, ignore_errors=True)


def _is_ours(folder: Path) -> bool:
    first = next(iter(sorted(folder.glob("data/chunk-*/file-*.parquet"))), None)
    try:
        return first is not None and first.is_file() and carried(open_any(first)) is not None
    except DamagedFileError:
        return False


def _require_fit(store: DemonstrationStore, files: LerobotFiles, columns: Columns) -> None:
    """Compared before gigabytes are decoded."""
    episodes = store.episodes()
    if episodes:
        ours = store.read(episodes[0].id).shape
        cameras = tuple(CameraShape(c.name, c.colour.height, c.colour.width) for c in columns.cameras)
        joints = len(columns.joints[1]) if columns.joints else JOINT_COUNT
        theirs = SetShape(cameras, joints, files.fps, files.robot)
        if theirs != ours:
            raise SetMismatchError(
                f"{files.root.name} has {theirs.describe()}; this set has {ours.describe()}.",
                "Import it into a new folder.",
            )


def _import(staged: DemonstrationStore, files: LerobotFiles, columns: Columns, listed: Listed) -> None:
    what = f"Episode {listed.index} of {files.root.name}"
    numbers = _numbers(files, columns, listed, what)
    keyframes = _keyframes(files, columns, numbers)
    take = staged.begin(TakeInfo(listed.task, files.fps, files.robot, world="lerobot"))
    try:
        for frame in _frames(files, columns, listed, numbers, keyframes):
            take.add(frame, wait=True)
            problem = take.status().problem
            if problem is not None:
                raise problem
        made = take.commit(listed.outcome)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise DamagedFileError(f"{what} cannot be used: {error}.") from error
    if made.labels.keyframes != keyframes:
        staged.set_keyframes(made.id, keyframes)


def _numbers(files: LerobotFiles, columns: Columns, listed: Listed, what: str) -> dict[str, NDArray[Any]]:
    """The columns of numbers as (N, *size) float64. Raises DamagedFileError."""
    rows = list(files.rows(listed, list(columns.sizes)))
    found = {}
    for name, size in columns.sizes.items():
        try:
            found[name] = np.array([row[name] for row in rows], float).reshape(len(rows), *size)
        except (TypeError, ValueError) as error:
            raise DamagedFileError(f"{what} does not hold {list(size)} numbers of {name} in each frame.") from error
        if not np.isfinite(found[name]).all():
            raise DamagedFileError(f"{what} has numbers in {name} that are not finite.")
    for name, places in ((STATE, columns.state), (ACTION, columns.action)):
        if places is not None:
            poses = found[name].reshape(len(rows), -1)[:, places]
            if not np.allclose(np.linalg.norm(poses[:, 3:7], axis=1), 1, atol=0.01):
                raise DamagedFileError(f"{what} has quaternions in {name} that are not of length 1.")
    return found


def _joints(
    files: LerobotFiles, columns: Columns, length: int, numbers: Mapping[str, NDArray[Any]]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Positions and velocities (N, J): as they are stored, else by differences, else zeros."""
    if columns.joints is None:
        return np.zeros((length, JOINT_COUNT)), np.zeros((length, JOINT_COUNT))
    joints = numbers[columns.joints[0]].reshape(length, -1)[:, columns.joints[1]]
    if VELOCITIES in numbers and numbers[VELOCITIES].shape == joints.shape:
        return joints, numbers[VELOCITIES]
    return joints, _derivative(joints, files.fps)


def _derivative(values: NDArray[Any], fps: int) -> NDArray[Any]:
    return np.diff(values, axis=0, prepend=values[:1]) * fps


def _keyframes(files: LerobotFiles, columns: Columns, numbers: Mapping[str, NDArray[Any]]) -> tuple[int, ...]:
    """Those that the set names, else by the rule; where joints are unknown the gripper's motion stands for theirs."""
    if KEYFRAME in numbers:
        return tuple(np.flatnonzero(numbers[KEYFRAME]).tolist())
    length = len(numbers[STATE])
    state = numbers[STATE].reshape(length, -1)[:, columns.state]
    motion = _joints(files, columns, length, numbers)[1]
    if columns.joints is None:
        motion = _derivative(state[:, :3], files.fps) / REACH
    return find_keyframes(state[:, 7], motion)


def _frames(
    files: LerobotFiles,
    columns: Columns,
    listed: Listed,
    numbers: Mapping[str, NDArray[Any]],
    keyframes: Sequence[int],
) -> Iterator[RecordedFrame]:
    length = listed.length
    state = numbers[STATE].reshape(length, -1)[:, columns.state]
    joints, velocities = _joints(files, columns, length, numbers)
    commanded = state[[next((k for k in keyframes if k > number), length - 1) for number in range(length)]]
    if columns.action:
        commanded = numbers[ACTION].reshape(length, -1)[:, columns.action]
    seconds = np.arange(length) / files.fps
    wall = numbers[WALL_TIME].reshape(length) if WALL_TIME in numbers else seconds
    for k, row in enumerate(files.rows(listed, [*columns.pictures, *columns.texts])):
        frames = tuple(_camera(camera, row, numbers, k, float(seconds[k])) for camera in columns.cameras)
        opening = float(np.clip(state[k, 7], 0, 1))
        pose = Pose(state[k, :3], state[k, 3:7])
        source = row.get("source")
        yield RecordedFrame(
            Observation(frames, pose, opening, joints[k], velocities[k], float(seconds[k])),
            Pose(commanded[k, :3], commanded[k, 3:7]),
            float(np.clip(commanded[k, 7], 0, 1)),
            source if source in (POLICY, HUMAN) else HUMAN,
            float(wall[k]),
            plan=tuple(map(str, json.loads(_text(row, "plan") or "[]"))),
            subtask=_text(row, "subtask"),
            step=_text(row, "step"),
            objects=objects_of(_text(row, "objects") or "{}"),
        )


def _text(row: Mapping[str, Any], name: str) -> str:
    text = row.get(name) or ""
    if not isinstance(text, str):
        raise ValueError(f"{name} is no text")
    return text


def _camera(
    camera: CameraColumns, row: Mapping[str, Any], numbers: Mapping[str, NDArray[Any]], k: int, time: float
) -> CameraFrame:
    inner, outer = camera.fixed or (None, None)
    if camera.columns is not None:
        inner, outer = checked(camera.name, *(numbers[name][k] for name in camera.columns))
    assert inner is not None and outer is not None
    picture, distance = row[camera.colour.column], row[camera.depth.column]
    return CameraFrame(camera.name, colour(picture, camera.colour), depth(distance, camera.depth), inner, outer, time)
