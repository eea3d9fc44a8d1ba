"""A world without an arm: cameras, or recordings of them, to look at. Nothing there can move."""

from __future__ import annotations

import time

import numpy as np

from clap.geometry.frames import Pose, Workspace
from clap.geometry.observation import CameraFrame, Observation
from clap.robots.fr3 import HOME_JOINTS
from clap.robots.fr3_kinematics import InverseKinematics
from clap.worlds.capabilities import Snapshotable
from clap.worlds.motion_limits import MotionLimits
from clap.worlds.robot.physical_world import Cameras, PhysicalWorld
from clap.worlds.snapshot import WorldSnapshot


class ViewOnlyWorld(PhysicalWorld, Snapshotable):
    """The arm that it shows stands in the home posture of an FR3."""

    tool_speed = 0.1
    limits: MotionLimits | None = None

    def __init__(self, cameras: Cameras, workspace: Workspace):
        super().__init__(cameras)
        self.workspace = workspace
        self._kinematics = InverseKinematics()
        self._tool = self._kinematics.forward(HOME_JOINTS)

    def observe(self) -> Observation:
        frames = self.cameras.frames(self._tool)
        return self._observation(frames, min(frame.timestamp for frame in frames))

    def world_snapshot(self) -> WorldSnapshot:
        return WorldSnapshot(self._observation((), time.time()), self._tool, 1.0, self._frames_or_failure(self._tool))

    def state(self) -> tuple[Pose, float]:
        return self._tool, 1.0

    def reachable(self, pose: Pose) -> bool:
        return self._kinematics.solve_from_anywhere(pose, HOME_JOINTS) is not None

    def success(self) -> bool | None:
        """Nobody can tell."""
        return None

    def close(self) -> None:
        self.cameras.close()

    def _observation(self, frames: tuple[CameraFrame, ...], stamp: float) -> Observation:
        return Observation(frames, self._tool, 1.0, HOME_JOINTS, np.zeros(len(HOME_JOINTS)), stamp)
