"""Things on the table: each adds its body to a MuJoCo specification and knows where its named points are.

Object frames have their origin on the table plane under the object, z up; lengths in metres.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

from clap.geometry.frames import TABLE_TOP
from clap.worlds.tabletop.phrasing import DRAWER, HANDLE, SHAPES, hole

Array = NDArray[np.floating]
BOX, CYLINDER, SPHERE, CAPSULE, MESH = (
    mujoco.mjtGeom.mjGEOM_BOX,
    mujoco.mjtGeom.mjGEOM_CYLINDER,
    mujoco.mjtGeom.mjGEOM_SPHERE,
    mujoco.mjtGeom.mjGEOM_CAPSULE,
    mujoco.mjtGeom.mjGEOM_MESH,
)

RGB: dict[str, tuple[float, float, float]] = {
    "red": (0.85, 0.10, 0.10),
    "green": (0.10, 0.62, 0.20),
    "blue": (0.10, 0.25, 0.85),
    "yellow": (0.95, 0.80, 0.10),
    "orange": (0.95, 0.50, 0.08),
    "purple": (0.50, 0.16, 0.68),
    "cyan": (0.15, 0.78, 0.82),
    "white": (0.93, 0.93, 0.93),
    "black": (0.10, 0.10, 0.11),
    "brown": (0.42, 0.24, 0.14),
    "pink": (0.95, 0.52, 0.70),
}
SHAPE_COLORS = {"cylinder": "purple", "triangle": "orange", "rectangle": "cyan"}
"""Each shape of the sorter toy has its own colour, as such toys have; words name the shape alone."""

BLOCK_HALF = 0.022
CUP_RADIUS, CUP_HEIGHT = 0.046, 0.065
SHAPE_HEIGHT = {"cylinder": 0.06, "triangle": 0.055, "rectangle": 0.045}
CYLINDER_RADIUS = 0.021
TRIANGLE_RADIUS = 0.028
RECTANGLE_HALF = (0.024, 0.013)
SORTER_CELL = 0.086
SORTER_HEIGHT, SORTER_LID = 0.075, 0.006
HOLE_CLEARANCE = 0.011
CABINET_HEIGHT = 0.132
DRAWER_TRAVEL = 0.16
HANDLE_STANDOFF, HANDLE_HEIGHT = 0.045, 0.072
HANDLES = ("bar", "knob", "plate")


@dataclass(frozen=True)
class Placement:
    """Where an object stands: its origin (x, y) on the table, metres, and its yaw, rad."""

    x: float
    y: float
    yaw: float = 0.0
    z: float = 0.0

    @property
    def position(self) -> list[float]:
        return [self.x, self.y, TABLE_TOP + self.z]

    @property
    def quaternion(self) -> list[float]:
        """wxyz, as MuJoCo wants it."""
        return [float(np.cos(self.yaw / 2)), 0, 0, float(np.sin(self.yaw / 2))]


@dataclass(frozen=True)
class SceneObject:
    """A thing to put on the table: ``kind``, its name, colour (rgb 0..1) and placement.

    ``variant`` is the form of a shape or distractor, or the handle of a cabinet; ``opening`` is how far a cabinet's
    drawer is pulled out, metres.
    """

    kind: str
    name: str
    color: tuple[float, float, float]
    placement: Placement
    variant: str = ""
    opening: float = 0.0

    @property
    def body(self) -> str:
        """Name of the MuJoCo body."""
        return self.name.replace(" ", "_")


def regular_polygon(radius: float, corners: int, phase: float = 0.0) -> Array:
    """(corners, 2) vertices, counter-clockwise, the first at angle ``phase``."""
    angle = phase + 2 * np.pi * np.arange(corners) / corners
    return radius * np.stack([np.cos(angle), np.sin(angle)], 1)


def shape_polygon(shape: str, grow: float = 0.0) -> Array:
    """Outline (N, 2) of a sorter shape in its own frame, its sides moved outward by ``grow`` metres."""
    if shape == "cylinder":
        return regular_polygon(CYLINDER_RADIUS + grow, 16)
    if shape == "triangle":
        # The inradius grows by `grow`; for an equilateral triangle the circumradius is twice that.
        return regular_polygon(TRIANGLE_RADIUS + 2 * grow, 3)
    a, b = RECTANGLE_HALF[0] + grow, RECTANGLE_HALF[1] + grow
    return np.array([[a, -b], [a, b], [-a, b], [-a, -b]])


def _prism_mesh(spec: mujoco.MjSpec, name: str, polygon: Array, z0: float, z1: float) -> str:
    bottom = np.column_stack([polygon, np.full(len(polygon), z0)])
    top = np.column_stack([polygon, np.full(len(polygon), z1)])
    spec.add_mesh(name=name, uservert=np.concatenate([bottom, top]).flatten().tolist(), smoothnormal=False)
    return name


def _free_body(spec: mujoco.MjSpec, thing: SceneObject) -> Any:
    body = spec.worldbody.add_body(name=thing.body, pos=thing.placement.position, quat=thing.placement.quaternion)
    body.add_freejoint(name=f"{thing.body}_joint")
    return body


def _solid(thing: SceneObject, **extra: Any) -> dict[str, Any]:
    return {"rgba": [*thing.color, 1], "friction": [1, 0.005, 0.0001], "condim": 4, **extra}


def _add_block(spec: mujoco.MjSpec, thing: SceneObject) -> None:
    body = _free_body(spec, thing)
    body.add_geom(type=BOX, pos=[0, 0, BLOCK_HALF], size=[BLOCK_HALF] * 3, mass=0.06, **_solid(thing))


def _add_shape(spec: mujoco.MjSpec, thing: SceneObject) -> None:
    body = _free_body(spec, thing)
    half = SHAPE_HEIGHT[thing.variant] / 2
    if thing.variant == "cylinder":
        body.add_geom(type=CYLINDER, pos=[0, 0, half], size=[CYLINDER_RADIUS, half, 0], mass=0.05, **_solid(thing))
    elif thing.variant == "rectangle":
        body.add_geom(type=BOX, pos=[0, 0, half], size=[*RECTANGLE_HALF, half], mass=0.05, **_solid(thing))
    else:
        mesh = _prism_mesh(spec, f"{thing.body}_prism", shape_polygon("triangle"), -half, half)
        body.add_geom(type=MESH, meshname=mesh, pos=[0, 0, half], mass=0.05, **_solid(thing))


def _add_cup(spec: mujoco.MjSpec, thing: SceneObject) -> None:
    body = _free_body(spec, thing)
    look = {"rgba": [*thing.color, 1], "mass": 0.03, "friction": [1, 0.005, 0.0001]}
    body.add_geom(type=CYLINDER, size=[CUP_RADIUS, 0.003, 0], pos=[0, 0, 0.003], **look)
    sides, half = 14, CUP_HEIGHT / 2
    for k in range(sides):
        angle = 2 * np.pi * k / sides
        body.add_geom(
            type=BOX,
            size=[0.0025, CUP_RADIUS * np.tan(np.pi / sides) + 0.001, half],
            pos=[CUP_RADIUS * np.cos(angle), CUP_RADIUS * np.sin(angle), half],
            quat=[np.cos(angle / 2), 0, 0, np.sin(angle / 2)],
            **look,
        )


def sorter_hole(shape: str) -> tuple[float, float]:
    """Centre (x, y) of a shape's hole in the sorter's frame; the holes stand in a row along y."""
    return 0.0, {"cylinder": SORTER_CELL, "triangle": 0.0, "rectangle": -SORTER_CELL}[shape]


def _add_sorter(spec: mujoco.MjSpec, thing: SceneObject) -> None:
    body = spec.worldbody.add_body(name=thing.body, pos=thing.placement.position, quat=thing.placement.quaternion)
    look = {"rgba": [*thing.color, 1], "friction": [0.4, 0.005, 0.0001]}
    half_x, half_y, wall = SORTER_CELL / 2, 1.5 * SORTER_CELL, 0.003
    mid = SORTER_HEIGHT / 2
    for sign in (-1, 1):
        body.add_geom(type=BOX, pos=[sign * half_x, 0, mid], size=[wall, half_y, mid], **look)
        body.add_geom(type=BOX, pos=[0, sign * half_y, mid], size=[half_x, wall, mid], **look)
    low, high = SORTER_HEIGHT - SORTER_LID, SORTER_HEIGHT
    corners = np.array([[half_x, -half_x], [half_x, half_x], [-half_x, half_x], [-half_x, -half_x]])
    for shape in SHAPE_HEIGHT:
        hole = shape_polygon(shape, HOLE_CLEARANCE)
        cx, cy = sorter_hole(shape)
        for k, quad in enumerate(_frame_pieces(hole, corners)):
            mesh = _prism_mesh(spec, f"{thing.body}_{shape}_{k}", quad, low - SORTER_HEIGHT, high - SORTER_HEIGHT)
            shade = {**look, "rgba": [*(0.9 * np.array(thing.color)), 1]}
            body.add_geom(type=MESH, meshname=mesh, pos=[cx, cy, SORTER_HEIGHT], **shade)
        # A pad in the toy's colour under each hole shows which shape belongs where.
        body.add_geom(
            type=BOX,
            pos=[cx, cy, 0.004],
            size=[half_x - 0.004, half_x - 0.004, 0.003],
            rgba=[*RGB[SHAPE_COLORS[shape]], 1],
        )


def _frame_pieces(hole: Array, square: Array) -> list[Array]:
    """Convex pieces (N, 2) that fill the square around a convex hole."""
    dense: list[Array] = []
    for a, b in zip(hole, np.roll(hole, -1, 0), strict=True):
        steps = max(1, int(np.ceil(np.linalg.norm(b - a) / 0.02)))
        dense += [a + (b - a) * t / steps for t in range(steps)]
    ring = np.array(dense)
    half = float(square[:, 0].max())
    outer = ring * (half / np.abs(ring).max(1, keepdims=True))
    pieces = []
    for k in range(len(ring)):
        n = (k + 1) % len(ring)
        quad = [ring[k], outer[k], outer[n], ring[n]]
        a, b = (np.arctan2(p[1], p[0]) for p in (outer[k], outer[n]))
        span = (b - a) % (2 * np.pi)
        for corner in square:
            if 1e-6 < (np.arctan2(corner[1], corner[0]) - a) % (2 * np.pi) < span - 1e-6:
                quad.append(corner)
        pieces.append(np.array(quad))
    return pieces


def _add_cabinet(spec: mujoco.MjSpec, thing: SceneObject) -> None:
    body = spec.worldbody.add_body(name=thing.body, pos=thing.placement.position, quat=thing.placement.quaternion)
    shell = {"type": BOX, "rgba": [*thing.color, 1]}
    half = CABINET_HEIGHT / 2
    for pos, size in (
        ((0, -0.1, half), (0.1, 0.005, half)),
        ((0, 0.1, half), (0.1, 0.005, half)),
        ((0.1, 0, half), (0.005, 0.105, half)),
        ((0, 0, CABINET_HEIGHT), (0.105, 0.105, 0.004)),
        ((0, 0, 0.004), (0.1, 0.1, 0.004)),
    ):
        body.add_geom(pos=list(pos), size=list(size), **shell)
    tray = body.add_body(name="drawer", pos=[-0.01, 0, 0.012])
    tray.add_joint(
        name="drawer_joint",
        type=mujoco.mjtJoint.mjJNT_SLIDE,
        axis=[-1, 0, 0],
        range=[0, DRAWER_TRAVEL],
        damping=5,
        frictionloss=1.0,
        armature=0.05,
    )
    wood = {"type": BOX, "rgba": [*(0.62 * np.array(thing.color)), 1], "mass": 0.1}
    for pos, size in (
        ((0, 0, 0.004), (0.088, 0.085, 0.003)),
        ((-0.092, 0, 0.055), (0.005, 0.092, 0.053)),
        ((0.085, 0, 0.04), (0.003, 0.085, 0.035)),
        ((0, 0.085, 0.04), (0.088, 0.003, 0.035)),
        ((0, -0.085, 0.04), (0.088, 0.003, 0.035)),
    ):
        tray.add_geom(pos=list(pos), size=list(size), **wood)
    metal = {"rgba": [0.8, 0.8, 0.83, 1], "mass": 0.02, "friction": [1.5, 0.02, 0.0005], "condim": 4}
    x, z = -0.097 - HANDLE_STANDOFF, HANDLE_HEIGHT - 0.012
    if thing.variant == "bar":
        tray.add_geom(name="handle", type=CAPSULE, fromto=[x, -0.04, z, x, 0.04, z], size=[0.007, 0, 0], **metal)
        stems = [-0.035, 0.035]
    elif thing.variant == "knob":
        tray.add_geom(name="handle", type=SPHERE, pos=[x, 0, z], size=[0.013, 0, 0], **metal)
        stems = [0.0]
    else:
        tray.add_geom(name="handle", type=BOX, pos=[x, 0, z], size=[0.005, 0.025, 0.011], **metal)
        stems = [0.0]
    for y in stems:
        tray.add_geom(type=CAPSULE, fromto=[x, y, z, -0.095, y, z], size=[0.005, 0, 0], **metal)
    spec.add_exclude(bodyname1=thing.body, bodyname2="drawer")


def _add_distractor(spec: mujoco.MjSpec, thing: SceneObject) -> None:
    body = _free_body(spec, thing)
    if thing.variant == "ball":
        rolling = {**_solid(thing), "condim": 6, "friction": [1, 0.01, 0.01]}
        body.add_geom(type=SPHERE, pos=[0, 0, 0.026], size=[0.026, 0, 0], mass=0.05, **rolling)
    elif thing.variant == "plate":
        body.add_geom(type=CYLINDER, pos=[0, 0, 0.006], size=[0.05, 0.006, 0], mass=0.1, **_solid(thing))
    else:
        body.add_geom(type=CYLINDER, pos=[0, 0, 0.03], size=[0.022, 0.03, 0], mass=0.1, **_solid(thing))
        body.add_geom(type=CYLINDER, pos=[0, 0, 0.07], size=[0.010, 0.012, 0], mass=0.01, **_solid(thing))


_BUILDERS = {
    "block": _add_block,
    "shape": _add_shape,
    "cup": _add_cup,
    "sorter": _add_sorter,
    "cabinet": _add_cabinet,
    "distractor": _add_distractor,
}


def add_object(spec: mujoco.MjSpec, thing: SceneObject) -> None:
    """Add the thing's body, geoms and joints to the specification."""
    _BUILDERS[thing.kind](spec, thing)


