"""Simulated RGB-D cameras: one render pass gives colour and depth together."""

from __future__ import annotations

import mujoco
import numpy as np

from clap.failures import RenderingError
from clap.observation import CameraFrame
from clap.worlds.tabletop.robot import CAMERA_NAMES, CAMERA_SIZE


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
    """The four cameras of one compiled model."""

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
        self._rect = mujoco.MjrRect(0, 0, CAMERA_SIZE, CAMERA_SIZE)
        extent = model.stat.extent
        self._near, self._far = model.vis.map.znear * extent, model.vis.map.zfar * extent
        self._camera = mujoco.MjvCamera()
        self._camera.type = mujoco.mjtCamera.mjCAMERA_FIXED

    def capture(self, data: mujoco.MjData, names: tuple[str, ...] = CAMERA_NAMES) -> tuple[CameraFrame, ...]:
        """RGB-D frames of the named cameras, in order."""
        self._context.make_current()
        return tuple(self._capture(data, name) for name in names)

    def _capture(self, data: mujoco.MjData, name: str) -> CameraFrame:
        size = CAMERA_SIZE
        camera = self._model.camera(name).id
        self._camera.fixedcamid = camera
        mujoco.mjv_updateScene(
            self._model, data, self._options, None, self._camera, mujoco.mjtCatBit.mjCAT_ALL.value, self._scene
        )
        mujoco.mjr_render(self._rect, self._scene, self._gpu)
        rgb = np.empty((size, size, 3), np.uint8)
        buffer = np.empty((size, size), np.float32)
        mujoco.mjr_readPixels(rgb, buffer, self._rect, self._gpu)
        depth = self._near * self._far / (self._near + buffer * (self._far - self._near))
        depth[buffer <= 0] = 0.0
        focal = size / 2 / np.tan(np.deg2rad(self._model.cam_fovy[camera]) / 2)
        intrinsics = np.array([[focal, 0, size / 2], [0, focal, size / 2], [0, 0, 1.0]])
        cam2world = np.eye(4)
        # MuJoCo cameras look along -z with y up; the project's follow OpenCV.
        cam2world[:3, :3] = data.cam_xmat[camera].reshape(3, 3) @ np.diag([1.0, -1.0, -1.0])
        cam2world[:3, 3] = data.cam_xpos[camera]
        return CameraFrame(
            name,
            np.ascontiguousarray(rgb[::-1]),
            np.ascontiguousarray(depth[::-1]).astype(np.float32),
            intrinsics,
            cam2world,
            float(data.time),
        )
