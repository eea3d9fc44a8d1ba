"""What the arm's process and its owner share in memory: the state, and a stop that passes by every queue.

All times are of ``time.monotonic``, which on one machine counts alike in every process.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import time

import numpy as np

from clap.geometry.frames import Pose
from clap.stop_button import StopButton
from clap.worlds.robot.arm.errors import ArmLostError
from clap.worlds.robot.arm.protocol import ArmMode, ArmState

MOST_JOINTS, ERROR_BYTES = 8, 400
READ_AGAIN_S = 0.0005
WRITTEN_S = 0.5
"""Longer than a busy machine keeps the arm's process from going on in the middle of writing a state."""

_MODES = tuple(ArmMode)


class _Cells(ctypes.Structure):
    _fields_ = (
        ("stops", ctypes.c_uint64),  # written by the owner: how often it asked for a stop
        ("alive_until", ctypes.c_double),  # written by the owner: motions may go on until then
        ("honoured", ctypes.c_uint64),  # written by the arm's process: the stops that it has carried out
        ("halted", ctypes.c_bool),  # written by the arm's process: nothing moves until a person resumes
        ("sequence", ctypes.c_uint64),  # odd while the state below is being written
        ("time", ctypes.c_double),
        ("joint_count", ctypes.c_uint32),
        ("joints", ctypes.c_double * MOST_JOINTS),
        ("velocities", ctypes.c_double * MOST_JOINTS),
        ("tool", ctypes.c_double * 7),
        ("commanded", ctypes.c_double * 7),
        ("gripper", ctypes.c_double * 3),
        ("mode", ctypes.c_uint32),
        ("errors", ctypes.c_char * ERROR_BYTES),
    )


class ArmCells:
    """The shared memory; it goes to the arm's process as an argument of its start.

    ``button``: Stop as somebody else presses it, the console's server for one; it works without the owner.
    """

    def __init__(self, button: StopButton) -> None:
        self.cells = multiprocessing.get_context("spawn").RawValue(_Cells)
        self._button = button

    @property
    def asked(self) -> int:
        """How many stops were asked for so far, by the owner or by the button."""
        return int(self.cells.stops) + self._button.presses

    # The owner's side

    def stop(self) -> None:
        """Ask for a stop: the arm's process looks here every two milliseconds."""
        self.cells.stops += 1

    def beat(self, seconds: float) -> None:
        """The owner is alive, and counts as such for ``seconds`` from now."""
        self.cells.alive_until = time.monotonic() + seconds

    def read(self) -> ArmState | None:
        """The newest state; None before the first one. Raises ArmLostError if who writes it does not go on."""
        cells = self.cells
        deadline = time.monotonic() + WRITTEN_S
        while time.monotonic() < deadline:
            before = cells.sequence
            if before == 0:
                return None
            if before % 2 == 0:
                state = self._state()
                if cells.sequence == before:
                    return state
            time.sleep(READ_AGAIN_S)
        raise ArmLostError("The arm's process stands still in the middle of telling its state.")

    def _state(self) -> ArmState:
        cells = self.cells
        count = int(cells.joint_count)
        width, widest, holding = cells.gripper
        errors = cells.errors.decode("utf-8", "replace")
        return ArmState(
            time=float(cells.time),
            joints=np.array(cells.joints[:count]),
            velocities=np.array(cells.velocities[:count]),
            tool=_pose(cells.tool),
            commanded=_pose(cells.commanded),
            width=width,
            widest=widest,
            holding=bool(holding),
            mode=_MODES[int(cells.mode)],
            errors=tuple(errors.split("\n")) if errors else (),
        )

    # The arm's process

    def write(self, state: ArmState) -> None:
        """Publish a state."""
        cells, count = self.cells, len(state.joints)
        cells.sequence += 1
        cells.time, cells.joint_count = state.time, count
        cells.joints[:count] = list(map(float, state.joints))
        cells.velocities[:count] = list(map(float, state.velocities))
        cells.tool[:], cells.commanded[:] = _numbers(state.tool), _numbers(state.commanded)
        cells.gripper[:] = (state.width, state.widest, float(state.holding))
        cells.mode = _MODES.index(state.mode)
        cells.errors = "\n".join(state.errors).encode()[: ERROR_BYTES - 1]
        cells.sequence += 1

    def must_stop(self) -> bool:
        """True while a stop is asked for that was not carried out."""
        return bool(self.asked != self.cells.honoured)

    def owner_is_late(self) -> bool:
        """True once the owner was silent for longer than it may be during a motion."""
        return time.monotonic() > self.cells.alive_until


def _numbers(pose: Pose) -> list[float]:
    return [*map(float, pose.position), *map(float, pose.quaternion)]


def _pose(numbers: ctypes.Array[ctypes.c_double]) -> Pose:
    values = np.array(numbers[:])
    return Pose(values[:3], values[3:])
