"""The owner's handle on an arm in a process of its own: commands down, state in shared memory, and a stop past both.

A controller may make a client wait for ever, so that the process that connects is given a time-out; it is started anew
until the arm answers, and again when the connection breaks. A new connection begins halted: a person has to resume.
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import threading
import time
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from clap.geometry import Pose
from clap.worlds.robot.arm import ArmMode, ArmOptions, ArmState, Array
from clap.worlds.robot.arm_failures import (
    ArmBusyError,
    ArmError,
    ArmHaltedError,
    ArmLostError,
    ArmNotReadyError,
    ArmReflexError,
    unpacked,
)
from clap.worlds.robot.arm_process import main
from clap.worlds.robot.arm_shared import ArmCells
from clap.worlds.robot.motion import Motion

START_S, CONNECT_S, RETRY_S = 30.0, 2.5, 1.0
"""Seconds that the arm's process may take to load its driver, its driver to connect, and between two attempts."""

BEAT_S = 0.3
"""For so long a motion goes on after the owner was last heard."""

STALE_S = 0.5
"""Age of the state from which the arm counts as lost."""

RECOVERY_S = 4.0
CLOSE_S, GONE_S = 3.0, 0.5
"""Seconds that a process gets to end: one that is told to, and one that has lost its arm or never had it."""

Json = dict[str, Any]


