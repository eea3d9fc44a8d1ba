"""A Robotiq 2F gripper on a UR arm, through the text protocol of its URCap (port 63352). Untested on hardware.

Every request is a line, "SET POS 255" or "GET POS", and is answered by "ack" or "POS 255". Positions run from 0, open,
to 255, closed.
"""

from __future__ import annotations

import socket
import threading

import numpy as np

from clap.worlds.robot.arm.errors import ArmError, ArmLostError, ArmUnreachableError

PORT, ANSWER_S = 63352, 1.0
CLOSED = 255
FORCES = (20.0, 235.0)
"""Newtons of a 2F-85 at the least and at the greatest setting."""

MOVING, HOLDS_OUTWARDS, HOLDS_INWARDS, THERE = range(4)
"""What the gripper says of the object (OBJ)."""


class RobotiqGripper:
    """One gripper. ``widest`` metres between its open fingers. Any thread may call any method.

    Raises ArmUnreachableError if it does not answer at first, ArmLostError if it stops answering.
    """

    def __init__(self, address: str, widest: float = 0.085, port: int = PORT):
        self.widest = widest
        self._lock = threading.Lock()
        try:
            self._socket = socket.create_connection((address, port), ANSWER_S)
        except OSError as error:
            raise ArmUnreachableError(
                f"No Robotiq gripper answers at {address}:{port} ({error}).", "Install its URCap and switch it on."
            ) from error
        self._socket.settimeout(ANSWER_S)
        self._buffer = b""

    def home(self) -> None:
        """Activate it: it finds its ends, unless it knows them already."""
        self._set("ACT", 1)

    def move(self, width: float) -> None:
        """Start to move the fingers to this width, metres."""
        self._go(round(CLOSED * (1 - np.clip(width / self.widest, 0, 1))), FORCES[0])

    def grasp(self, force: float) -> None:
        """Start to close with this force, N."""
        self._go(CLOSED, force)

    def stop(self) -> None:
        """Hold the fingers where they are."""
        self._set("GTO", 0)

    def state(self) -> tuple[float, bool, bool]:
        """Width in metres, whether something is held, and whether the fingers are under way."""
        position, seen = self._get("POS"), self._get("OBJ")
        return self.widest * (1 - position / CLOSED), seen == HOLDS_INWARDS, seen == MOVING

    def close(self) -> None:
        """Disconnect."""
        self._socket.close()

    def _go(self, position: int, force: float) -> None:
        share = (force - FORCES[0]) / (FORCES[1] - FORCES[0])
        settings = {"POS": position, "SPE": 128, "FOR": round(255 * float(np.clip(share, 0, 1))), "GTO": 1}
        for name, value in settings.items():
            self._set(name, value)

    def _set(self, name: str, value: int) -> None:
        answer = self._ask(f"SET {name} {value}")
        if answer != "ack":
            raise ArmError(f"The gripper did not accept {name} = {value}: it said {answer!r}.")

    def _get(self, name: str) -> int:
        answer = self._ask(f"GET {name}")
        words = answer.split()
        if len(words) != 2 or words[0] != name or not words[1].isdigit():
            raise ArmError(f"The gripper was asked for {name} and said {answer!r}.")
        return int(words[1])

    def _ask(self, line: str) -> str:
        with self._lock:
            try:
                self._socket.sendall(line.encode() + b"\n")
                return self._answer()
            except OSError as error:
                raise ArmLostError(f"The gripper does not answer any more ({error}).") from error

    def _answer(self) -> str:
        """One answer; the gripper ends "ack" without a line's end."""
        while b"\n" not in self._buffer and self._buffer != b"ack":
            read = self._socket.recv(256)
            if not read:
                raise ConnectionError("it closed the connection")
            self._buffer += read
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line.decode("ascii", "replace").strip()
