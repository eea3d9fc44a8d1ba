"""What runs in the served arm's process: a thousand ticks a second, and answers to what its owner asks."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from clap.process_priority import raise_priority
from clap.worlds.tabletop.graphics import choose_backend

choose_backend()

from clap.worlds.robot.loopback.positions import ServedPositions  # noqa: E402
from clap.worlds.robot.loopback.robot import ServedTable  # noqa: E402
from clap.worlds.robot.loopback.server import FaultyServer  # noqa: E402
from clap.worlds.tabletop.world import TabletopWorld  # noqa: E402

Json = dict[str, Any]

LISTEN_TICKS = 5


class Served:
    """The table, its server, and what may be asked of them: each method below is a question."""

    def __init__(self, task: str, seed: int, address: str | None):
        self.world = TabletopWorld()
        self.instruction = self.world.reset(task, seed)
        self.table = ServedTable(self.world)
        self.table.init()
        self.server = FaultyServer(self.table, address)
        self.server.init()
        self.table.start()
        self._began, self._ticks = time.monotonic(), 0

    def tick(self) -> None:
        """One millisecond."""
        self.server.serve_tick()
        self._ticks += 1

    def reflex(self) -> Json:
        """A reflex now."""
        self.server.inject()
        return {}

    def silence(self, seconds: float) -> Json:
        """No network for so long."""
        self.server.silence(seconds)
        return {}

    def follow(self, instruction: str) -> Json:
        """Judge this instruction from now on."""
        return {"known": self.world.follow(instruction)}

    def success(self) -> Json:
        """Whether the goal holds."""
        return {"success": self.world.success()}

    def scene(self) -> Json:
        """Where things are, world metres, and the tool."""
        points = {name: list(map(float, point)) for name, point in self.world.positions().items()}
        return {"positions": points, "tool": list(map(float, self.world.arm.pose().position))}

    def still_since(self, when: float) -> Json:
        """The last time, from ``when`` on, at which the client commanded a motion (time.monotonic)."""
        return {"at": self.table.robot.still_since(when)}

    def commanded(self) -> Json:
        """The tool positions that were commanded since this was last asked, their extremes, and the rate of ticks."""
        robot = self.table.robot
        moved = bool(np.isfinite(robot.lowest).all())
        answer = {
            "lowest": robot.lowest.tolist() if moved else None,
            "highest": robot.highest.tolist() if moved else None,
            "path": [point.tolist() for point in robot.path],
            "fastest": robot.fastest,
            "hertz": self._ticks / (time.monotonic() - self._began),
        }
        robot.forget()
        self._began, self._ticks = time.monotonic(), 0
        return answer


QUESTIONS = ("reflex", "silence", "follow", "success", "scene", "still_since", "commanded")


def serve(task: str, seed: int, address: str | None, positions: ServedPositions, pipe: Connection) -> None:
    """Serve until the pipe closes, at the first free loopback address if none is asked for."""
    raise_priority(apart=True)
    served = Served(task, seed, address)
    first = {
        "address": served.server.hostname,
        "instruction": served.instruction,
    }
    positions.set(served.world.data.qpos)
    pipe.send_bytes(json.dumps(first).encode())
    while True:
        try:
            if pipe.poll():
                asked = json.loads(pipe.recv_bytes())
                question: Callable[..., Json] = getattr(served, QUESTIONS[QUESTIONS.index(asked.pop("ask"))])
                pipe.send_bytes(json.dumps(question(**asked)).encode())
        except (EOFError, OSError):
            return
        for _ in range(LISTEN_TICKS):
            served.tick()
        positions.set(served.world.data.qpos)
