"""The scene of the simulated table, as a MuJoCo specification: robot, table, floor, lights and cameras."""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np
from numpy.typing import NDArray

from clap.geometry.frames import TABLE_TOP
from clap.robots.fr3 import robot_spec

CAMERA_NAMES = ("front", "left_shoulder", "right_shoulder", "wrist")
CAMERA_SIZE = 256
SINGLE_CAMERA = "d435i"
SINGLE_CAMERA_RESOLUTION = (640, 360)
"""Width and height of the colour and depth images of the paper's real set-up (section 5.2)."""
TIMESTEP = 0.002


@dataclass(frozen=True)
class Lighting:
    """Strength of the lights relative to the default, and the table's colour (rgb, 0..1)."""

    strength: float = 1.0
    table_color: tuple[float, float, float] = (0.62, 0.47, 0.33)


Point = tuple[float, float, float]


def look_at(position: Point, target: Point, up: Point = (0.0, 0.0, 1.0)) -> NDArray[np.floating]:
    """Quaternion wxyz of a MuJoCo camera (looks along -z, y up) at ``position`` facing ``target``."""
    backward = np.asarray(position, float) - np.asarray(target, float)
    backward /= np.linalg.norm(backward)
    right = np.cross(up, backward)
    right /= np.linalg.norm(right)
    quaternion = np.zeros(4)
    mujoco.mju_mat2Quat(quaternion, np.stack([right, np.cross(backward, right), backward], 1).flatten())
    return quaternion


def table_spec(lighting: Lighting) -> mujoco.MjSpec:
    """A fresh specification: robot, table, floor, lights and cameras. Objects are added to it.

    One camera is on the wrist. The single camera stands in front of the table, high enough to see a
    drawer's handle over the cabinet.
    """
    spec = robot_spec()
    option = spec.option
    option.timestep = TIMESTEP
    option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    option.cone = mujoco.mjtCone.mjCONE_ELLIPTIC
    option.impratio = 10
    visual = spec.visual
    visual.headlight.ambient = [0.45 * lighting.strength] * 3
    visual.headlight.diffuse = [0.35 * lighting.strength] * 3
    visual.headlight.specular = [0] * 3
    # Multisampling mixes depths at silhouettes (errors up to 6.8 m were seen): never for RGB-D.
    visual.quality.offsamples = 0
    visual.map.znear, visual.map.zfar = 0.02, 8
    spec.stat.extent = 1.0
    spec.stat.center = [0.2, 0, 0.9]
    world = spec.worldbody
    for name, position, target, fovy in (
        ("front", (1.35, 0.0, 1.58), (0.05, 0.0, 0.95), 40),
        ("left_shoulder", (-0.5, 0.75, 1.75), (0.2, 0.0, 0.8), 45),
        ("right_shoulder", (-0.5, -0.75, 1.75), (0.2, 0.0, 0.8), 45),
    ):
        world.add_camera(
            name=name, pos=position, quat=look_at(position, target), fovy=fovy, resolution=[CAMERA_SIZE] * 2
        )
    position = (0.68, 0.0, 1.76)
    world.add_camera(
        name=SINGLE_CAMERA,
        pos=position,
        quat=look_at(position, (0.16, 0.0, TABLE_TOP)),
        fovy=42,
        resolution=SINGLE_CAMERA_RESOLUTION,
    )
    wrist = (0.07, 0.0, 0.02)
    spec.body("hand").add_camera(
        name="wrist",
        pos=wrist,
        quat=look_at(wrist, (0.035, 0, 0.15), up=(1, 0, 0)),
        fovy=60,
        resolution=[CAMERA_SIZE] * 2,
    )
    world.add_light(
        pos=[0.5, 0, 3.5],
        dir=[-0.1, 0, -1],
        type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL,
        diffuse=[0.5 * lighting.strength] * 3,
        castshadow=False,
    )
    plane, box = mujoco.mjtGeom.mjGEOM_PLANE, mujoco.mjtGeom.mjGEOM_BOX
    world.add_geom(name="floor", type=plane, size=[3, 3, 0.1], rgba=[0.55, 0.55, 0.58, 1])
    world.add_geom(
        name="table",
        type=box,
        pos=[0.2, 0, TABLE_TOP - 0.025],
        size=[0.6, 0.75, 0.025],
        rgba=[*lighting.table_color, 1],
        friction=[1, 0.005, 0.0001],
    )
    return spec
