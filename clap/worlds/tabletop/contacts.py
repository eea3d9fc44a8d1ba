"""What the robot presses against: contact forces between it, with what it holds, and everything else."""

from __future__ import annotations

import mujoco
import numpy as np

FORCE_LIMIT = 20.0
"""Newtons, from which a motion that avoids collisions stops: libfranka's examples set the same Cartesian threshold."""

RELEASE_SECONDS = 0.3
"""How long after the start of a motion what is held may press against what it stood on or in."""


class TouchGuard:
    """Watches one motion. What both fingers touch at its start counts as held, and so as part of the robot."""

    def __init__(self, model: mujoco.MjModel, data: mujoco.MjData):
        self._model, self._data = model, data
        self._started = float(data.time)
        names = [model.body(k).name for k in range(model.nbody)]
        self._robot = {k for k, name in enumerate(names) if name == "base" or name.startswith(("fr3_", "hand"))}
        fingers = {k for k, name in enumerate(names) if name in ("left_finger", "right_finger")}
        pairs = self._pairs()
        by_finger = [{b for a, b in pairs if a == finger} - self._robot - fingers for finger in fingers]
        held = set.intersection(*by_finger) - {0}
        self._robot |= fingers | held
        self._support = {b for a, b in pairs if a in held} - self._robot

    def pressed(self) -> tuple[str, float] | None:
        """The thing pressed against hardest and the force in newtons, if that is beyond the limit."""
        releasing = float(self._data.time) - self._started < RELEASE_SECONDS
        forces: dict[int, float] = {}
        wrench = np.zeros(6)
        for index, contact in enumerate(self._data.contact[: self._data.ncon]):
            bodies = [int(self._model.geom_bodyid[geom]) for geom in (contact.geom1, contact.geom2)]
            outside = [body for body in bodies if body not in self._robot]
            if len(outside) != 1 or (releasing and outside[0] in self._support):
                continue
            mujoco.mj_contactForce(self._model, self._data, index, wrench)
            forces[outside[0]] = forces.get(outside[0], 0.0) + float(np.linalg.norm(wrench[:3]))
        hardest = max(forces, key=forces.__getitem__, default=None)
        if hardest is None or forces[hardest] <= FORCE_LIMIT:
            return None
        name = self._model.body(hardest).name
        return "table" if name == "world" else name.replace("_", " "), forces[hardest]

    def _pairs(self) -> set[tuple[int, int]]:
        """Bodies in contact now, each pair both ways round."""
        geoms = [(int(contact.geom1), int(contact.geom2)) for contact in self._data.contact[: self._data.ncon]]
        bodies = [tuple(int(self._model.geom_bodyid[geom]) for geom in pair) for pair in geoms]
        return {(a, b) for a, b in bodies} | {(b, a) for a, b in bodies}


def touching(model: mujoco.MjModel, data: mujoco.MjData) -> set[str]:
    """Names of the bodies in contact with the arm or hand (fingers excluded: they hold things)."""
    robot = {k for k in range(model.nbody) if model.body(k).name.startswith(("fr3_", "hand"))}
    names = set()
    for contact in data.contact[: data.ncon]:
        pair = [model.geom_bodyid[g] for g in (contact.geom1, contact.geom2)]
        inside = [body in robot for body in pair]
        if inside[0] != inside[1]:
            other = model.body(pair[inside.index(False)]).name
            names.add("table" if other == "world" else other.replace("_", " "))
    return names
