"""One frame as a row of the data file, and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from clap.geometry.frames import Pose
from clap.geometry.observation import CameraFrame, Observation
from demos.errors import DamagedFileError
from demos.frames import RecordedFrame
from demos.store.images import decode_depth, decode_rgb, encode_depth, encode_rgb
from demos.store.schema import (
    ACTION,
    CAMERA,
    IMAGES,
    JOINTS,
    KEYFRAME,
    STATE,
    TIME,
    VELOCITIES,
    WALL_TIME,
    SetShape,
)

Row = dict[str, Any]
"""Values by column name; images are bytes, arrays are lists; the counted columns are not in it."""


def row_of(frame: RecordedFrame) -> Row:
    """Encode a frame; about 11 ms of CPU time for four cameras of 256 x 256 pixels."""
    seen = frame.observation
    row: Row = {}
    for camera in seen.frames:
        row[IMAGES + camera.name] = encode_rgb(camera.rgb)
        row[f"{IMAGES}{camera.name}_depth"] = encode_depth(camera.depth)
        row[f"{CAMERA}{camera.name}.intrinsics"] = _float32(camera.intrinsics)
        row[f"{CAMERA}{camera.name}.cam2world"] = _float32(camera.cam2world)
        row[f"{CAMERA}{camera.name}.time"] = float(camera.timestamp)
    row[STATE] = _pose(seen.gripper_pose, seen.gripper_open)
    row[ACTION] = _pose(frame.commanded, frame.commanded_gripper)
    row[JOINTS], row[VELOCITIES] = _float32(seen.joint_positions), _float32(seen.joint_velocities)
    row[TIME], row[WALL_TIME] = float(seen.timestamp), float(frame.wall_time)
    row[KEYFRAME] = bool(frame.keyframe)
    row["source"], row["subtask"], row["step"] = frame.source, frame.subtask, frame.step
    row["plan"] = json.dumps(list(frame.plan), ensure_ascii=False)
    row["objects"] = json.dumps({name: [float(x) for x in place] for name, place in frame.objects.items()})
    return row


def frame_of(row: Mapping[str, Any], shape: SetShape) -> RecordedFrame:
    """The frame that a row holds. Raises DamagedFileError if it holds none."""
    try:
        cameras = tuple(
            CameraFrame(
                camera.name,
                decode_rgb(row[IMAGES + camera.name], camera.height, camera.width),
                decode_depth(row[f"{IMAGES}{camera.name}_depth"], camera.height, camera.width),
                np.array(row[f"{CAMERA}{camera.name}.intrinsics"], np.float32).reshape(3, 3),
                np.array(row[f"{CAMERA}{camera.name}.cam2world"], np.float32).reshape(4, 4),
                float(row[f"{CAMERA}{camera.name}.time"]),
            )
            for camera in shape.cameras
        )
        state, action = np.array(row[STATE], float), np.array(row[ACTION], float)
        observation = Observation(
            cameras,
            Pose(state[:3], state[3:7]),
            float(state[7]),
            np.array(row[JOINTS], float),
            np.array(row[VELOCITIES], float),
            float(row[TIME]),
        )
        frame = RecordedFrame(
            observation=observation,
            commanded=Pose(action[:3], action[3:7]),
            commanded_gripper=float(action[7]),
            source=row["source"],
            wall_time=float(row[WALL_TIME]),
            plan=tuple(map(str, json.loads(row["plan"]))),
            subtask=row["subtask"],
            step=row["step"],
            objects=objects_of(row["objects"]),
            keyframe=bool(row[KEYFRAME]),
        )
        frame.check()
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, RecursionError) as error:
        raise DamagedFileError(f"A frame cannot be read: {error}.") from error
    return frame


def objects_of(text: str) -> dict[str, tuple[float, float, float]]:
    """Positions by name from their column. Raises ValueError, TypeError, AttributeError or RecursionError."""
    return {str(name): (float(x), float(y), float(z)) for name, (x, y, z) in json.loads(text).items()}


def _float32(array: Any) -> list[Any]:
    return np.asarray(array, np.float32).tolist()


def _pose(pose: Pose, opening: float) -> list[float]:
    return _float32([*pose.position, *pose.quaternion, opening])
