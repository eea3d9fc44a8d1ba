"""Zoomed views turned about the vertical, drawn anew from their own points.

Ten demonstrations show a rectangle at a handful of angles, and in each of them the gripper already stands at the right
one: a network that reads the angle off the gripper is right in training and lost after its first mistake. (After 72,000
samples turned by up to 30 degrees only, the yaw of "moves above" was off by 21 degrees in the median.) So scenes are
turned by any angle, and before a grasp the gripper above the thing is often turned by another, or taken out of sight.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from clap.errors import EmptyCloudError
from clap.geometry.frames import VIEWS, Array, Pose, Workspace
from clap.geometry.observation import PointCloud
from clap.geometry.rotation import quaternion_to_bins
from clap.geometry.views import render_views
from clap.policies.expert_keyframes import folded
from training.predictor.samples import Target

TURN = np.pi
"""Largest turn of a scene, rad."""
TURN_OF_POSE = np.deg2rad(45)
"""The same where the pose turns along freely: the drawer is never behind itself, and a gripper lifts as it grasped."""

GRIPPER_ABOVE = 0.05
"""Metres above a grasp from which what is seen is the waiting gripper: it hovers 10 cm above."""
TURNED_GRIPPER, NO_GRIPPER = 0.4, 0.15
"""Shares of the grasps before which the gripper is turned by up to ``GRIPPER_TURN``, and of those where it is not
seen."""
GRIPPER_TURN = np.deg2rad(75)

UNIT = Workspace((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
"""The window, in edges from its low corner."""


def turn(
    rgb: NDArray[np.uint8], depth: NDArray[np.float32], target: Target, rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.float32], Target]:
    """One sample turned at random: views (3, S, S, 3) and (3, S, S) in window edges, and its target.

    What the window's corners did not show stays empty. The sample comes back unchanged if nothing would be seen.
    """
    cloud = points_of(rgb, depth)
    points = cloud.points
    if target.gripper_waits:
        points, kept = _turn_gripper(points, target, rng)
        cloud = PointCloud(points[kept], cloud.colors[kept])
    limit = TURN if target.yaw_period is not None else TURN_OF_POSE
    angle = float(rng.uniform(-limit, limit))
    rotation = about_vertical(angle)
    turned = ((cloud.points - 0.5) @ rotation.T + 0.5).astype(np.float32)
    try:
        views = render_views(PointCloud(turned, cloud.colors), UNIT, rgb.shape[1], splat=1)
    except EmptyCloudError:
        return rgb, depth, target
    pose = Pose(rotation @ target.position, target.quaternion)
    pose = folded(Pose.from_rotation(pose.position, rotation @ pose.rotation), target.yaw_period)
    quaternion = np.asarray(pose.quaternion)
    new = replace(
        target, position=np.asarray(pose.position), quaternion=quaternion, bins=quaternion_to_bins(quaternion)
    )
    return views.rgb, views.depth, new


def about_vertical(angle: float) -> Array:
    """(3, 3) rotation by ``angle`` rad about z."""
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])


def points_of(rgb: NDArray[np.uint8], depth: NDArray[np.float32]) -> PointCloud:
    """What three orthographic views show as points, in window edges from the window's low corner."""
    size = rgb.shape[1]
    parts = []
    for k, view in enumerate(VIEWS):
        row, column = np.nonzero(depth[k])
        point = np.empty((len(row), 3), np.float32)
        for axis, sign, value in (
            (view.u_axis, view.u_sign, (column + 0.5) / size),
            (view.v_axis, view.v_sign, (row + 0.5) / size),
            (view.depth_axis, view.depth_sign, depth[k][row, column]),
        ):
            point[:, axis] = value if sign > 0 else 1 - value
        parts.append((point, rgb[k][row, column]))
    return PointCloud(np.concatenate([p for p, _ in parts]), np.concatenate([c for _, c in parts]))


def _turn_gripper(
    points: NDArray[np.float32], target: Target, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """The points with the gripper above the thing turned about its axis, and which of them stay."""
    center = (target.position + 1) / 2
    hand = points[:, 2] > center[2] + GRIPPER_ABOVE / target.edge
    draw = rng.random()
    if draw < NO_GRIPPER:
        return points, ~hand
    if draw < NO_GRIPPER + TURNED_GRIPPER:
        points = points.copy()
        rotation = about_vertical(float(rng.uniform(-GRIPPER_TURN, GRIPPER_TURN)))
        axis = np.array([center[0], center[1], 0.0])
        points[hand] = (points[hand] - axis) @ rotation.T + axis
    return points, np.ones(len(points), bool)
