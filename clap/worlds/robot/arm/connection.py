"""The connection to an arm's process: started anew until the arm answers, and again when it is lost.

A controller may make a client wait for ever, so that the process that connects is given a time-out. A connection that
was lost comes back halted: a person has to resume.
"""

from __future__ import annotations

import json
import multiprocessing
import threading
import time
from multiprocessing.connection import Connection
from typing import Any

from clap.worlds.robot.arm.errors import ArmBusyError, ArmError, ArmLostError, unpacked
from clap.worlds.robot.arm.motion import Motion
from clap.worlds.robot.arm.process import main
from clap.worlds.robot.arm.protocol import ArmOptions
from clap.worlds.robot.arm.shared_memory import ArmCells

START_S, CONNECT_S, RETRY_S = 30.0, 2.5, 1.0
"""Seconds that the arm's process may take to load its driver, its driver to connect, and between two attempts."""

CLOSE_S, GONE_S = 4.0, 0.5
"""Seconds that a process gets to end when it is told to, and once its pipe has ended."""

Json = dict[str, Any]


class ArmConnection:
    """Commands down, and what became of them up. Any thread may call any method."""

    def __init__(self, kind: str, options: ArmOptions, shared: ArmCells):
        self._kind, self._options, self._shared = kind, options, shared
        self._lock = threading.RLock()
        self._pipe: Connection | None = None
        self._motions: dict[int, Motion] = {}
        self._count = 0
        self._closed = threading.Event()
        self._settled = threading.Event()
        self._failure: ArmError = ArmLostError("The arm is being connected.", "Wait a moment.")
        self._was_connected = False
        self._thread = threading.Thread(target=self._keep_connected, name="arm", daemon=True)
        self._thread.start()

    def wait(self, seconds: float = START_S + CONNECT_S) -> None:
        """Wait until the arm is connected, or cannot be for now."""
        self._settled.wait(seconds)

    def check(self) -> None:
        """Raise the ArmError that says why there is no arm, if there is none."""
        with self._lock:
            if self._pipe is None:
                raise self._failure

    @property
    def at_rest(self) -> bool:
        """True while no command is under way."""
        with self._lock:
            return not self._motions

    def send(self, command: Json, replaces: int = 0) -> tuple[int, Motion]:
        """Send a command, and return its number and how it goes. The one that it ``replaces`` is told of no more.

        Raises ArmError if there is no arm.
        """
        motion = Motion()
        with self._lock:
            if self._pipe is None:
                raise self._failure
            self._motions.pop(replaces, None)
            self._count += 1
            message = json.dumps({**command, "id": self._count}, allow_nan=False).encode()
            self._motions[self._count] = motion
            try:
                self._pipe.send_bytes(message)
            except OSError as error:
                raise ArmLostError("The arm's process has ended.") from error
            return self._count, motion

    def close(self) -> None:
        """Stop the arm and end its process."""
        self._closed.set()
        with self._lock:
            if self._pipe is not None:
                self._tell_to_close(self._pipe)
        self._thread.join(CLOSE_S)

    @staticmethod
    def _tell_to_close(pipe: Connection) -> None:
        try:
            pipe.send_bytes(b'{"type": "close"}')
        except OSError:  # it has ended
            return

    # The thread

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
            pipe.close()
            process.join(GONE_S)
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
            elif message["type"] in ("cannot", "lost"):
                self._lost(unpacked(message["failure"]))
                return
            elif message["type"] == "up":
                with self._lock:
                    self._pipe, self._was_connected = pipe, True
                self._settled.set()
            else:
                self._ended(message)

    def _ended(self, message: Json) -> None:
        with self._lock:
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
