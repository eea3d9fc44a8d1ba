"""Where an arm reaches: its kinematics in the world's frame, and routes that stay inside the limits.

A route is a straight line of the tool where inverse kinematics follows it without haste, else a straight move of the
joints; all of it is computed and checked before anything is sent, for controllers accept targets out of reach.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from clap.geometry.frames import Pose
from clap.robots.fr3 import HOME_JOINTS, ROBOT_BASE
from clap.robots.fr3_kinematics import InverseKinematics
from clap.worlds.motion_limits import MotionLimits, Objection
from clap.worlds.robot.arm.base_frame import BaseFrame
from clap.worlds.robot.arm.protocol import ArmOptions, Array
from clap.worlds.teleoperation import rotation_vector, turned

SAMPLE_METRES, SAMPLE_RADIANS, JOINT_SAMPLE = 0.01, 0.05, 0.02
JOINT_MARGIN = 0.03
"""Radians that every joint keeps from its limits."""

FASTEST_JOINT = 0.8
"""Radians a second that no joint exceeds."""

IK_SLACK = 5e-4
"""Metres that the tool may be off where joint angles say that it is."""

EVEN = 0.75
"""Joints that share one duration do not share one profile: the tool was up to 28 % faster than if they did."""

FRANKA_TOP_SPEEDS = np.array([2.175, 2.175, 2.175, 2.175, 2.61, 2.61, 2.61])
"""Radians a second at a share of 1: franky's own limits."""


class Kinematics(Protocol):
    """One arm's kinematics, world frame."""

    home: Array
    """(n,) rad: the home posture."""

    top_speeds: Array
    """(n,) rad/s of the joints at a share of 1 (see ``Arm.move_joints``)."""

    def solve(self, tool: Pose, start: Array) -> Array | None:
        """Joint angles (n,) near ``start`` that reach the pose inside the joint limits, or None."""
        ...

    def solve_from_anywhere(self, tool: Pose, start: Array) -> Array | None:
        """As ``solve``, tried from other postures too."""
        ...

    def forward(self, joints: Array) -> Pose:
        """The tool's pose."""
        ...

    def outline(self, joints: Array) -> Array:
        """(k, 3) points on the moving links but the gripper, which the limits look after."""
        ...


class FrankaKinematics:
    """The project's own kinematics of the FR3, with its base wherever it stands."""

    home = HOME_JOINTS
    top_speeds = FRANKA_TOP_SPEEDS

    def __init__(self, options: ArmOptions):
        self._ik = InverseKinematics()
        self._here = BaseFrame(options.base_position, options.base_yaw)
        self._there = BaseFrame(ROBOT_BASE, 0.0)
        self._low, self._high = self._ik.limits[0] + JOINT_MARGIN, self._ik.limits[1] - JOINT_MARGIN

    def solve(self, tool: Pose, start: Array) -> Array | None:
        return self._inside(self._ik.solve(self._moved(tool), start, iterations=20))

    def solve_from_anywhere(self, tool: Pose, start: Array) -> Array | None:
        return self._inside(self._ik.solve_from_anywhere(self._moved(tool), start))

    def forward(self, joints: Array) -> Pose:
        return self._here.to_world(self._there.to_base(self._ik.forward(joints)))

    def outline(self, joints: Array) -> Array:
        return self._here.points_to_world(self._there.points_to_base(self._ik.outline(joints)))

    def _moved(self, tool: Pose) -> Pose:
        return self._there.to_world(self._here.to_base(tool))

    def _inside(self, joints: Array | None) -> Array | None:
        if joints is None or np.any(joints < self._low) or np.any(joints > self._high):
            return None
        return joints


@dataclass(frozen=True)
class Route:
    """``joints`` (m, n) rad and ``path`` (m, 3) tool positions on the way, evenly spaced; ``share`` of the highest
    joint speeds, for a move of the joints, and None for a straight line of the tool; ``seconds`` that it takes about.
    """

    joints: Array
    path: Array
    share: float | None
    seconds: float

    @property
    def goal(self) -> Array:
        """(n,) rad: where it ends."""
        return self.joints[-1]


class Router:
    """Plans the routes of one arm."""

    def __init__(self, kinematics: Kinematics, limits: MotionLimits, options: ArmOptions):
        self.kinematics, self.limits, self._options = kinematics, limits, options

    def reachable(self, tool: Pose, joints: Array) -> bool:
        """True if inverse kinematics finds joint angles for the pose, from ``joints`` (n,) or elsewhere."""
        return self.kinematics.solve_from_anywhere(tool, joints) is not None

    def to_pose(self, tool: Pose, joints: Array, speed: float) -> Route | Objection:
        """The route from ``joints`` (n,) rad to a pose at ``speed`` m/s, or what stands against it."""
        objection = self.limits.against_target(np.asarray(tool.position))
        if objection is not None:
            return objection
        goal = self.kinematics.solve_from_anywhere(tool, joints)
        if goal is None:
            return Objection(
                "unreachable pose",
                "No joint angles reach this pose.",
                "Choose another pose: nearer to the arm, or with the gripper pointing more downwards.",
            )
        line = self._line(tool, joints, speed)
        if line is not None and self.limits.against_path(line.path) is None:
            return line
        return self.to_joints(goal, joints, speed)

    def to_joints(self, goal: Array, joints: Array, speed: float) -> Route | Objection:
        """The straight move of the joints, or what stands against the tool's way by it."""
        change = np.asarray(goal) - joints
        count = max(2, int(np.ceil(np.abs(change).max() / JOINT_SAMPLE)) + 1)
        way = joints + np.linspace(0.0, 1.0, count)[:, None] * change
        path = np.array([self.kinematics.forward(posture).position for posture in way])
        objection = self.limits.against_path(path, IK_SLACK)
        if objection is not None:
            return objection
        largest = max(float(np.abs(change).max()), 1e-9)
        # At a share of 1 the joint that takes longest decides; the tool's fastest part of the way counts.
        rate = float(np.min(self.kinematics.top_speeds / np.maximum(np.abs(change), 1e-9)))
        steepest = float(np.linalg.norm(np.diff(path, axis=0), axis=1).max()) * (count - 1)
        share = min(1.0, FASTEST_JOINT / (largest * rate), EVEN * speed / max(steepest * rate, 1e-9))
        return Route(way, path, share, 1.0 / (rate * share) + 1.0)

    def _line(self, tool: Pose, joints: Array, speed: float) -> Route | None:
        """The straight line, or None if the joints cannot follow it, or not without haste."""
        start = self.kinematics.forward(joints)
        way = np.asarray(tool.position) - start.position
        turn = rotation_vector(tool.rotation @ start.rotation.T)
        metres, radians = float(np.linalg.norm(way)), float(np.linalg.norm(turn))
        seconds = max(metres / speed, radians / self._options.angular_speed, 0.1)
        count = max(2, int(np.ceil(max(metres / SAMPLE_METRES, radians / SAMPLE_RADIANS))))
        q, path = [joints], [np.asarray(start.position)]
        for k in range(1, count + 1):
            point = start.position + k / count * way
            found = self.kinematics.solve(Pose.from_rotation(point, turned(k / count * turn) @ start.rotation), q[-1])
            if found is None or np.abs(found - q[-1]).max() * count / seconds > FASTEST_JOINT:
                return None
            q.append(found)
            path.append(point)
        path[-1] = np.asarray(tool.position)
        return Route(np.array(q), np.array(path), None, seconds + 1.0)
