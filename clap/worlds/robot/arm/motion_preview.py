"""The preview of a motion: the arm's model goes the way that the arm would go, and tells what its links would run into.

The limits bound the tool; an elbow may still meet the table or a keep-out box. The preview knows the configured boxes
and the table, not what else stands there: the cameras see that, and a person.
"""

from __future__ import annotations

import numpy as np

from clap.geometry.frames import TABLE_TOP, Pose
from clap.worlds.capabilities import PreviewedMotion
from clap.worlds.motion_limits import Objection
from clap.worlds.robot.arm.kinematics import Router
from clap.worlds.robot.arm.protocol import Array

MOST_POSES = 60


def preview(router: Router, tool: Pose, joints: Array, speed: float) -> PreviewedMotion:
    """The way from ``joints`` (n,) rad to a pose of the tool at ``speed`` metres a second, as the model goes it."""
    route = router.to_pose(tool, joints, speed)
    if isinstance(route, Objection):
        return PreviewedMotion((), 0.0, False, str(route))
    kinematics = router.kinematics
    chosen = np.linspace(0, len(route.joints) - 1, min(len(route.joints), MOST_POSES)).round().astype(int)
    poses = tuple(kinematics.forward(posture) for posture in route.joints[chosen])
    links = np.concatenate([kinematics.outline(posture) for posture in route.joints[chosen]])
    height = float(links[:, 2].min()) - TABLE_TOP
    within = (box.name for box in router.limits.keep_out if np.all((links >= box.low) & (links <= box.high), 1).any())
    met = f"“{name}”" if (name := next(within, None)) is not None else "the table" if height < 0 else ""
    if met:
        sentence = f"In the preview the arm's links run into {met}. Move the arm home first, or choose another pose."
        return PreviewedMotion(poses, route.seconds, False, sentence)
    how = "in a straight line" if route.share is None else "by a turn of the joints"
    sentence = f"In the preview the arm gets there {how}, in some {route.seconds:.0f} s"
    return PreviewedMotion(
        poses, route.seconds, True, f"{sentence}; its links stay {100 * height:.0f} cm above the table."
    )
