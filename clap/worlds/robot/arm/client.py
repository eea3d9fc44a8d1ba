"""The owner's handle on an arm in a process of its own: commands down, state in shared memory, and a stop past both."""

from __future__ import annotations

import time

import numpy as np

from clap.geometry.frames import Pose
from clap.stop_button import StopButton
from clap.worlds.robot.arm.connection import ArmConnection, Json
from clap.worlds.robot.arm.errors import (
    ArmError,
    ArmHaltedError,
    ArmLostError,
    ArmReflexError,
    given_up,
)
from clap.worlds.robot.arm.motion import Motion
from clap.worlds.robot.arm.protocol import ArmMode, ArmOptions, ArmState, Array
from clap.worlds.robot.arm.shared_memory import ArmCells

BEAT_S = 0.3
"""For so long a motion goes on after the owner was last heard."""

STALE_S = 0.5
"""Age of the state from which the arm counts as lost."""

RECOVERY_S = 4.0


class ArmClient:
    """One arm. Any thread may call any method; motions are told to one arm one after the other.

    ``button``: Stop as another process presses it, past this one.
    """

    def __init__(self, kind: str, options: ArmOptions, button: StopButton | None = None):
        self._shared = ArmCells(button or StopButton())
        self._connection = ArmConnection(kind, options, self._shared)
        self._jog = 0

    # State

    def wait(self) -> None:
        """Wait until the arm is connected. Raises the ArmError that says why it cannot be: who waits then gives up."""
        self._connection.wait()
        try:
            self.state()
        except ArmError as error:
            raise given_up(error) from error

    def state(self) -> ArmState:
        """The newest state. Raises the ArmError that says why there is none."""
        self._connection.check()
        state = self._shared.read()
        if state is None or time.monotonic() - state.time > STALE_S:
            raise ArmLostError("The arm's controller has not been heard for half a second.")
        return state

    def check_ready(self) -> ArmState:
        """The state of an arm that may move. Raises the ArmError that stands against it."""
        state = self.state()
        state.check_mode()
        if self.halted:
            raise ArmHaltedError("The arm was stopped and holds still.")
        return state

    @property
    def halted(self) -> bool:
        """True from a stop, a silent owner or a lost connection on, until a person resumes."""
        return bool(self._shared.cells.halted)

    @property
    def asked(self) -> int:
        """How many stops were asked for so far, by whomever: what ``recover`` is to be given."""
        return self._shared.asked

    @property
    def at_rest(self) -> bool:
        """True while no command is under way."""
        return self._connection.at_rest

    # Motions

    def line(self, tool: Pose, speed: float, gentle: bool, time_out: float) -> Motion:
        """Move in a straight line; see ``Arm.move_line``. Stops by itself after ``time_out`` seconds."""
        pose = [*map(float, tool.position), *map(float, tool.quaternion)]
        return self._begin({"type": "line", "pose": pose, "speed": speed, "gentle": gentle, "time_out": time_out})

    def joints(self, joints: Array, share: float, gentle: bool, time_out: float) -> Motion:
        """Move the joints; see ``Arm.move_joints``."""
        values = [float(value) for value in joints]
        return self._begin({"type": "joints", "joints": values, "share": share, "gentle": gentle, "time_out": time_out})

    def jog(self, linear: Array, angular: Array, seconds: float) -> Motion:
        """Move on with these velocities; see ``Arm.jog``."""
        velocities = {"linear": np.asarray(linear).tolist(), "angular": np.asarray(angular).tolist()}
        self.beat()
        command = {"type": "jog", **velocities, "seconds": seconds, "time_out": 5.0}
        self._jog, motion = self._connection.send(command, replaces=self._jog)
        return motion

    def open(self, width: float, time_out: float) -> Motion:
        """Move the fingers to this width, metres."""
        return self._begin({"type": "open", "width": width, "time_out": time_out})

    def grasp(self, force: float, time_out: float) -> Motion:
        """Close until something is held with this force, N, or the fingers meet."""
        return self._begin({"type": "grasp", "force": force, "time_out": time_out})

    def home_gripper(self, time_out: float = 30.0) -> Motion:
        """Find the gripper's ends."""
        return self._begin({"type": "home gripper", "time_out": time_out})

    def beat(self) -> None:
        """The owner watches the motion: to be called more often than every 0.3 s while one is under way."""
        self._shared.beat(BEAT_S)

    def stop(self) -> None:
        """Stop now, and hold until a person resumes. Waits for nothing."""
        self._shared.stop()

    def recover(self, asked: int) -> None:
        """A person who knows of all stops ``asked`` for says that the arm is to clear its errors and may move again.

        Nothing moves by that. Raises the ArmError that remains.
        """
        state = self.state()
        if state.mode not in (ArmMode.IDLE, ArmMode.MOVING) or state.errors:
            self._finish({"type": "recover"})
            deadline = time.monotonic() + RECOVERY_S
            # The answer to a recovery says nothing; the state does.
            while (state := self.state()).errors or state.mode is not ArmMode.IDLE:
                if time.monotonic() > deadline:
                    raise ArmReflexError("The arm's errors could not be cleared.", "Clear them at its controller.")
                time.sleep(0.02)
        self._finish({"type": "resume", "asked": asked})

    def close(self) -> None:
        """Stop the arm and end its process."""
        self._connection.close()

    def _begin(self, command: Json) -> Motion:
        self.beat()
        return self._connection.send(command)[1]

    def _finish(self, command: Json) -> None:
        """Send what is done at once, and wait until it is. Raises the ArmError against it."""
        _, motion = self._connection.send(command)
        if not motion.over.wait(RECOVERY_S):
            raise ArmLostError("The arm's process does not answer.")
        if motion.failure is not None:
            raise motion.failure
