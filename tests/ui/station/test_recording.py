"""The recording in a station's process: takes one after the other, what a crash leaves, and unusable folders."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from clap.episode.snapshot import EpisodeState
from demos.frames import Outcome
from demos.store.schema import PRIVATE
from demos.store.store import DemonstrationStore
from tests.demos.store.test_disk import MEGABYTE, fill, mounted
from tests.support.kinematic_station import eventually, station
from tests.support.staged_episode import wait_for
from ui.protocol import check
from ui.station.options import NOT_RECORDING
from ui.station.outbox import Outbox
from ui.station.recording import Recording
from ui.station.station import Station

Json = dict[str, Any]
PAGE = 7


class Received:
    """Commands to a station, and what it tells of the recording."""

    def __init__(self, station: Station):
        self.station = station
        self.messages: list[Json] = []
        for frame in station.listen(self._note):
            self._note(frame)

    def _note(self, frame: object) -> None:
        if frame.kind in ("recording", "refused", "status", "log"):  # type: ignore[attr-defined]
            self.messages.append(json.loads(frame.payload))  # type: ignore[attr-defined]

    def send(self, verb: str, **values: object) -> None:
        self.station.alive()
        self.station.command(PAGE, check({"type": verb, **values}))

    def latest(self, kind: str) -> Json:
        found = [message for message in self.messages if message["type"] == kind]
        return found[-1] if found else {}

    @property
    def recording(self) -> Json:
        return self.latest("recording")

    def comes(self, state: str) -> Json:
        """Wait until the recording is in a state."""
        assert eventually(lambda: self.recording.get("state") == state, 20), self.recording
        return self.recording

    def refused(self) -> str:
        assert eventually(lambda: bool(self.latest("refused")))
        sentence = str(self.latest("refused")["sentence"])
        self.messages = [message for message in self.messages if message["type"] != "refused"]
        return sentence

    def log(self) -> list[str]:
        return [line["text"] for message in self.messages if message["type"] == "log" for line in message["lines"]]

    def scene(self, seed: int = 0) -> None:
        self.send("reset", task="touch", seed=seed, variation=None, condition="none")
        assert eventually(lambda: (self.latest("status")["state"], self.latest("status")["seed"]) == ("ready", seed))

    def step(self) -> None:
        """Carry out a step of the instruction."""
        for verb, values, state in (
            ("plan", {"instruction": "touch the block"}, "planned"),
            ("predict", {}, "awaiting approval"),
            ("approve", {}, "planned"),
        ):
            self.send(verb, **values)
            assert eventually(lambda state=state: self.latest("status")["state"] == state), self.latest("status")

    def begin(self, operator: str = "Ann", notes: str = "") -> Json:
        self.send("record-begin", operator=operator, notes=notes)
        return self.comes("recording")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demonstrations") / "set"


@pytest.fixture(scope="module")
def running(folder: Path) -> Iterator[Station]:
    with station(recordings=folder) as made:
        yield made


@pytest.fixture
def received(running: Station) -> Received:
    """A fresh scene, and nothing that is being recorded."""
    made = Received(running)
    if made.comes("idle" if not made.recording.get("take") else made.recording["state"])["state"] != "idle":
        made.send("record-discard")
        made.comes("idle")
    made.scene(seed=int(made.latest("status")["seed"] == 0))
    return made


def episodes(folder: Path) -> list[str]:
    with DemonstrationStore.open(folder, read_only=True) as looking:
        return [record.id for record in looking.episodes()]


def test_a_take_is_begun_filled_ended_and_kept_and_the_pages_are_told(received: Received, folder: Path) -> None:
    before = received.recording["episodes"]
    received.begin(notes="a touch")
    received.step()
    assert eventually(lambda: received.recording["take"]["frames"] > 2)
    received.send("record-mark")
    assert eventually(lambda: received.recording["take"]["marked"] == 1)
    received.send("record-end")
    take = received.comes("ended")["take"]
    assert take["ended"] == "", "the page knows that it was its own wish"
    assert (take["task"], take["operator"], take["source"]) == ("touch the block", "Ann", "policy")
    assert take["seconds"] == pytest.approx(take["frames"] / 20)
    assert take["keyframes"] >= 1 and take["bytes"] > 1000 and 0 < take["tick_ms"] <= take["worst_tick_ms"]
    received.send("record-commit", success=False, notes="it fell")
    last = received.comes("idle")["last"]
    assert (last["frames"], last["outcome"], last["number"]) == (take["frames"], "failure", before + 1)
    assert received.recording["note"].startswith(f"The take is kept as episode {before + 1}")
    assert eventually(lambda: any(line.startswith("The take is kept") for line in received.log()))
    with DemonstrationStore.open(folder, read_only=True) as looking:
        labels = looking.get(last["id"]).labels
    assert (labels.outcome, labels.info.operator, labels.info.notes) == (Outcome.FAILURE, "Ann", "a touch\nit fell")


def test_a_discarded_take_is_in_the_trash_and_not_in_the_set(received: Received, folder: Path) -> None:
    before = episodes(folder)
    received.begin()
    received.step()
    assert eventually(lambda: received.recording["take"]["frames"] > 0)
    received.send("record-discard")
    assert "trash" in received.comes("idle")["note"]
    assert episodes(folder) == before
    with DemonstrationStore.open(folder, read_only=True) as looking:
        assert looking.trash()[0].is_take


def test_a_new_scene_ends_the_recording_and_the_take_waits(received: Received) -> None:
    received.begin()
    received.step()
    received.scene(seed=received.latest("status")["seed"] + 5)
    assert "anew" in received.comes("ended")["take"]["ended"]
    assert eventually(lambda: any("waits to be kept or discarded" in line for line in received.log()))
    received.send("record-begin", operator="", notes="")
    assert "in progress" in received.refused()
    received.send("record-commit", success=None, notes="")
    assert received.comes("idle")["last"]["outcome"] == "unknown"


def test_what_does_not_fit_is_refused_with_a_sentence_to_its_page(received: Received) -> None:
    for verb, values in {
        "record-mark": {},
        "record-end": {},
        "record-discard": {},
        "record-commit": {"success": True, "notes": ""},
    }.items():
        received.send(verb, **values)
        assert received.refused() == "No take is being recorded. Begin one."
    received.send("record-resume", take="../../etc/passwd")
    assert "no unfinished take" in received.refused()
    received.begin()
    received.send("record-commit", success=True, notes="")
    assert "no frame yet" in received.refused()
    assert received.comes("ended")["take"]["frames"] == 0
    received.send("record-discard")
    received.comes("idle")


def test_a_take_that_a_crash_left_is_offered_and_kept(tmp_path: Path) -> None:
    with station(recordings=tmp_path / "set") as made:
        received = Received(made)
        received.comes("idle")
        received.begin("Ben")
        received.step()
        assert eventually(lambda: received.recording["take"]["frames"] > 5)
        threading.Event().wait(1.0)  # what is older than a second is on the disk
        frames = received.recording["take"]["frames"]
        assert made.pid is not None
        os.kill(made.pid, signal.SIGKILL)
        assert eventually(lambda: not made.up.is_set()) and made.up.wait(60)
        assert eventually(lambda: bool(received.recording.get("unfinished")), 20), received.recording
        (left,) = received.recording["unfinished"]
        assert (left["frames"], left["operator"], left["task"]) == (frames, "Ben", "touch the block")
        received.send("record-resume", take=left["id"])
        waiting = received.comes("ended")
        assert waiting["unfinished"] == [] and waiting["take"]["keyframes"] > 0
        assert waiting["take"]["ended"] == "It was interrupted."
        received.send("record-commit", success=True, notes="")
        assert received.comes("idle")["last"]["frames"] == frames
    with DemonstrationStore.open(tmp_path / "set") as store:
        (record,) = store.episodes()
        assert record.labels.recovered and store.report.clean


def test_a_console_that_ends_leaves_the_take_and_the_folder_to_the_next_one(tmp_path: Path) -> None:
    with station(recordings=tmp_path / "set") as made:
        received = Received(made)
        received.comes("idle")
        received.begin()
        received.step()
        assert eventually(lambda: received.recording["take"]["frames"] > 5)
    with DemonstrationStore.open(tmp_path / "set") as store:
        assert store.report.clean
        (left,) = store.unfinished()
        assert left.frames >= received.recording["take"]["frames"] > 5, "what was on its way is on the disk too"


def test_a_folder_that_another_console_writes_leaves_the_rest_working(tmp_path: Path) -> None:
    with DemonstrationStore.open(tmp_path / "set"), station(recordings=tmp_path / "set") as made:
        received = Received(made)
        sentence = received.comes("off")["sentence"]
        assert "open elsewhere. Close the other console" in sentence
        received.scene(seed=3)
        received.send("record-begin", operator="", notes="")
        assert received.refused().startswith("Recording is off: The demonstrations in")


# Without a process: what it does where it is made.


class Pages:
    """A recording whose messages go to a pipe that is read here."""

    def __init__(self, folder: Path | None):
        self.pipe, theirs = multiprocessing.Pipe()
        self.recording = Recording(folder, NOT_RECORDING, Outbox(theirs))

    def next(self, kind: str) -> Json:
        while self.pipe.poll(10):
            data = self.pipe.recv_bytes()
            message: Json = json.loads(data[data.index(b"{") :])
            if message["type"] == kind:
                return message
        raise AssertionError(f"no {kind} came")


def test_without_a_folder_it_says_how_to_have_one(staged) -> None:
    pages = Pages(None)
    pages.recording.follow(staged().episode)
    received = pages.next("recording")
    assert (received["state"], received["sentence"]) == ("off", NOT_RECORDING)
    pages.recording.close(5)


@pytest.mark.parametrize("obstacle", ["file", "foreign", "newer"])
def test_a_folder_that_cannot_be_used_is_explained(staged, tmp_path: Path, obstacle: str) -> None:
    place = tmp_path / "set"
    if obstacle == "file":
        place.write_text("not a folder")
    else:
        place.mkdir()
        (place / "holiday.jpg").write_bytes(b"")
    if obstacle == "newer":
        (place / PRIVATE).mkdir()
        (place / PRIVATE / "set.json").write_text('{"schema": 999}')
    pages = Pages(place)
    pages.recording.follow(staged().episode)
    while (received := pages.next("recording"))["state"] == "opening":
        pass
    assert received["sentence"].startswith("Recording is off: ")
    assert str(place) in received["sentence"]
    pages.recording.close(5)


def test_slow_work_on_files_holds_up_neither_the_asking_nor_a_failure_the_next_job(staged, tmp_path: Path) -> None:
    pages = Pages(tmp_path / "set")
    goes_on = threading.Event()
    pages.recording.follow(staged().ready("touch the block").episode)
    pages.recording.submit(PAGE, lambda: goes_on.wait(10) and 1 // 0)
    pages.recording.handle(PAGE, check({"type": "record-end"}))
    goes_on.set()
    assert "ZeroDivisionError" in pages.next("refused")["sentence"]
    assert "No take" in pages.next("refused")["sentence"]
    pages.recording.close(5)


def test_what_the_start_up_check_found_is_in_the_log(staged, tmp_path: Path) -> None:
    DemonstrationStore.open(tmp_path / "set").close()
    (tmp_path / "set" / PRIVATE / ".torn.part").write_bytes(b"half")
    pages = Pages(tmp_path / "set")
    one = staged()
    pages.recording._outbox.follow(one.episode)
    pages.recording.follow(one.episode)
    assert ".torn.part was only partly written" in pages.next("log")["lines"][0]["text"]
    pages.recording.close(5)


def test_a_disk_that_fills_ends_the_take_and_halts_the_arm_and_the_take_can_be_kept(
    staged, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = tmp_path / "disk"
    mounted(disk, 24)
    monkeypatch.setattr("demos.store.takes.ROOM_TO_BEGIN", 4 * MEGABYTE)
    pages = Pages(disk / "set")
    try:
        one = staged(tick_seconds=0.02).ready()
        pages.recording.follow(one.episode)
        while pages.next("recording")["state"] != "idle":
            pass
        pages.recording.handle(PAGE, check({"type": "record-begin", "operator": "", "notes": ""}))
        while pages.next("recording")["state"] != "recording":
            pass
        one.episode.run()
        wait_for(lambda: pages.recording._recorder.status().take.frames >= 5)
        ballast = fill(disk, 2_000_000)
        assert one.rest(EpisodeState.STOPPED).running is False
        halted = one.worlds[0].pose
        while (received := pages.next("recording"))["state"] != "ended":
            pass
        assert "disk is nearly full" in received["take"]["ended"]
        ballast.unlink()
        pages.recording.handle(PAGE, check({"type": "record-commit", "success": None, "notes": ""}))
        while (received := pages.next("recording"))["state"] != "idle":
            pass
        assert received["note"].startswith("The take is kept")
        assert one.worlds[0].pose is halted
        assert one.episode.run()
        one.rest(EpisodeState.DONE)
    finally:
        pages.recording.close(5)
        subprocess.run(["umount", "--lazy", disk], check=True)


def test_a_folder_that_vanishes_is_told_and_the_console_goes_on(staged, tmp_path: Path) -> None:
    pages = Pages(tmp_path / "set")
    pages.recording.follow(staged().ready("touch the block").episode)
    while pages.next("recording")["state"] != "idle":
        pass
    (tmp_path / "set").rename(tmp_path / "elsewhere")
    pages.recording.handle(PAGE, check({"type": "record-begin", "operator": "", "notes": ""}))
    assert str(tmp_path / "set") in pages.next("refused")["sentence"]
    (tmp_path / "elsewhere").rename(tmp_path / "set")
    pages.recording.handle(PAGE, check({"type": "record-begin", "operator": "", "notes": ""}))
    while pages.next("recording")["state"] != "recording":
        pass
    pages.recording.close(5)
