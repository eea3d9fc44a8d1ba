"""What runs in the arm's process: it keeps the state in shared memory, and carries out what comes down the pipe.

Beside it a thread watches for stops (``arm_guard``). The process lives as long as its pipe and its connection to the
arm: when either ends the arm is stopped, and the process ends.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from clap.geometry.frames import Pose
from clap.process_priority import raise_priority
from clap.worlds.robot.arm.adapters import adapter
from clap.worlds.robot.arm.command_lane import Lane
from clap.worlds.robot.arm.errors import (
    ArmError,
    ArmHaltedError,
    ArmLostError,
    ArmTimeoutError,
    packed,
)
from clap.worlds.robot.arm.guard import ArmGuard
from clap.worlds.robot.arm.protocol import Arm, ArmMode, ArmOptions
from clap.worlds.robot.arm.shared_memory import ArmCells

STATE_PERIOD_S = 0.01

FASTEST, FASTEST_TURN, MOST_SHARE = 0.25, 1.0, 0.4
"""Metres and radians a second of the tool, and share of the highest joint speeds, that no motion exceeds, whatever the
command says."""

GRIPPER_COMMANDS = frozenset({"home gripper", "open", "grasp"})

Json = dict[str, Any]


def main(kind: str, options: ArmOptions, shared: ArmCells, pipe: Connection) -> None:
    """Connect to the arm, and serve it until the pipe closes or the arm is lost; the process then ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C reaches the whole group; the owner ends us in order
    raise_priority(apart=True)
    try:
        connect = adapter(kind)
        _tell(pipe, {"type": "connecting"})
        arm = connect(options)
    except ArmError as error:
        _tell(pipe, {"type": "cannot", "failure": packed(error)})
        os._exit(1)
    try:
        ArmProcess(arm, shared, pipe).serve()
    finally:
        with contextlib.suppress(Exception):
            arm.close()
        os._exit(0)


def _tell(pipe: Connection, message: Json) -> None:
    with contextlib.suppress(OSError):  # the owner has ended
        pipe.send_bytes(json.dumps(message).encode())


class ArmProcess:
    """Serves one arm. The joints and the gripper each carry out one command at a time."""

    def __init__(self, arm: Arm, shared: ArmCells, pipe: Connection):
        self._arm, self._shared, self._pipe = arm, shared, pipe
        self._joints, self._gripper = Lane(), Lane()
        self._starting = False
        self._guard = ArmGuard(arm, shared, self._moving, self._joints)
        shared.write(arm.state())
        _tell(pipe, {"type": "up"})

    def _moving(self) -> bool:
        return self._starting or self._joints.number is not None or self._gripper.number is not None

    def serve(self) -> None:
        """Carry out commands until there is no owner or no arm any more."""
        self._guard.start()
        try:
            while self._handle_waiting():
                self._look()
                time.sleep(STATE_PERIOD_S)
        except ArmLostError as error:
            self._guard.halt()  # the gripper may be lost and the arm still there
            _tell(self._pipe, {"type": "lost", "failure": packed(error)})
        finally:
            self._guard.end()

    def _handle_waiting(self) -> bool:
        """Carry out all commands that have come in; False once the owner has ended."""
        try:
            while self._pipe.poll():
                command = json.loads(self._pipe.recv_bytes())
                if command["type"] == "close":
                    return False
                self._handle(command)
        except (EOFError, OSError):
            return False
        return True

    def _handle(self, command: Json) -> None:
        number = command["id"]
        try:
            self._begin(command)
        except ArmLostError:
            raise
        except ArmError as error:
            _tell(self._pipe, {"type": "failed", "id": number, "failure": packed(error)})

    def _begin(self, command: Json) -> None:
        kind, number = command["type"], command["id"]
        if kind == "resume":
            self._guard.resume(command["asked"])
            _tell(self._pipe, {"type": "done", "id": number})
            return
        if kind == "recover":
            self._arm.recover()
            _tell(self._pipe, {"type": "done", "id": number})
            return
        self._check_ready()
        lane = self._gripper if kind in GRIPPER_COMMANDS else self._joints
        if lane.number is not None and not kind == lane.kind == "jog":
            raise ArmError("The arm is still under way with another command.", "Wait until it has ended.")
        # Before it starts, so that the guard watches the owner from the first millisecond.
        self._starting = True
        try:
            busy = self._start(kind, command)
            lane.begin(number, kind, busy, command["time_out"])
        finally:
            self._starting = False
        if self._shared.cells.halted:  # a stop came while it was being started
            self._guard.halt()

    def _start(self, kind: str, command: Json) -> Callable[[], bool]:
        """Start a motion of the joints or of the gripper; the result tells whether it is still under way."""
        arm = self._arm
        if kind == "jog":
            linear = _at_most(np.array(command["linear"], float), FASTEST)
            arm.jog(linear, _at_most(np.array(command["angular"], float), FASTEST_TURN), command["seconds"])
        elif kind == "line":
            values = np.array(command["pose"], float)
            arm.move_line(Pose(values[:3], values[3:]), min(command["speed"], FASTEST), command["gentle"])
        elif kind == "joints":
            arm.move_joints(np.array(command["joints"], float), min(command["share"], MOST_SHARE), command["gentle"])
        elif kind == "home gripper":
            arm.home_gripper()
        elif kind == "open":
            arm.move_gripper(command["width"])
        else:
            arm.grasp(command["force"])
        return arm.gripper_in_motion if kind in GRIPPER_COMMANDS else arm.in_motion

    def _check_ready(self) -> None:
        """Raise what stands against a motion now."""
        state = self._shared.read()
        if state is not None:
            state.check_mode()
        if self._shared.cells.halted or self._shared.must_stop():
            raise ArmHaltedError("The arm was stopped and holds still.")
        if self._shared.owner_is_late():
            raise ArmHaltedError("The program that drives the arm was silent for too long.")

    def _look(self) -> None:
        """Publish the state, and tell how commands ended. An arm that has stopped itself waits for a person."""
        state = self._arm.state()
        if state.mode not in (ArmMode.IDLE, ArmMode.MOVING):
            self._shared.cells.halted = True
        self._shared.write(state)
        for lane in (self._joints, self._gripper):
            if lane.number is None:
                continue
            try:
                if lane.over():
                    self._end(lane, {"type": "stopped" if self._shared.cells.halted else "done"})
            except ArmLostError:
                raise
            except ArmError as error:
                if isinstance(error, ArmTimeoutError):
                    self._guard.halt()
                self._end(lane, {"type": "failed", "failure": packed(error)})

    def _end(self, lane: Lane, how: Json) -> None:
        """A command is over."""
        number, lane.number = lane.number, None
        _tell(self._pipe, {**how, "id": number})


def _at_most(vector: np.ndarray, most: float) -> np.ndarray:
    """The vector (3,), shortened where it is longer. Raises ArmError for what is not three finite numbers."""
    if vector.shape != (3,) or not np.all(np.isfinite(vector)):
        raise ArmError("A jog needs three finite numbers for each velocity.")
    length = float(np.linalg.norm(vector))
    return vector * (most / length) if length > most else vector
