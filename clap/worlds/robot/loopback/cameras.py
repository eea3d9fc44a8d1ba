"""Software cameras that are fed with the served table, drawn as its cameras see it now, by a process of their own."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clap.errors import WorldError
from clap.worlds.robot.cameras.software_camera import SoftwareCamera
from clap.worlds.robot.config import LoopbackConfig, RobotConfig
from clap.worlds.robot.loopback.positions import ServedPositions

START_S, CLOSE_S = 60.0, 2.0


class LoopbackCameras:
    """The cameras of a scene, one for each configured ``name``, noisy as a D435i.

    ``software`` holds the devices, ``poses`` (4, 4) where the cameras are, as a calibration would tell, both by serial
    number. Raises WorldError if they cannot be drawn.
    """

    def __init__(self, config: RobotConfig, scene: LoopbackConfig, positions: ServedPositions):
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe(duplex=False)
        self._process = context.Process(target=_draw, args=(config, scene, positions, theirs), daemon=True)
        self._process.start()
        theirs.close()
        self.software: dict[str, SoftwareCamera] = {}
        self.poses: dict[str, NDArray[np.floating]] = {}
        for camera, told in zip(config.cameras, self._told(), strict=True):
            size = (int(told["size"][0]), int(told["size"][1]))
            self.software[camera.serial] = SoftwareCamera(camera.serial, np.array(told["intrinsics"]), size, camera.fps)
            self.poses[camera.serial] = np.array(told["pose"])
        self._thread = threading.Thread(target=self._feed, name="loopback cameras", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Draw no more."""
        self._process.kill()
        self._process.join(CLOSE_S)
        self._thread.join(CLOSE_S)
        self._pipe.close()

    def _told(self) -> list[dict[str, Any]]:
        try:
            if not self._pipe.poll(START_S):
                raise WorldError("The served scene could not be drawn in time.")
            told = json.loads(self._pipe.recv_bytes())
        except (EOFError, OSError) as error:
            raise WorldError("The process that draws the served scene has ended.") from error
        if isinstance(told, dict):
            raise WorldError(told["failure"])
        return list(told)

    def _feed(self) -> None:
        """Hand the pictures on; when no more come, the cameras are silent, as unplugged ones are."""
        cameras = list(self.software.values())
        with contextlib.suppress(EOFError, OSError):
            while True:
                place, taken = json.loads(self._pipe.recv_bytes())
                rgb, depth = self._pipe.recv_bytes(), self._pipe.recv_bytes()
                camera = cameras[place]
                width, height = camera.size
                camera.feed(
                    np.frombuffer(rgb, np.uint8).reshape(height, width, 3),
                    np.frombuffer(depth, np.float32).reshape(height, width),
                    taken,
                )


def _draw(*arguments: Any) -> None:
    """The process: light enough to be named here, its imports come with it."""
    from clap.worlds.robot.loopback.drawing import draw

    draw(*arguments)
