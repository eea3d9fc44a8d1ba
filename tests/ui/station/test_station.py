"""A world in a process of its own: it stops at once, ends with its server, and comes back when it dies."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.kinematic_station import eventually, options, station
from ui.protocol import check
from ui.station.channel import KINDS, Frame
from ui.station.shared import PRESSED, Guard, Shared
from ui.station.station import Station

Json = dict[str, Any]
ROOT = Path(__file__).resolve().parents[3]


class Received:
    """Collects what a station tells."""

    def __init__(self, station: Station):
        self.frames: list[Frame] = []
        for frame in station.listen(self.frames.append):
            self.frames.append(frame)

    def kinds(self) -> set[str]:
        return {frame.kind for frame in self.frames}

    def status(self) -> Json:
        newest = [frame for frame in self.frames if frame.kind == "status"]
        found: Json = json.loads(newest[-1].payload) if newest else {"state": ""}
        return found

    def reaches(self, state: str) -> bool:
        return eventually(lambda: self.status()["state"] == state)

    def log(self) -> list[str]:
        lines = [json.loads(frame.payload)["lines"] for frame in self.frames if frame.kind == "log"]
        return [line["text"] for some in lines for line in some]


@pytest.fixture(scope="module")
def running() -> Iterator[Station]:
    with station(dead_man_s=0.4, tick_seconds=0.02) as made:
        yield made


@pytest.fixture
def received(running: Station) -> Received:
    """A fresh scene."""
    made = Received(running)
    running.stop()
    assert made.reaches("stopped")
    running.command(1, check({"type": "reset", "task": "touch", "seed": 0, "variation": None, "condition": "none"}))
    running.command(1, check({"type": "speed", "value": 1.0}))
    assert made.reaches("ready")
    return made


def begin_a_motion(running: Station, received: Received) -> None:
    running.command(1, check({"type": "plan", "instruction": "touch the block"}))
    assert received.reaches("planned")
    running.command(1, check({"type": "predict"}))
    assert received.reaches("awaiting approval")
    running.alive()
    running.command(1, check({"type": "approve"}))
    assert eventually(lambda: "pose" in received.kinds())


def test_a_station_tells_what_a_page_needs(running: Station, received: Received) -> None:
    assert {"hello", "status", "scene", "log"} <= {frame.kind for frame in running.known()}
    (hello,) = (json.loads(frame.payload) for frame in running.known() if frame.kind == "hello")
    assert hello["dead_man_s"] == 0.4
    assert hello["limits"]["linear"] > 0
    assert hello["abilities"] == ["faster-than-real-time", "move", "preview", "reset", "undo"]
    assert "starting" not in {frame.kind for frame in running.known()}, "what is over is not told to new pages"


@pytest.mark.parametrize("kind", KINDS)
def test_a_frame_comes_out_of_the_pipe_as_it_went_in(kind: str) -> None:
    frame = Frame(kind, b"\x00payload", page=7)
    assert Frame.unpack(frame.pack()) == frame


def test_stop_halts_a_motion_in_a_few_ticks(running: Station, received: Received) -> None:
    begin_a_motion(running, received)
    received.frames.clear()
    pressed = time.monotonic()
    number = running.stop()
    assert eventually(lambda: running.halted()[0] == number)
    assert 0 <= running.halted()[1] - pressed < 0.3
    assert received.reaches("stopped")
    assert received.status()["steps_done"] == 0
    assert eventually(lambda: any("was stopped" in line for line in received.log()))
    assert received.log().count("Stopped by the operator.") == 1


def test_a_motion_halts_when_the_operators_page_is_not_heard_any_more(running: Station, received: Received) -> None:
    begin_a_motion(running, received)
    assert received.reaches("stopped")
    status = received.status()
    assert "nothing was heard from it for 0.4 s" in status["failure"]["sentence"]
    assert status["hint"] == status["failure"]["next_move"]


def test_the_guard_lets_plans_go_on_when_the_page_is_lost_but_no_motion() -> None:
    shared = Shared()
    moving = [False]
    guard = Guard(shared, 0.1, lambda: moving[0])
    moving[0] = True
    assert guard.reason() is None, "nothing is watched before the first scene is set"
    guard.watched = True
    assert "page was lost" in str(guard.reason())
    moving[0] = False
    assert guard.reason() is None
    shared.keep_alive(10)
    moving[0] = True
    assert guard.reason() is None


def test_a_stop_holds_until_the_episode_knows_of_it() -> None:
    shared = Shared()
    guard = Guard(shared, 1.0, lambda: True)
    number = shared.button.press()
    assert guard.reason() == PRESSED
    guard.motion_halted(12.5)
    guard.motion_halted(99.0)
    assert shared.halted() == (number, 12.5)
    guard.acknowledge(number)
    assert guard.reason() is None


def test_a_world_that_cannot_start_says_why() -> None:
    failed = Station(options(refusal="The table has no legs."))
    ended: list[bool] = []
    failed.on_failed(lambda: ended.append(True))
    assert eventually(lambda: bool(ended), 60)
    assert failed.failure == "The table has no legs."
    assert not failed.up.is_set()
    failed.close()


def test_a_process_that_is_killed_while_it_starts_is_tried_once_more() -> None:
    made = Station(options())
    received, first = Received(made), made.pid
    kill(made)
    assert eventually(lambda: made.up.is_set(), 60)
    assert made.pid != first
    assert any("It is being started once more." in line for line in received.log())
    assert (made.failure, made.over) == ("", False)
    made.close()


def test_a_process_that_is_killed_twice_while_it_starts_is_given_up() -> None:
    made = Station(options())
    received, first, ended = Received(made), made.pid, list[bool]()
    made.on_failed(lambda: ended.append(True))
    kill(made)
    assert eventually(lambda: made.pid != first)
    kill(made)
    assert eventually(lambda: made.over)
    assert made.failure.startswith("The world's process ended twice while it was starting.")
    assert eventually(lambda: received.log()[-1] == made.failure)
    assert ended == [True]
    made.close()


def kill(station: Station) -> None:
    assert station.pid is not None
    os.kill(station.pid, signal.SIGKILL)


def test_a_world_that_dies_is_replaced_and_the_pages_are_told() -> None:
    with station() as made:
        received = Received(made)
        first = made.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        assert eventually(lambda: "world-lost" in received.kinds())
        assert "another one is being started" in received.log()[-1]
        made.stop()
        assert eventually(lambda: made.up.is_set() and made.pid != first, 60)
        assert {"hello", "status"} <= {frame.kind for frame in made.known()}
        assert "world-lost" not in {frame.kind for frame in made.known()}


SERVER = """
import sys, time
sys.path.insert(0, ".")
from ui.station.options import StationOptions
from ui.station.station import Station
import ui.server.app
station = Station(StationOptions("tests.support.kinematic_station:make"))
assert station.up.wait(60), station.failure
unwanted = ("torch", "mujoco", "numba", "clap.episode.episode", "clap.geometry.frames")
heavy = [name for name in unwanted if name in sys.modules]
print(station.pid, *heavy, flush=True)
time.sleep(60)
"""


def test_the_server_stays_light_and_its_station_ends_with_it_even_if_it_is_killed() -> None:
    server = subprocess.Popen([sys.executable, "-c", SERVER], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    pid, *heavy = server.stdout.readline().split()
    assert heavy == []
    assert Path(f"/proc/{pid}").exists()
    server.kill()
    server.wait()
    server.stdout.close()
    assert eventually(lambda: not alive(int(pid)), 15)


def alive(pid: int) -> bool:
    """True while a process runs; one that waits to be collected by its parent does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
