"""The Demonstrations panel's routes: what they tell of a set, and that they lead nowhere else."""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi import FastAPI
from PIL import Image
from starlette.testclient import TestClient

from demos.frames import Outcome, TakeInfo
from demos.store.schema import data_path
from demos.store.store import DemonstrationStore
from tests.support.console_page import console
from tests.support.demonstration_takes import record
from tests.support.kinematic_station import station
from ui.panels.review.desk import Desk
from ui.panels.review.listing import runs, speed
from ui.panels.review.routes import add_review_routes
from ui.server.access import Access
from ui.server.app import make_app
from ui.server.login import Credentials, Login
from ui.server.rooms import Rooms

LIST = "/clap/demonstrations"
OTHER = TakeInfo("open the drawer", operator="Dora", world="tabletop", seed=5)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("review") / "set"
    with DemonstrationStore.open(path) as store:
        record(store, 20)
        record(store, 14, OTHER)
        store.delete([record(store, 5).id])
    return path


@pytest.fixture(scope="module")
def client(folder: Path) -> Iterator[TestClient]:
    """One reader's process for all tests: it takes seconds to start."""
    app = FastAPI()
    add_review_routes(app, {"recordings": folder})
    with TestClient(app) as made:
        yield made


def listed(client: TestClient) -> dict[str, Any]:
    found: dict[str, Any] = client.get(LIST).json()["recordings"]
    return found


def address(entry: dict[str, Any], rest: str = "") -> str:
    return f"{LIST}/recordings/{entry['id']}{rest}?version={entry['version']}"


def test_the_list_tells_of_every_episode_and_of_the_trash(client: TestClient) -> None:
    found = listed(client)
    first = next(entry for entry in found["episodes"] if entry["frames"] == 20)
    assert (first["task"], first["outcome"], first["source"]) == ("put the red block in the cup", "success", "human")
    assert first["keyframes"] and first["notes"] == "a note" and first["operator"] == "test"
    assert {entry["task"] for entry in found["episodes"]} == {first["task"], OTHER.task}
    assert [entry["why"] for entry in found["trash"]] == ["It was deleted."]
    assert found["problems"] == []
    assert all(isinstance(entry["findings"], list) for entry in listed(client)["episodes"])


def test_a_list_that_is_known_is_not_sent_again_and_a_change_is_seen(client: TestClient, folder: Path) -> None:
    listed(client)
    first = client.get(LIST)
    tag = {"if-none-match": first.headers["etag"]}
    assert client.get(LIST, headers=tag).status_code == 304
    one = first.json()["recordings"]["episodes"][0]
    with DemonstrationStore.open(folder) as store:
        store.relabel(one["id"], outcome=Outcome.PARTIAL)
        again = client.get(LIST, headers=tag)
        changed = next(entry for entry in again.json()["recordings"]["episodes"] if entry["id"] == one["id"])
        assert changed["outcome"] == "partial" and changed["version"] != one["version"]
        store.relabel(one["id"], outcome=Outcome(one["outcome"]))


def test_an_episode_has_its_curves_steps_and_remarks(client: TestClient, folder: Path) -> None:
    entry = next(one for one in listed(client)["episodes"] if one["frames"] == 20)
    found = client.get(address(entry)).json()
    with DemonstrationStore.open(folder, read_only=True) as store:
        episode = store.read(entry["id"])
        assert found["gripper"] == pytest.approx(episode.state[:, 7].tolist(), abs=1e-3)
        assert np.array(found["poses"]) == pytest.approx(episode.state[:, :7], abs=1e-4)
    assert found["time"][0] == 0 and found["time"][-1] == pytest.approx(0.95)
    assert found["speed"][5] == pytest.approx(0.01 / 0.05, rel=0.01) and found["speed"][15] == 0
    assert found["steps"][:2] == [[0, "move to 0"], [4, "move to 1"]]
    assert found["sources"] == [[0, "human"]]
    assert found["cameras"] == ["front", "wrist"]
    assert all(finding["sentence"].endswith(".") for finding in found["findings"])


def test_a_film_strip_shows_the_keyframes_side_by_side(client: TestClient) -> None:
    entry = listed(client)["episodes"][0]
    answer = client.get(address(entry, "/film"))
    strip = Image.open(io.BytesIO(answer.content))
    assert (answer.headers["content-type"], strip.format, strip.height) == ("image/webp", "WEBP", 112)
    pictures = min(6, len({0, *entry["keyframes"]}))
    assert strip.width == pictures * 114 - 2
    assert "immutable" in answer.headers["cache-control"]


