"""The Franka FR3 on its table, as a MuJoCo specification: robot, gripper gains, cameras and lights.

The model files come from the installed ``franky-sim`` package (Apache-2.0) and are loaded, not copied. Only their
collision meshes are drawn: 3,097 faces instead of 242,473, which makes an observation five times cheaper.
"""

from __future__ import annotations

import functools
import importlib.util
import pathlib
from dataclasses import dataclass

import mujoco
import numpy as np
from numpy.typing import NDArray

from clap.errors import WorldError
from clap.geometry.frames import TABLE_TOP

TABLE_HEIGHT = TABLE_TOP

ROBOT_BASE = (-0.309, 0.0, TABLE_HEIGHT)
HOME_JOINTS = np.array([0.0, -0.65, 0.0, -2.55, 0.0, 1.9, 0.785])
"""Home posture, rad: the gripper points down behind the objects, so that it hides few of them from above."""

ARM_JOINTS = tuple(f"fr3_joint{k}" for k in range(1, 8))
FINGER_JOINTS = ("finger_joint1", "finger_joint2")
GRIPPER_ACTUATOR = "hand"
GRIPPER_OPEN_CTRL = 255.0
FINGER_TRAVEL = 0.04
CAMERA_NAMES = ("front", "left_shoulder", "right_shoulder", "wrist")
CAMERA_SIZE = 256
SINGLE_CAMERA = "d435i"
SINGLE_CAMERA_RESOLUTION = (640, 360)
"""Width and height of the colour and depth images of the paper's real set-up (section 5.2)."""
TIMESTEP = 0.002

# Stock gain 100 never held a cube (0 of 20 grasps); 1000 always did.
GRIPPER_STIFFNESS = 1000.0
GRIPPER_DAMPING = 60.0
_PAD_BUMPS = tuple(f"fingertip_pad_collision_{k}" for k in (2, 3, 4, 5))


@dataclass(frozen=True)
class Lighting:
    """Strength of the lights relative to the default, and the table's colour (rgb, 0..1)."""

    strength: float = 1.0
    table_color: tuple[float, float, float] = (0.62, 0.47, 0.33)


def _assets() -> pathlib.Path:
    found = importlib.util.find_spec("franky_sim")
    if found is None or found.origin is None:
        raise WorldError(
            "The Franka model files are missing: the package franky-sim is not installed.",
            "Install it with `pip install -r requirements.txt` (or run `make run`).",
        )
    return pathlib.Path(found.origin).parent / "assets"


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


@functools.cache
def _robot_spec() -> mujoco.MjSpec:
    """The FR3 with hand, reduced to its collision meshes, with gains that hold an object."""
    assets = _assets()
    spec = mujoco.MjSpec.from_file(str(assets / "fr3.xml"))
    spec.meshdir = "meshes"
    for key in list(spec.keys):
        spec.delete(key)
    for geom in list(spec.geoms):
        mesh = geom.meshname or ""
        if geom.classname.name == "visual" and not mesh.startswith("finger"):
            spec.delete(geom)
        elif mesh.endswith("_coll"):
            geom.group = 2
            shade = 0.92 if mesh[4:5] in "1357" else 0.84
            geom.rgba = [shade, shade, shade + 0.02, 1]
    used = {geom.meshname for geom in spec.geoms}
    for mesh in list(spec.meshes):
        if mesh.name not in used:
            spec.delete(mesh)
    for body in spec.bodies:
        if body.name.startswith(("fr3_", "hand", "left_f", "right_f")):
            body.gravcomp = 1
    spec.body("base").pos = ROBOT_BASE
    hand_actuator = spec.actuator(GRIPPER_ACTUATOR)
    hand_actuator.gainprm[0] = GRIPPER_STIFFNESS * FINGER_TRAVEL / GRIPPER_OPEN_CTRL
    hand_actuator.biasprm[1] = -GRIPPER_STIFFNESS
    hand_actuator.biasprm[2] = -GRIPPER_DAMPING
    for geom in list(spec.geoms):
        if geom.classname and geom.classname.name in _PAD_BUMPS:
            # Round things wedge between these small bumps and stick to one finger when it opens: a flat pad lets go.
            spec.delete(geom)
    for geom in spec.geoms:
        if geom.classname and geom.classname.name.startswith("fingertip_pad"):
            geom.friction = [1.5, 0.02, 0.0005]
            geom.condim = 4
            geom.priority = 1
            geom.solimp[:3] = [0.95, 0.99, 0.001]
            geom.solref[0] = 0.004
    hand = spec.body("hand")
    hand.add_site(name="tcp", pos=[0, 0, 0.1034], size=[0.003] * 3, group=4)
    wrist = (0.07, 0.0, 0.02)
    hand.add_camera(
        name="wrist",
        pos=wrist,
        quat=look_at(wrist, (0.035, 0, 0.15), up=(1, 0, 0)),
        fovy=60,
        resolution=[CAMERA_SIZE] * 2,
    )
    return spec


def robot_only_model() -> mujoco.MjModel:
    """The robot alone, for inverse kinematics: nq = 9."""
    return _robot_spec().copy().compile()


def table_spec(lighting: Lighting) -> mujoco.MjSpec:
    """A fresh specification: robot, table, floor, lights and the fixed cameras. Objects are added to it.

    The single camera stands in front of the table, high enough to see a drawer's handle over the cabinet.
    """
    spec = _robot_spec().copy()
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
        quat=look_at(position, (0.16, 0.0, TABLE_HEIGHT)),
        fovy=42,
        resolution=SINGLE_CAMERA_RESOLUTION,
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
        pos=[0.2, 0, TABLE_HEIGHT - 0.025],
        size=[0.6, 0.75, 0.025],
        rgba=[*lighting.table_color, 1],
        friction=[1, 0.005, 0.0001],
    )
    return spec
