"""The kinematics of Universal Robots' e-series, from the Denavit-Hartenberg parameters that the maker publishes.

A real arm's own calibration differs from them by a millimetre or so: they decide what is reachable and which way the
tool takes, while the controller, which knows the calibration, goes to the pose itself.
"""

from __future__ import annotations

import numpy as np

from clap.geometry.frames import Pose
from clap.worlds.robot.arm.base_frame import BaseFrame
from clap.worlds.robot.arm.errors import ArmSetupError
from clap.worlds.robot.arm.protocol import ArmOptions, Array
from clap.worlds.teleoperation import rotation_vector

QUARTER = np.pi / 2
ALPHA = (QUARTER, 0.0, 0.0, QUARTER, -QUARTER, 0.0)
LENGTHS = {
    # a2, a3, d1, d4, d5, d6 in metres
    "ur3e": (-0.24355, -0.2132, 0.15185, 0.13105, 0.08535, 0.0921),
    "ur5e": (-0.425, -0.3922, 0.1625, 0.1333, 0.0997, 0.0996),
    "ur10e": (-0.6127, -0.57155, 0.1807, 0.17415, 0.11985, 0.11655),
}

POSITION_TOLERANCE, ROTATION_TOLERANCE = 2e-4, 1e-3
DAMPING, MAX_STEP, ITERATIONS = 1e-4, 0.4, 60
LIMIT = 2 * np.pi - 0.05
"""Radians that the joints turn to either side."""


class UrKinematics:
    """One arm of the e-series with a tool of ``ArmOptions.tool_length``; see ``arm.kinematics.Kinematics``.

    Raises ArmSetupError for a model that is not known.
    """

    home = np.array([0.0, -1.9, 1.9, -1.57, -1.57, 0.0])
    top_speeds = np.full(6, np.pi)

    def __init__(self, options: ArmOptions):
        if options.model not in LENGTHS:
            known = ", ".join(LENGTHS)
            raise ArmSetupError(f"There is no UR model '{options.model}'. There are: {known}.", "Correct arm.model.")
        a2, a3, d1, d4, d5, d6 = LENGTHS[options.model]
        self._a, self._d = (0.0, a2, a3, 0.0, 0.0, 0.0), (d1, 0.0, 0.0, d4, d5, d6 + options.tool_length)
        self._base = BaseFrame(options.base_position, options.base_yaw)

    def forward(self, joints: Array) -> Pose:
        return self._base.to_world(Pose.from_matrix(self._frames(joints)[-1]))

    def outline(self, joints: Array) -> Array:
        """Points on the lines from joint to joint: the links have a thickness besides."""
        joints_at = np.array([frame[:3, 3] for frame in self._frames(joints)[1:-1]])
        steps = np.linspace(0.0, 1.0, 10)[:, None, None]
        points = (joints_at[:-1] + steps * np.diff(joints_at, axis=0)).reshape(-1, 3)
        return self._base.points_to_world(points)

    def solve(self, tool: Pose, start: Array) -> Array | None:
        """Damped least squares from ``start`` (6,) rad."""
        target = self._base.to_base(tool)
        rotation, position = target.rotation, np.asarray(target.position)
        q = np.asarray(start, float).copy()
        for _ in range(ITERATIONS):
            frames = self._frames(q)
            turn = rotation_vector(rotation @ frames[-1][:3, :3].T)
            error = np.concatenate([position - frames[-1][:3, 3], turn])
            if np.abs(error[:3]).max() < POSITION_TOLERANCE and np.abs(turn).max() < ROTATION_TOLERANCE:
                return q if np.abs(q).max() <= LIMIT else None
            jacobian = _jacobian(frames)
            step = jacobian.T @ np.linalg.solve(jacobian @ jacobian.T + DAMPING * np.eye(6), error)
            largest = np.abs(step).max()
            q = q + step * min(1.0, MAX_STEP / max(largest, 1e-12))
        return None

    def solve_from_anywhere(self, tool: Pose, start: Array) -> Array | None:
        found = self.solve(tool, start)
        if found is not None:
            return found
        seed, position = self.home.copy(), np.asarray(self._base.to_base(tool).position)
        # At zero the arm points along -x of its base.
        seed[0] = np.arctan2(-position[1], -position[0])
        return self.solve(tool, seed)

    def _frames(self, joints: Array) -> list[Array]:
        """(7 of (4, 4)): the base, then the frame after each joint, in the base's frame."""
        frames: list[Array] = [np.eye(4)]
        for q, a, d, alpha in zip(joints, self._a, self._d, ALPHA, strict=True):
            ct, st, ca, sa = np.cos(q), np.sin(q), np.cos(alpha), np.sin(alpha)
            link = np.array(
                [[ct, -st * ca, st * sa, a * ct], [st, ct * ca, -ct * sa, a * st], [0, sa, ca, d], [0, 0, 0, 1]]
            )
            frames.append(frames[-1] @ link)
        return frames


def _jacobian(frames: list[Array]) -> Array:
    """(6, 6): velocity of the tool and its turning, base axes, for each joint."""
    tool = frames[-1][:3, 3]
    columns = []
    for frame in frames[:-1]:
        axis = frame[:3, 2]
        columns.append(np.concatenate([np.cross(axis, tool - frame[:3, 3]), axis]))
    return np.stack(columns, 1)
