"""What runs in the process that draws the served table: beside the policy it would hold up each of its small steps."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable
from multiprocessing.connection import Connection

import numpy as np

from clap.errors import ClapError
from clap.worlds.robot.config import CameraConfig, LoopbackConfig, Mount, RobotConfig
from clap.worlds.tabletop.graphics import choose_backend

choose_backend()

from clap.worlds.robot.calibration.charuco import Board  # noqa: E402
from clap.worlds.robot.loopback.board import GripperBoard  # noqa: E402
from clap.worlds.tabletop.sensor_noise import D435I, degraded  # noqa: E402
from clap.worlds.tabletop.world import TabletopWorld  # noqa: E402

PERIOD_S = 0.1
"""Between two pictures of a camera; where drawing takes longer, it is as long as that."""


def draw(config: RobotConfig, scene: LoopbackConfig, positions: Callable[[], np.ndarray], pipe: Connection) -> None:
    """Tell what the cameras are, then send their pictures until the pipe closes.

    First a JSON list with the ``size``, ``intrinsics`` and ``pose`` of each, or {"failure": sentence}; then for each
    picture its camera's place in the list and its time as JSON, the colours and the depth as bytes.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        table = TabletopWorld()
        table.reset(scene.task, scene.seed)
        pipe.send_bytes(json.dumps([_told(table, camera) for camera in config.cameras]).encode())
    except ClapError as error:
        pipe.send_bytes(json.dumps({"failure": str(error)}).encode())
        return
    board = _board(table, config) if scene.board else None
    rng = np.random.default_rng()
    while True:
        began = time.monotonic()
        for place, camera in enumerate(config.cameras):
            taken = time.time()
            table.show(positions())
            (frame,) = table.rig.capture(table.data, (camera.name,))
            if board is not None:
                frame = board.drawn(frame, table.arm.pose().matrix)
            frame = degraded(frame, D435I, np.eye(4), rng)
            try:
                pipe.send_bytes(json.dumps([place, taken]).encode())
                pipe.send_bytes(frame.rgb.tobytes())
                pipe.send_bytes(frame.depth.tobytes())
            except OSError:  # the owner has ended
                return
        time.sleep(max(0.0, PERIOD_S - (time.monotonic() - began)))


def _board(table: TabletopWorld, config: RobotConfig) -> GripperBoard:
    (frame,) = table.rig.capture(table.data, (config.cameras[0].name,))
    return GripperBoard(Board(config.calibration.board), table.arm.pose().matrix, frame)


def _told(table: TabletopWorld, config: CameraConfig) -> dict[str, object]:
    cameras = [table.model.camera(k).name for k in range(table.model.ncam)]
    if config.name not in cameras:
        raise ClapError(f"The simulated table has no camera {config.name}.", f"It has: {', '.join(cameras)}.")
    (frame,) = table.rig.capture(table.data, (config.name,))
    height, width = frame.depth.shape
    seen_from = np.eye(4) if config.mount is Mount.FIXED else table.arm.pose().matrix
    pose = np.linalg.inv(seen_from) @ frame.cam2world
    return {"size": [width, height], "intrinsics": frame.intrinsics.tolist(), "pose": pose.tolist()}
