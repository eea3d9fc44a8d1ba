"""Where things stand: placement by rejection, so that nothing touches and the gripper finds room around each."""

from __future__ import annotations

import numpy as np

from clap.errors import WorldError
from clap.robots.fr3 import ROBOT_BASE
from clap.worlds.tabletop.objects import RGB, SHAPE_COLORS, SORTER_CELL, Placement, SceneObject
from clap.worlds.tabletop.phrasing import SORTER, block, cup

REACH_X, REACH_Y = (0.08, 0.44), (-0.36, 0.36)
MAX_REACH = 0.73
"""Region of the table on which movable things are placed (world metres), and how far from the robot's base."""

BLOCK_CLEARANCE, SHAPE_CLEARANCE, CUP_CLEARANCE = 0.06, 0.06, 0.075


class Layout:
    """Collects things on the table. Each holds circles of free room; circles of two things never overlap."""

    def __init__(self, rng: np.random.Generator):
        self.rng = rng
        self.things: list[SceneObject] = []
        self._circles: list[tuple[float, float, float]] = []

    def _free(self, x: float, y: float, radius: float) -> bool:
        return all(np.hypot(x - cx, y - cy) >= radius + r for cx, cy, r in self._circles)

    def _place(self, name: str, radius: float, yaw: float, optional: bool = False) -> Placement | None:
        for _ in range(400):
            x, y = float(self.rng.uniform(*REACH_X)), float(self.rng.uniform(*REACH_Y))
            if self._free(x, y, radius) and np.hypot(x - ROBOT_BASE[0], y - ROBOT_BASE[1]) < MAX_REACH:
                self._circles.append((x, y, radius))
                return Placement(x, y, yaw, 0.001)
        if optional:
            return None
        raise WorldError(f"There is no room left on the table for the {name}.")

    def _color(self, name: str) -> tuple[float, float, float]:
        jittered = np.clip(np.array(RGB[name]) + self.rng.normal(0, 0.02, 3), 0.02, 0.98)
        return tuple(jittered.tolist())

    def _add(self, kind: str, name: str, color: str, radius: float, optional: bool = False, variant: str = "") -> bool:
        placement = self._place(name, radius, float(self.rng.uniform(-np.pi, np.pi)), optional)
        if placement is None:
            return False
        self.things.append(SceneObject(kind, name, self._color(color), placement, variant))
        return True

    def add_block(self, color: str, optional: bool = False) -> bool:
        """A 4.4 cm cube."""
        return self._add("block", block(color), color, BLOCK_CLEARANCE, optional)

    def add_shape(self, shape: str, optional: bool = False) -> bool:
        """A piece of the sorter toy, in the toy's colour."""
        return self._add("shape", shape, SHAPE_COLORS[shape], SHAPE_CLEARANCE, optional, shape)

    def add_cup(self, color: str, optional: bool = False) -> bool:
        """A cup, 9 cm wide and 6.5 cm high."""
        return self._add("cup", cup(color), color, CUP_CLEARANCE, optional)

    def add_distractor(self, name: str, optional: bool = False) -> bool:
        """An object that no task asks for, "<colour> <ball|plate|bottle>"."""
        color, kind = name.split()
        return self._add("distractor", name, color, CUP_CLEARANCE, optional, kind)

    def add_sorter(self) -> None:
        """The shape sorter, at the far side of the table, its row of holes across."""
        x, y = float(self.rng.uniform(0.32, 0.42)), float(self.rng.uniform(-0.16, 0.16))
        yaw = float(self.rng.uniform(-0.3, 0.3))
        for offset in (-SORTER_CELL, 0.0, SORTER_CELL):
            self._circles.append((x - offset * np.sin(yaw), y + offset * np.cos(yaw), 0.10))
        wood = tuple(np.clip(np.array([0.88, 0.84, 0.76]) + self.rng.normal(0, 0.02, 3), 0, 1).tolist())
        self.things.append(SceneObject("sorter", SORTER, wood, Placement(x, y, yaw)))

    def add_cabinet(self, handle: str, opening: float) -> None:
        """The cabinet with its drawer, facing the robot, with room in front for the drawer and the gripper."""
        x, y = float(self.rng.uniform(0.50, 0.56)), float(self.rng.uniform(-0.22, 0.22))
        yaw = float(self.rng.uniform(-0.2, 0.2))
        for ahead, radius in ((0.0, 0.15), (0.14, 0.13), (0.27, 0.11)):
            self._circles.append((x - ahead * np.cos(yaw), y - ahead * np.sin(yaw), radius))
        wood = tuple(np.clip(np.array([0.74, 0.69, 0.61]) + self.rng.normal(0, 0.02, 3), 0, 1).tolist())
        self.things.append(SceneObject("cabinet", "cabinet", wood, Placement(x, y, yaw), handle, opening))
