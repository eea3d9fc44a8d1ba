"""Simulated RGB-D cameras: one render pass gives colour and depth together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import mujoco
import numpy as np
from numpy.typing import NDArray

from clap.errors import RenderingError
from clap.geometry.observation import CameraFrame
from clap.worlds.tabletop.scene import CAMERA_NAMES, CAMERA_SIZE, SINGLE_CAMERA
from clap.worlds.tabletop.sensor_noise import D435I, SensorNoise


@dataclass(frozen=True)
class CameraSetup:
    """Which cameras a world looks through, and how imperfect they are (None: as rendered)."""

    names: tuple[str, ...]
    noise: SensorNoise | None = None


SETUPS = {"four": CameraSetup(CAMERA_NAMES), "single": CameraSetup((SINGLE_CAMERA,), D435I)}
"""GemBench's four clean cameras of 256 x 256, or the paper's real set-up: one D435i at 640 x 360 (section 5.2)."""


_MUJOCO_TO_OPENCV = np.diag([1.0, -1.0, -1.0])
"""MuJoCo cameras look along -z with y up; the project's follow OpenCV."""


class RenderContext:
    """An offscreen OpenGL context. It belongs to the thread that makes it and outlives the models drawn in it."""

    def __init__(self) -> None:
        try:
            self._gl = mujoco.GLContext(CAMERA_SIZE, CAMERA_SIZE)
            self._gl.make_current()
        except Exception as error:  # each back end raises errors of its own when a library is missing
            raise RenderingError(f"The simulated cameras cannot start: no offscreen OpenGL ({error}).") from error

    def make_current(self) -> None:
        self._gl.make_current()

    def close(self) -> None:
        self._gl.free()


class CameraRig:
    """The cameras of one compiled model."""

    def __init__(self, model: mujoco.MjModel, context: RenderContext):
        context.make_current()
        self._context = context
        self._model = model
        self._scene = mujoco.MjvScene(model, maxgeom=2000)
        for flag in ("SHADOW", "REFLECTION", "SKYBOX", "HAZE"):
            self._scene.flags[getattr(mujoco.mjtRndFlag, f"mjRND_{flag}")] = 0
        self._options = mujoco.MjvOption()
        self._options.geomgroup[:] = (1, 1, 1, 0, 0, 0)
        try:
            self._gpu = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_100.value)
        except mujoco.FatalError as error:
            raise RenderingError(f"The simulated cameras cannot start: OpenGL failed ({error}).") from error
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN.value, self._gpu)
        self._gpu.readDepthMap = mujoco.mjtDepthMap.mjDEPTH_ZEROFAR.value
        extent = model.stat.extent
        self._near, self._far = model.vis.map.znear * extent, model.vis.map.zfar * extent
        self._camera = mujoco.MjvCamera()
        self._camera.type = mujoco.mjtCamera.mjCAMERA_FIXED

    def capture(
        self,
        data: mujoco.MjData,
        names: tuple[str, ...] = CAMERA_NAMES,
        poses: Mapping[str, NDArray[np.floating]] | None = None,
    ) -> tuple[CameraFrame, ...]:
        """RGB-D frames of the named cameras, in order; ``poses`` (4, 4) cam2world puts some of them elsewhere."""
        self._context.make_current()
        return tuple(self._capture(data, name, (poses or {}).get(name)) for name in names)

    def cam2world(self, data: mujoco.MjData, name: str) -> NDArray[np.floating]:
        """(4, 4) pose of a camera now, OpenCV axes."""
        camera = self._model.camera(name).id
        pose = np.eye(4)
        pose[:3, :3] = data.cam_xmat[camera].reshape(3, 3) @ _MUJOCO_TO_OPENCV
        pose[:3, 3] = data.cam_xpos[camera]
        return pose

    def _capture(self, data: mujoco.MjData, name: str, pose: NDArray[np.floating] | None) -> CameraFrame:
        camera = self._model.camera(name).id
        width, height = (int(side) for side in self._model.cam_resolution[camera])
        before = data.cam_xpos[camera].copy(), data.cam_xmat[camera].copy()
        if pose is not None:
            data.cam_xpos[camera] = pose[:3, 3]
            data.cam_xmat[camera] = (pose[:3, :3] @ _MUJOCO_TO_OPENCV).flatten()
        self._camera.fixedcamid = camera
        mujoco.mjv_updateScene(
            self._model, data, self._options, None, self._camera, mujoco.mjtCatBit.mjCAT_ALL.value, self._scene
        )
        cam2world = self.cam2world(data, name)
        data.cam_xpos[camera], data.cam_xmat[camera] = before
        rect = mujoco.MjrRect(0, 0, width, height)
        mujoco.mjr_render(rect, self._scene, self._gpu)
        rgb = np.empty((height, width, 3), np.uint8)
        buffer = np.empty((height, width), np.float32)
        mujoco.mjr_readPixels(rgb, buffer, rect, self._gpu)
        depth = self._near * self._far / (self._near + buffer * (self._far - self._near))
        depth[buffer <= 0] = 0.0
        focal = height / 2 / np.tan(np.deg2rad(self._model.cam_fovy[camera]) / 2)
        intrinsics = np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1.0]])
        return CameraFrame(
            name,
            np.ascontiguousarray(rgb[::-1]),
            np.ascontiguousarray(depth[::-1]).astype(np.float32),
            intrinsics,
            cam2world,
            float(data.time),
        )
