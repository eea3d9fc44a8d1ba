"""The arm protocol: the little that a robot arm with a gripper has to offer to be driven by the console.

``docs/robot.md`` tells how to write an adapter. It lives in a process of its own (``arm_process``), which calls
it from two threads: ``soft_stop`` and ``brake`` may come at any time, also while another call is under way; all
else comes one call after the other. Poses are those of the tool centre point between the finger tips, in the world
frame; metres, radians and seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from clap.geometry.frames import TABLE_TOP, Pose
from clap.worlds.robot.arm.errors import ArmNotReadyError, ArmReflexError

Array = NDArray[np.floating]


class ArmMode(str, Enum):
    """What the arm's own controller says that it does."""

    IDLE = "idle"
    MOVING = "moving"
    REFLEX = "stopped itself"
    USER_STOPPED = "stopped by its own button"
    GUIDING = "guided by hand"
    OTHER = "not ready"


@dataclass(frozen=True)
class ArmState:
    """The arm at one instant. ``time``: time.monotonic() seconds at which it was read.

    ``joints`` (n,) rad and ``velocities`` (n,) rad/s as measured; ``tool`` is the measured pose and ``commanded`` the
    one that the controller is told to take; ``width`` between the fingers and ``widest``, metres; ``holding`` is true
    while the gripper holds something; ``errors``: the controller's names of what is wrong.
    """

    time: float
    joints: Array
    velocities: Array
    tool: Pose
    commanded: Pose
    width: float
    widest: float
    holding: bool
    mode: ArmMode
    errors: tuple[str, ...] = ()

    @property
    def opening(self) -> float:
        """From 0 (closed) to 1."""
        return float(np.clip(self.width / self.widest, 0.0, 1.0)) if self.widest > 0 else 0.0

    @property
    def is_still(self) -> bool:
        """True while no joint moves by more than 0.01 rad/s."""
        return bool(np.abs(self.velocities).max() < 0.01)

    def check_mode(self) -> None:
        """Raise ArmReflexError or ArmNotReadyError where the arm's own controller would not move it."""
        if self.mode is ArmMode.REFLEX:
            words = ", ".join(error.replace("_", " ") for error in self.errors)
            raise ArmReflexError(f"The arm has stopped itself ({words})." if words else "The arm has stopped itself.")
        if self.mode not in (ArmMode.IDLE, ArmMode.MOVING):
            raise ArmNotReadyError(f"The arm is {self.mode.value}.")


@dataclass(frozen=True)
class ArmOptions:
    """What an adapter is made from; all of it travels to the arm's process.

    ``address`` of the arm's controller; ``base_position`` metres and ``base_yaw`` radians: where its base stands in the
    world. ``acceleration`` and ``angular_speed`` (m/s^2, rad/s) cap every motion beside the speed that each one names.
    ``press_force`` (N) and ``press_torque`` (Nm): contact beyond which the controller stops a motion that may press;
    ``touch_force`` and ``touch_torque``: the same for one that must not. ``grasp_force`` N. ``realtime``: insist on a
    real-time kernel, as a real Franka needs; a simulated one does without. ``model`` and ``tool_length`` (metres from
    the flange to the tool centre point) tell apart what one adapter drives; a Franka's controller knows both.
    """

    address: str
    base_position: tuple[float, float, float] = (-0.309, 0.0, TABLE_TOP)
    base_yaw: float = 0.0
    acceleration: float = 0.6
    angular_speed: float = 0.8
    press_force: float = 40.0
    press_torque: float = 40.0
    touch_force: float = 15.0
    touch_torque: float = 15.0
    grasp_force: float = 30.0
    realtime: bool = True
    model: str = "ur5e"
    tool_length: float = 0.1034


class Arm(Protocol):
    """An arm with a gripper. A constructor connects, and may block: a process that waits too long for it ends it.

    All methods but the constructor return at once (within 20 ms). They raise the ``ArmError`` that says what is wrong;
    ``ArmLostError`` ends the process, and a new one connects again.
    """

    def state(self) -> ArmState:
        """The state now; called 100 times a second."""
        ...

    def move_line(self, tool: Pose, speed: float, gentle: bool) -> None:
        """Start to move in a straight line, at no more than ``speed`` m/s. ``gentle`` stops at the first touch."""
        ...

    def move_joints(self, joints: Array, share: float, gentle: bool) -> None:
        """Start a straight move of the joints (n,) rad, at no more than ``share`` of their highest speeds."""
        ...

    def jog(self, linear: Array, angular: Array, seconds: float) -> None:
        """Move on with these velocities (3,) m/s and (3,) rad/s, world axes, and stop by itself after ``seconds``.

        Called 50 times a second, each call replacing the one before; the controller alone ends the last one.
        """
        ...

    def in_motion(self) -> bool:
        """True while a motion is under way. Raises, once, the ArmError that ended one."""
        ...

    def soft_stop(self) -> None:
        """Slow down quickly and hold. A stop is no error: ``in_motion`` then ends as after any motion."""
        ...

    def brake(self) -> None:
        """End the motion by the hardest means that the controller has short of cutting the power."""
        ...

    def recover(self) -> None:
        """Clear the errors after a reflex; the caller waits for ``state`` to say that it worked."""
        ...

    def home_gripper(self) -> None:
        """Start to find the gripper's ends, needed once after its power was off."""
        ...

    def move_gripper(self, width: float) -> None:
        """Start to move the fingers to this width, metres."""
        ...

    def grasp(self, force: float) -> None:
        """Start to close until something is held with ``force`` N, or the fingers meet."""
        ...

    def gripper_in_motion(self) -> bool:
        """True while the gripper is under way. Raises, once, the ArmError that ended it."""
        ...

    def close(self) -> None:
        """Stop and disconnect."""
        ...
