"""The Calibration panel's side of a station: what it tells the pages, and when it refuses."""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pyrealsense2", reason="librealsense is part of requirements-robot.txt")

from clap.episode.episode import Episode
from clap.episode.snapshot import EpisodeState
from tests.support.calibration_cell import Cell
from tests.support.kinematic_station import eventually
from tests.support.kinematic_world import KinematicWorld, TouchPolicy
from ui.protocol import check
from ui.station.calibrating import Calibrating
from ui.station.channel import Frame
from ui.station.outbox import Outbox
from ui.station.recording import Recording

CAMERA = "front"


class Desk:
    """A station's calibration beside an episode, and what its pages hear."""

    def __init__(self, folder: Path):
        ours, theirs = multiprocessing.Pipe()
        self.pipe, outbox = ours, Outbox(theirs)
        self.cell = Cell(folder)
        self.episode = Episode(KinematicWorld, {"touch": TouchPolicy}, "touch")
        self.calibrating = Calibrating(Recording(None, "off", outbox), outbox)
        self.heard: list[Frame] = []

    def follow(self) -> None:
        self.calibrating.follow(self.episode, self.cell.bench)

    def ask(self, verb: str, camera: str = CAMERA, **fields: str) -> None:
        self.calibrating.handle(7, check({"type": f"calibrate-{verb}", "camera": camera, **fields}))

    def hears(self, kind: str, word: str = "") -> Frame:
        """The next frame of this kind that has the word in it; what came before is kept."""
        while True:
            assert self.pipe.poll(20), f"no {kind} with {word!r} among {[frame.kind for frame in self.heard]}"
            frame = Frame.unpack(self.pipe.recv_bytes())
            self.heard.append(frame)
            if frame.kind == kind and word.encode() in frame.payload:
                return frame

    def state(self, word: str = "") -> dict[str, Any]:
        received: dict[str, Any] = json.loads(self.hears("calibration", word).payload)
        return received

    def close(self) -> None:
        self.episode.close()
        self.cell.close()
        self.pipe.close()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.close()


def test_a_world_without_cameras_of_its_own_refuses(desk: Desk) -> None:
    desk.calibrating.follow(desk.episode, None)
    desk.ask("sample")
    refused = desk.hears("refused", "no cameras of its own")
    assert refused.page == 7


def test_pages_are_told_how_it_stands_and_shown_the_picture_while_it_is_asked_for(desk: Desk) -> None:
    desk.follow()
    received = desk.state()
    assert (
        received["cameras"] == [CAMERA]
        and received["warns"]
        and received["samples"] == []
        and received["result"] is None
    )
    desk.ask("look")
    desk.hears("board", "The board is not seen")
    desk.ask("sample")
    desk.hears("refused", "out of view")
    desk.cell.stand(0)
    desk.hears("board", "24 of 24 corners")
    desk.ask("sample")
    assert [sample["corners"] for sample in desk.state('"corners"')["samples"]] == [24]
    desk.ask("solve")
    desk.hears("refused", "at least 8 are needed")
    desk.ask("remove", sample="000.png")
    assert desk.state('"samples":[]')["result"] is None
    desk.ask("remove", sample="../000.png")
    desk.hears("refused", "There is no sample")
    desk.ask("look", camera="no-such-camera")
    desk.hears("refused", "There is no camera")
    desk.ask("clear")
    desk.hears("board")  # it goes on after all of that


def test_nothing_is_saved_while_a_step_is_predicted_by_the_calibration_so_far(desk: Desk) -> None:
    desk.follow()
    episode = desk.episode
    episode.wait(lambda now: now.state is EpisodeState.READY)
    episode.reset("touch", 0)
    episode.wait(lambda now: now.state is EpisodeState.READY and now.task == "touch")
    episode.plan("touch the block")
    episode.wait(lambda now: now.state is EpisodeState.PLANNED)
    desk.ask("save")
    desk.hears("refused", "Press Calibrate first")
    episode.predict()
    episode.wait(lambda now: now.state is EpisodeState.AWAITING)
    desk.ask("save")
    desk.hears("refused", "by the calibration so far")


def test_what_is_asked_for_faster_than_it_is_done_is_refused_at_once(desk: Desk) -> None:
    desk.follow()
    desk.cell.fed.silent.set()  # the next sample waits for a picture that does not come
    for _ in range(8):
        desk.ask("sample")
    desk.hears("refused", "The calibration is busy")
    desk.cell.fed.silent.clear()
    assert eventually(lambda: desk.calibrating._jobs.empty())


def test_pages_that_look_never_keep_a_button_from_being_heard(desk: Desk) -> None:
    desk.follow()
    desk.cell.fed.silent.set()
    desk.ask("sample")
    assert eventually(lambda: desk.calibrating._jobs.empty())
    for _ in range(8):
        desk.ask("look")
    desk.ask("remove", sample="../000.png")
    desk.cell.fed.silent.clear()
    desk.hears("refused", "There is no sample")
