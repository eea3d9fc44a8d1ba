"""A moment of one scene that can be gone back to."""

from __future__ import annotations

import copy

import mujoco
import numpy as np
from numpy.typing import NDArray

from clap.worlds.tabletop.motion import Arm
from clap.worlds.tabletop.tasks import Subtask


class SavedState:
    """Everything that decides what happens next on the table, as it is when this is made.

    The whole of MuJoCo's data is kept, not its state alone: what is derived from the state lags one step behind it.
    """

    def __init__(
        self,
        model: mujoco.MjModel,
        data: mujoco.MjData,
        arm: Arm,
        goal: tuple[Subtask, ...] | None,
        sensor: np.random.Generator,
        calibration_errors: dict[str, NDArray[np.floating]],
    ):
        self.model, self.goal = model, goal
        self.calibration_errors = dict(calibration_errors)
        self._data = copy.copy(data)
        self._commanded = arm.commanded.copy()
        self._sensor = sensor.bit_generator.state

    def restore(self, data: mujoco.MjData, arm: Arm, sensor: np.random.Generator) -> None:
        """Write this moment into the scene that it was taken of."""
        mujoco.mj_copyData(data, self.model, self._data)
        arm.commanded = self._commanded.copy()
        sensor.bit_generator.state = self._sensor
