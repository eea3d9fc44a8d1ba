"""A robot that is none: libfranka's protocol on this machine, served by a process that carries the simulated table.

For tests and for trying the robot's side of the console. It can fail on demand, as a real controller does.
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import signal
from multiprocessing.connection import Connection
from typing import Any

from clap.errors import WorldError
from clap.worlds.robot.loopback.positions import ServedPositions

START_S, ANSWER_S = 60.0, 10.0

Json = dict[str, Any]


class LoopbackArm:
    """The served arm and table, in a process of its own. Raises WorldError if it cannot start.

    ``address`` is where a libfranka client finds it: the one that is asked for, as of a controller that starts again,
    or the first loopback address whose ports are free. ``positions()`` tells where everything is.
    """

    def __init__(self, task: str = "block_in_same_cup", seed: int = 0, address: str | None = None):
        context = multiprocessing.get_context("spawn")
        self.positions = ServedPositions()
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(task, seed, address, self.positions, theirs), daemon=True)
        self._process.start()
        theirs.close()
        answer = self._answer(START_S)
        self.address, self.instruction = str(answer["address"]), str(answer["instruction"])

    def ask(self, question: str, **arguments: float | str) -> Json:
        """One answer of the process; the questions are the functions of ``loopback_process``. Raises WorldError."""
        try:
            self._pipe.send_bytes(json.dumps({"ask": question, **arguments}).encode())
        except OSError as error:
            raise WorldError("The served arm's process has ended.") from error
        return self._answer(ANSWER_S)

    def reflex(self) -> None:
        """The arm stops itself, as if it had touched something."""
        self.ask("reflex")

    def silence(self, seconds: float) -> None:
        """The network is silent for so long."""
        self.ask("silence", seconds=seconds)

    def success(self) -> bool | None:
        """True if the physics of the served scene says that the instruction's goal holds."""
        answer = self.ask("success")["success"]
        return None if answer is None else bool(answer)

    def follow(self, instruction: str) -> bool:
        """Let ``success`` judge this instruction; False if it cannot."""
        return bool(self.ask("follow", instruction=instruction)["known"])

    def kill(self) -> None:
        """End the process at once, as a controller whose power is cut."""
        self._process.kill()
        self._process.join()
        self._pipe.close()

    def close(self) -> None:
        """End the process."""
        with contextlib.suppress(OSError):
            self._pipe.close()
        self._process.join(3.0)
        if self._process.is_alive():
            self.kill()

    def _answer(self, seconds: float) -> Json:
        try:
            if self._pipe.poll(seconds):
                answer: Json = json.loads(self._pipe.recv_bytes())
                return answer
        except (EOFError, OSError) as error:
            raise WorldError("The served arm's process has ended.") from error
        raise WorldError("The served arm does not answer.")


def _serve(task: str, seed: int, address: str | None, positions: ServedPositions, pipe: Connection) -> None:
    """The process: light enough to be named here, its imports come with it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    from clap.worlds.robot.loopback.process import serve

    serve(task, seed, address, positions, pipe)