def test_a_frame_comes_in_the_form_of_the_live_scene(client: TestClient, folder: Path) -> None:
    entry = listed(client)["episodes"][0]
    answer = client.get(address(entry, "/frame/3"))
    (length,) = struct.unpack_from("<I", answer.content)
    header = json.loads(answer.content[4 : 4 + length])
    parts, at = {}, 4 + length
    for name, size in header["parts"]:
        parts[name] = answer.content[at : at + size]
        at += size
    assert (header["type"], header["cameras"], at) == ("scene", ["front", "wrist"], len(answer.content))
    assert Image.open(io.BytesIO(parts["view0"])).size == (224, 224)
    assert Image.open(io.BytesIO(parts["camera1"])).size == (24, 24)
    assert len(parts["positions"]) == 6 * header["shown"]


def test_what_has_changed_meanwhile_is_served_as_it_is_now_and_not_kept(client: TestClient) -> None:
    entry = {**listed(client)["episodes"][0], "version": "0" * 16}
    answer = client.get(address(entry))
    assert answer.status_code == 200 and answer.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    "hostile",
    [
        "/recordings/..%2F..%2Fsecret",
        "/recordings/%2e%2e/film",
        "/recordings/nothing-like-it",
        "/recordings/" + 65 * "a",
        "/recordings/x%00y",
        "/sample/20260101-000000-000000000",
        "/../../secret/x",
        "/recordings/{id}/frame/20",
        "/recordings/{id}/frame/-1",
        "/recordings/{id}/frame/1e3",
        "/recordings/{id}/frame/99999999",
        "/recordings/{id}/frame/0x1",
        "/recordings/{id}/other",
    ],
)
def test_nothing_that_a_request_says_leads_anywhere_else(client: TestClient, folder: Path, hostile: str) -> None:
    (folder.parent / "secret").write_text("a secret")
    entry = next(one for one in listed(client)["episodes"] if one["frames"] == 20)
    answer = client.get(LIST + hostile.format(id=entry["id"]))
    assert answer.status_code in (404, 422)
    assert b"a secret" not in answer.content


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_the_routes_only_read(client: TestClient, method: str) -> None:
    entry = listed(client)["episodes"][0]
    addresses = (LIST, address(entry), address(entry, "/film"), address(entry, "/frame/0"))
    assert {getattr(client, method)(one).status_code for one in addresses} == {405}


def test_a_damaged_episode_is_told_of_in_a_sentence_and_the_others_stay(tmp_path: Path) -> None:
    with DemonstrationStore.open(tmp_path / "set") as store:
        record(store, 12)
        slot = record(store, 12, OTHER).slot
    path = tmp_path / "set" / data_path(slot)
    path.write_bytes(path.read_bytes()[:-200])
    app = FastAPI()
    add_review_routes(app, {"recordings": tmp_path / "set", "sample": tmp_path / "none"})
    with TestClient(app) as client:
        found = client.get(LIST).json()
        assert [entry["task"] for entry in found["recordings"]["episodes"]] == ["put the red block in the cup"]
        assert "cut off" in found["recordings"]["problems"][0]
        assert found["sample"] == {"episodes": [], "trash": [], "problems": [], "unfinished": 0}


def test_a_reader_that_takes_too_long_or_dies_is_started_anew(folder: Path) -> None:
    app = FastAPI()
    add_review_routes(app, {"recordings": folder})
    desk = Desk({"recordings": folder}, patience_s=0.01)
    other = FastAPI()

    @other.get("/ask")
    async def ask() -> dict[str, Any]:
        answer = await desk.ask({"ask": "list", "sets": ["recordings"]})
        return {"status": answer.status, "body": json.loads(answer.body)}

    with TestClient(other) as client:
        late = client.get("/ask").json()
        assert late["status"] == 500 and "too long" in late["body"]["sentence"]
        desk._patience = 30.0
        assert client.get("/ask").json()["body"]["recordings"]["episodes"]
        assert desk._process is not None
        desk._process.kill()
        desk._process.join()
        assert client.get("/ask").json()["status"] == 200
    desk.close()


def test_nothing_is_served_without_the_login_or_to_another_host(folder: Path) -> None:
    access = Access("localhost")
    with station() as made:
        login = Login(Credentials.of("dora", "a long password"))
        app = make_app(Rooms(made, lambda: made, access), access, login, None, folder)
        with TestClient(app, base_url="http://localhost") as client:
            addresses = (LIST, f"{LIST}-export?set=recordings&format=lerobot", f"{LIST}-export/x")
            assert {client.get(one).status_code for one in addresses} == {401}
        with TestClient(console(made), base_url="http://localhost") as client:
            assert client.get(LIST, headers={"host": "evil.example"}).status_code == 403


def test_runs_and_speed() -> None:
    assert runs(["a", "a", "b", "a"]) == [[0, "a"], [2, "b"], [3, "a"]]
    places = np.array([[0, 0, 0], [0.1, 0, 0], [0.1, 0, 0.2]])
    assert speed(places, np.array([0.0, 0.5, 0.5])).tolist() == pytest.approx([0, 0.2, 0])
