"""Edits of demonstrations by commands to a station: what each does, that it can be undone, and when it is refused."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from demos.store.store import DemonstrationStore
from tests.support.console_page import console, opened
from tests.support.demonstration_takes import INFO, record
from tests.support.kinematic_station import eventually, station
from ui.panels.review.transfers import export
from ui.protocol import BadCommandError, check
from ui.station.station import Station

PAGE = 7


class Editor:
    """A page that edits, as the station sees it."""

    def __init__(self, made: Station, folder: Path):
        self.station, self.folder = made, folder
        self._ids = itertools.count(1)
        self.received: list[dict[str, Any]] = []
        made.listen(lambda frame: self.received.append(json.loads(frame.payload)) if "review" in frame.kind else None)

    def do(self, verb: str, **fields: Any) -> dict[str, Any]:
        """The answer to a command that the server has checked."""
        number = next(self._ids)
        self.station.command(PAGE, check({"type": f"demo-{verb}", "id": number, **fields}))
        answers: list[dict[str, Any]] = []

        def has_come() -> bool:
            answers[:] = [one for one in self.received if one["type"] == "review-done" and one["id"] == number]
            return bool(answers)

        assert eventually(has_come, 30), self.received
        return answers[0]

    def well(self, verb: str, **fields: Any) -> list[str]:
        answer = self.do(verb, **fields)
        assert answer["ok"], answer
        made: list[str] = answer["made"]
        return made

    def look(self) -> DemonstrationStore:
        return DemonstrationStore.open(self.folder, read_only=True)

    @property
    def undo(self) -> str | None:
        """What the pages are told could be undone."""
        found: str | None = [one for one in self.received if one["type"] == "review"][-1]["undo"]
        return found


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Editor]:
    folder = tmp_path_factory.mktemp("editing") / "set"
    with DemonstrationStore.open(folder) as store:
        record(store, 20)
    with station(recordings=folder) as made:
        editor = Editor(made, folder)
        assert eventually(lambda: editor.do("undo")["sentence"].startswith("There is no edit"), 30)
        yield editor


@pytest.fixture
def editor(shared: Editor) -> Iterator[Editor]:
    """Whatever a test does to the only demonstration is undone."""
    yield shared
    while shared.do("undo")["ok"]:
        pass
    with shared.look() as store:
        assert [(one.length, one.task) for one in store.episodes()] == [(20, INFO.task)]


def only(editor: Editor) -> str:
    with editor.look() as store:
        (one,) = store.episodes()
        return one.id


def test_labels_are_changed_and_taken_back(editor: Editor) -> None:
    one = only(editor)
    editor.well("label", episode=one, task="another task", outcome="failure", notes="dropped")
    with editor.look() as store:
        labels = store.get(one).labels
    assert (labels.info.task, labels.outcome.value, labels.info.notes) == ("another task", "failure", "dropped")
    assert editor.undo == "The labels were changed."
    editor.well("undo")
    with editor.look() as store:
        assert store.get(one).labels.info.notes == "a note"
    assert eventually(lambda: editor.undo is None)


def test_keyframes_and_steps_are_changed_and_taken_back(editor: Editor) -> None:
    one = only(editor)
    with editor.look() as store:
        keyframes, steps = store.get(one).labels.keyframes, store.read(one).steps
    editor.well("keyframes", episode=one, frames=[2, 9, 19])
    editor.well("step", episode=one, start=3, stop=10, text="take it")
    with editor.look() as store:
        assert list(store.read(one).keyframes) == [2, 9, 19]
        assert store.read(one).steps[2:11] == [steps[2], *["take it"] * 7, steps[10]]
    editor.well("undo")
    editor.well("undo")
    with editor.look() as store:
        assert (store.get(one).labels.keyframes, store.read(one).steps) == (keyframes, steps)


def test_a_trim_keeps_the_whole_take_in_the_trash_until_it_is_undone(editor: Editor) -> None:
    one = only(editor)
    (kept,) = editor.well("trim", episode=one, start=4, stop=15)
    with editor.look() as store:
        assert [(entry.id, entry.length) for entry in store.episodes()] == [(kept, 11)]
        assert [entry.id for entry in store.trash()] == [one]
    editor.well("undo")
    with editor.look() as store:
        assert [entry.id for entry in store.episodes()] == [one] and store.trash() == ()


def test_a_split_makes_two_and_undo_makes_one_of_them_again(editor: Editor) -> None:
    one = only(editor)
    made = editor.well("split", episode=one, frame=8)
    with editor.look() as store:
        assert [(entry.id, entry.length) for entry in store.episodes()] == [(made[0], 8), (made[1], 12)]
    editor.well("undo")
    assert only(editor) == one


def test_what_is_deleted_is_restored_by_undo_or_from_the_trash(editor: Editor) -> None:
    one = only(editor)
    editor.well("delete", episodes=[one])
    editor.well("undo")
    editor.well("delete", episodes=[one])
    editor.well("restore", episodes=[one])
    assert only(editor) == one


def test_the_sample_is_not_copied_beside_takes_of_another_shape(editor: Editor) -> None:
    answer = editor.do("copy-sample")
    assert not answer["ok"] and "cameras" in answer["sentence"]


@pytest.mark.parametrize(
    ("verb", "fields", "sentence"),
    [
        ("label", {"episode": "x", "task": "t"}, "There is no episode"),
        ("label", {"episode": "{id}", "task": "  "}, "A demonstration needs the instruction"),
        ("trim", {"episode": "{id}", "start": 5, "stop": 5}, "The episode has the frames 0 to 19"),
        ("trim", {"episode": "{id}", "start": 0, "stop": 21}, "The episode has the frames 0 to 19"),
        ("split", {"episode": "{id}", "frame": 0}, "The episode has the frames 0 to 19"),
        ("split", {"episode": "../../x", "frame": 1}, "There is no episode"),
        ("step", {"episode": "{id}", "start": 9, "stop": 40, "text": "x"}, "The episode has the frames"),
        ("keyframes", {"episode": "{id}", "frames": [3, 20]}, "The episode has the frames"),
        ("delete", {"episodes": []}, "No demonstration is chosen"),
        ("delete", {"episodes": ["{id}", "x"]}, "There is no episode"),
        ("restore", {"episodes": ["../set"]}, "There is no"),
        (
            "replay",
            {"episode": "{id}", "set": "recordings", "every_frame": False},
            "It was recorded in the world “none”",
        ),
    ],
)
def test_what_cannot_be_is_refused_with_a_sentence_and_changes_nothing(
    editor: Editor, verb: str, fields: dict[str, Any], sentence: str
) -> None:
    one = only(editor)
    text = json.dumps(fields).replace("{id}", one)
    answer = editor.do(verb, **json.loads(text))
    assert not answer["ok"] and answer["sentence"].startswith(sentence), answer
    assert only(editor) == one


@pytest.mark.parametrize(
    "message",
    [
        {"type": "demo-import", "id": 1, "folder": "/"},
        {"type": "demo-keyframes", "id": 1, "episode": "x", "frames": [1.5]},
        {"type": "demo-keyframes", "id": 1, "episode": "x", "frames": [True]},
        {"type": "demo-keyframes", "id": 1, "episode": "x", "frames": list(range(1001))},
        {"type": "demo-label", "id": 1, "episode": "x", "outcome": "great"},
        {"type": "demo-delete", "id": 1, "episodes": "x"},
        {"type": "demo-trim", "id": -1, "episode": "x", "start": 0, "stop": 1},
        {"type": "demo-trim", "id": 1, "episode": 65 * "x", "start": 0, "stop": 1},
        {"type": "demo-replay", "id": 1, "episode": "x", "set": "../x", "every_frame": False},
        {"type": "demo-replay", "id": 1, "episode": "x", "set": "sample", "every_frame": "yes"},
    ],
)
def test_malformed_commands_do_not_get_to_the_station(message: dict[str, Any]) -> None:
    with pytest.raises(BadCommandError):
        check(message)


def test_nothing_is_edited_while_the_arm_moves_or_a_take_is_recorded(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    with DemonstrationStore.open(folder) as store:
        one = record(store, 12).id
    with station(recordings=folder, tick_seconds=0.05) as made:
        editor = Editor(made, folder)
        status: list[dict[str, Any]] = []
        made.listen(lambda frame: status.append(json.loads(frame.payload)) if frame.kind == "status" else None)
        made.alive()
        made.command(PAGE, check({"type": "drive", "on": True}))
        assert eventually(lambda: bool(status) and status[-1]["state"] == "driving")
        assert editor.do("delete", episodes=[one])["sentence"].startswith("The arm is moving.")
        made.command(PAGE, check({"type": "drive", "on": False}))
        assert eventually(lambda: status[-1]["state"] == "ready")
        made.command(PAGE, check({"type": "record-begin", "operator": "", "notes": ""}))
        assert editor.do("delete", episodes=[one])["sentence"].startswith("A take is being recorded.")
        made.command(PAGE, check({"type": "record-discard"}))
        assert editor.do("delete", episodes=[one])["ok"]
        assert "are free again" in editor.do("empty-trash")["sentence"]
        assert editor.do("undo")["sentence"].startswith("There is no edit")
        with editor.look() as store:
            assert store.episodes() == () and store.trash() == ()


def test_an_upload_of_the_operators_page_is_taken_in(tmp_path: Path) -> None:
    with DemonstrationStore.open(tmp_path / "theirs") as store:
        theirs = record(store, 12).id
        (tmp_path / "out").mkdir()
        content = export(store, [], "lerobot", tmp_path / "out").read_bytes()
    folder = tmp_path / "set"
    with (
        station(recordings=folder) as made,
        TestClient(console(made, recordings=folder), base_url="http://localhost") as client,
        opened(client) as operator,
    ):
        headers = {"origin": "http://localhost", "x-clap-seat": operator.next("lease")["seat"]}
        for number, sentence in ((1, "1 demonstration was imported."), (2, "All that the file holds")):
            answer = client.post(f"/clap/demonstrations-import?id={number}", headers=headers, content=content)
            assert (answer.status_code, answer.json()) == (202, {"episodes": 1})
            done = operator.next("review-done")
            assert done["id"] == number and done["sentence"].startswith(sentence)
        refused = client.post("/clap/demonstrations-import?id=3", headers=headers, content=b"no archive")
        assert refused.status_code == 422 and "no zip file" in refused.json()["sentence"]
        found = client.get("/clap/demonstrations").json()["recordings"]["episodes"]
        assert [entry["id"] for entry in found] == [theirs]


def test_only_the_operators_page_edits_or_imports(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    with DemonstrationStore.open(folder) as store:
        one = record(store, 12).id
    with (
        station(recordings=folder) as made,
        TestClient(console(made, recordings=folder), base_url="http://localhost") as client,
        opened(client) as operator,
        opened(client) as watcher,
    ):
        operator.next("lease")
        seat = watcher.next("lease")["seat"]
        watcher.send("demo-delete", id=1, episodes=[one])
        assert "operates now" in watcher.refused()
        headers = {"origin": "http://localhost", "x-clap-seat": seat}
        answer = client.post("/clap/demonstrations-import?id=1", headers=headers, content=b"x")
        assert answer.status_code == 403 and "operates now" in answer.json()["sentence"]
        headers = {"origin": "http://evil.example", "x-clap-seat": seat}
        assert client.post("/clap/demonstrations-import?id=1", headers=headers, content=b"x").status_code == 403
        assert client.post("/clap/demonstrations-import?id=1", content=b"x").status_code == 403
        with DemonstrationStore.open(folder, read_only=True) as store:
            assert store.get(one).length == 12