def positions(data: mujoco.MjData, things: tuple[SceneObject, ...]) -> dict[str, NDArray[np.floating]]:
    """Every named point of these things: name -> (3,) world metres."""
    out = {}
    for thing in things:
        for name, (body, local) in named_points(thing).items():
            frame = data.body(body)
            out[name] = frame.xpos + frame.xmat.reshape(3, 3) @ np.asarray(local)
    return out


def named_points(thing: SceneObject) -> dict[str, tuple[str, tuple[float, float, float]]]:
    """The points that language refers to: name -> (MuJoCo body, point in that body's frame)."""
    if thing.kind == "cabinet":
        handle = (-0.097 - HANDLE_STANDOFF, 0.0, HANDLE_HEIGHT - 0.012)
        # The drawer's point is the middle of what shows of the tray when it is pulled out by 13 cm.
        return {HANDLE: ("drawer", handle), DRAWER: ("drawer", (-0.025, 0.0, 0.05))}
    if thing.kind == "sorter":
        holes = {hole(shape): (thing.body, (*sorter_hole(shape), SORTER_HEIGHT)) for shape in SHAPES}
        return {thing.name: (thing.body, (0.0, 0.0, SORTER_HEIGHT)), **holes}
    height = {
        "block": BLOCK_HALF,
        "cup": CUP_HEIGHT / 2,
        "shape": SHAPE_HEIGHT.get(thing.variant, 0) / 2,
        "distractor": {"ball": 0.026, "plate": 0.006, "bottle": 0.04}.get(thing.variant, 0),
    }[thing.kind]
    return {thing.name: (thing.body, (0.0, 0.0, height))}