class ArmClient:
    """One arm. Any thread may call any method; motions are told to one arm one after the other."""

    def __init__(self, kind: str, options: ArmOptions):
        self._kind, self._options = kind, options
        self._shared = ArmCells()
        self._lock = threading.RLock()
        self._pipe: Connection | None = None
        self._motions: dict[int, Motion] = {}
        self._count = self._jog = 0
        self._closed = threading.Event()
        self._settled = threading.Event()
        self._failure: ArmError = ArmLostError("The arm is being connected.", "Wait a moment.")
        self._was_connected = False
        self._thread = threading.Thread(target=self._keep_connected, name="arm", daemon=True)
        self._thread.start()

    # State

    def wait(self, seconds: float = START_S + CONNECT_S) -> None:
        """Wait until the arm is connected, or cannot be for now. Raises the ArmError that says why not."""
        self._settled.wait(seconds)
        self.state()

    def state(self) -> ArmState:
        """The newest state. Raises the ArmError that says why there is none."""
        with self._lock:
            if self._pipe is None:
                raise self._failure
        state = self._shared.read()
        if state is None or time.monotonic() - state.time > STALE_S:
            raise ArmLostError("The arm's controller has not been heard for half a second.")
        return state

    def check_ready(self) -> ArmState:
        """The state of an arm that may move. Raises the ArmError that stands against it."""
        state = self.state()
        if state.mode is ArmMode.REFLEX:
            words = ", ".join(error.replace("_", " ") for error in state.errors)
            raise ArmReflexError(f"The arm has stopped itself ({words})." if words else "The arm has stopped itself.")
        if state.mode not in (ArmMode.IDLE, ArmMode.MOVING):
            raise ArmNotReadyError(f"The arm is {state.mode.value}.")
        if self.halted:
            raise ArmHaltedError("The arm was stopped and holds still.")
        return state

    @property
    def halted(self) -> bool:
        """True from a stop, a silent owner or a lost connection on, until a person resumes."""
        return bool(self._shared.cells.halted)

    @property
    def at_rest(self) -> bool:
        """True while no command is under way."""
        with self._lock:
            return not self._motions

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
        with self._lock:
            # The one before it is told of no more once this one takes over.
            self._motions.pop(self._jog, None)
            motion = self._begin({"type": "jog", **velocities, "seconds": seconds, "time_out": 5.0})
            self._jog = self._count
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

    def resume(self) -> None:
        """A person says that the arm may move again after a stop. Raises ArmError while it cannot."""
        self._finish(self._send({"type": "resume"}))

    def recover(self) -> None:
        """A person says that the arm is to clear its errors and may move again. Raises the ArmError that remains."""
        state = self.state()
        if state.mode not in (ArmMode.IDLE, ArmMode.MOVING) or state.errors:
            self._finish(self._send({"type": "recover"}))
            deadline = time.monotonic() + RECOVERY_S
            # The answer to a recovery says nothing; the state does.
            while (state := self.state()).errors or state.mode is not ArmMode.IDLE:
                if time.monotonic() > deadline:
                    raise ArmReflexError("The arm's errors could not be cleared.", "Clear them at its controller.")
                time.sleep(0.02)
        self.resume()

    def close(self) -> None:
        """Stop the arm and end its process."""
        self._closed.set()
        with self._lock, contextlib.suppress(OSError):
            if self._pipe is not None:
                self._pipe.send_bytes(b'{"type": "close"}')
        self._thread.join(CLOSE_S + 1.0)

    def _begin(self, command: Json) -> Motion:
        self.beat()
        return self._send(command)

    def _send(self, command: Json) -> Motion:
        motion = Motion()
        with self._lock:
            if self._pipe is None:
                raise self._failure
            self._count += 1
            message = json.dumps({**command, "id": self._count}, allow_nan=False).encode()
            self._motions[self._count] = motion
            try:
                self._pipe.send_bytes(message)
            except OSError as error:
                raise ArmLostError("The arm's process has ended.") from error
        return motion

    @staticmethod
    def _finish(motion: Motion) -> None:
        if not motion.over.wait(RECOVERY_S):
            raise ArmLostError("The arm's process does not answer.")
        if motion.failure is not None:
            raise motion.failure

    # The connection

    def _keep_connected(self) -> None:
        while not self._closed.is_set():
            self._connect()
            self._settled.set()
            self._closed.wait(RETRY_S)

    def _connect(self) -> None:
        """Start a process, and follow it until it ends."""
        context = multiprocessing.get_context("spawn")
        pipe, theirs = context.Pipe()
        process = context.Process(target=main, args=(self._kind, self._options, self._shared, theirs), daemon=True)
        process.start()
        theirs.close()
        try:
            self._follow(pipe)
        except (EOFError, OSError):
            self._lost(ArmLostError("The arm's process has ended."))
        finally:
            with self._lock:
                self._pipe = None if self._closed.is_set() else self._pipe
            pipe.close()
            process.join(CLOSE_S if self._pipe is not None else GONE_S)
            if process.is_alive():
                process.kill()
                process.join()

    def _follow(self, pipe: Connection) -> None:
        """Hand out what the process tells. Raises EOFError when it ends."""
        deadline = time.monotonic() + START_S
        while True:
            while self._pipe is None and not pipe.poll(0.05):
                if self._closed.is_set():
                    return
                if time.monotonic() > deadline:
                    self._lost(ArmBusyError(f"The arm at {self._options.address} is there, but does not answer."))
                    return
            message = json.loads(pipe.recv_bytes())
            if message["type"] == "connecting":
                deadline = time.monotonic() + CONNECT_S
                continue
            if message["type"] in ("cannot", "lost"):
                self._lost(unpacked(message["failure"]))
                return
            if message["type"] == "up":
                with self._lock:
                    self._pipe, self._was_connected = pipe, True
                self._settled.set()
                continue
            motion = self._motions.pop(message["id"], None)
            if motion is not None:
                failure = unpacked(message["failure"]) if message["type"] == "failed" else None
                motion.end(message["type"] == "stopped", failure)

    def _lost(self, failure: ArmError) -> None:
        """There is no arm now, because of this; motions under way have ended."""
        with self._lock:
            self._pipe, self._failure = None, failure
            if self._was_connected:
                self._shared.cells.halted = True
            ended, self._motions = self._motions, {}
        for motion in ended.values():
            motion.end(failure=failure)
