"""A second pair of eyes on the simulated table: renders instants of it on a thread of its own."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, replace

import mujoco
import numpy as np
from numpy.typing import NDArray

from clap.geometry.observation import Observation
from clap.worlds.snapshot import WorldSnapshot
from clap.worlds.tabletop.cameras import CameraRig, CameraSetup, RenderContext
from clap.worlds.tabletop.objects import SceneObject, positions
from clap.worlds.tabletop.sensor_noise import degraded


@dataclass(frozen=True)
class TableScene:
    """The table at one instant: MuJoCo's data, copied (20 us) so that the physics may go on meanwhile.

    ``calibration_errors`` (4, 4) by camera: those that the world's own images have.
    """

    model: mujoco.MjModel
    data: mujoco.MjData
    things: tuple[SceneObject, ...]
    calibration_errors: Mapping[str, NDArray[np.floating]]

    @staticmethod
    def of(
        model: mujoco.MjModel,
        data: mujoco.MjData,
        things: tuple[SceneObject, ...],
        calibration_errors: Mapping[str, NDArray[np.floating]],
    ) -> TableScene:
        """The scene as it is now."""
        return TableScene(model, copy.copy(data), things, dict(calibration_errors))


class TableSnapshotRenderer:
    """See ``clap.worlds.snapshot.Onlooker``. The noise of a noisy camera is drawn apart from the world's own."""

    def __init__(self, cameras: CameraSetup):
        self._cameras = cameras
        self._context = RenderContext()
        self._model: mujoco.MjModel | None = None
        self._rig: CameraRig | None = None
        self._noise = np.random.default_rng(0)

    def observe(self, world_snapshot: WorldSnapshot) -> Observation:
        scene = _scene(world_snapshot)
        if self._rig is None or scene.model is not self._model:
            self._rig, self._model = CameraRig(scene.model, self._context), scene.model
        frames, noise = self._rig.capture(scene.data, self._cameras.names), self._cameras.noise
        if noise is not None:
            errors = scene.calibration_errors
            frames = tuple(degraded(frame, noise, errors[frame.name], self._noise) for frame in frames)
        return replace(world_snapshot.robot, frames=frames)

    def positions(self, world_snapshot: WorldSnapshot) -> Mapping[str, tuple[float, float, float]]:
        scene = _scene(world_snapshot)
        return {
            name: (float(point[0]), float(point[1]), float(point[2]))
            for name, point in positions(scene.data, scene.things).items()
        }

    def close(self) -> None:
        self._rig = self._model = None
        self._context.close()


def _scene(world_snapshot: WorldSnapshot) -> TableScene:
    if not isinstance(world_snapshot.scene, TableScene):
        raise TypeError(f"an instant of the simulated table is needed, not of {type(world_snapshot.scene).__name__}")
    return world_snapshot.scene
