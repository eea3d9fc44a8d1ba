"""Which arms there are adapters for; a driver is only imported by the process that drives its arm."""

from __future__ import annotations

import importlib
from collections.abc import Callable

from clap.worlds.robot.arm.errors import ArmSetupError
from clap.worlds.robot.arm.kinematics import FrankaKinematics, Kinematics
from clap.worlds.robot.arm.protocol import Arm, ArmOptions
from clap.worlds.robot.arm.ur_kinematics import UrKinematics

ADAPTERS = {"franka": "clap.worlds.robot.arm.franka", "ur": "clap.worlds.robot.arm.ur"}
"""The module of each kind of arm; its function ``make(options)`` connects."""

KINEMATICS: dict[str, Callable[[ArmOptions], Kinematics]] = {"franka": FrankaKinematics, "ur": UrKinematics}


def adapter(kind: str) -> Callable[[ArmOptions], Arm]:
    """What connects to an arm of this kind. Raises ArmSetupError if there is no such kind."""
    if kind not in ADAPTERS:
        raise ArmSetupError(f"There is no arm of kind '{kind}'. There are: {', '.join(ADAPTERS)}.")
    make: Callable[[ArmOptions], Arm] = importlib.import_module(ADAPTERS[kind]).make
    return make
