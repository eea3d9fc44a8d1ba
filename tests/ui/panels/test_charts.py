"""The routes of the Evaluation and Training panels: what they serve, and that they lead nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from tests.support.console_page import console
from tests.support.evaluation_files import write_evaluation
from tests.support.kinematic_station import station
from ui.panels.results.routes import add_routes
from ui.server.access import Access
from ui.server.app import make_app
from ui.server.login import Credentials, Login
from ui.server.rooms import Rooms

ADDRESSES = (
    "/clap/evaluation",
    "/clap/evaluation/film/0?run=checkpoint-evaluation",
    "/clap/training",
    "/clap/plotly.js",
)


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    folder = tmp_path / "clap-test"
    folder.mkdir()
    write_evaluation(folder / "evaluation.json")
    return folder


@pytest.fixture
def client(checkpoint: Path) -> TestClient:
    app = FastAPI()
    add_routes(app, checkpoint, checkpoint.parent / "no report")
    return TestClient(app)


def test_the_panels_are_of_the_checkpoint_that_the_console_was_started_with(checkpoint: Path) -> None:
    with station() as made, TestClient(console(made, checkpoint), base_url="http://localhost") as client:
        assert client.get("/clap/evaluation").json()["checkpoint"] == checkpoint.name
        assert client.get("/clap/training").json()["checkpoint"] == checkpoint.name
        assert client.get("/clap/evaluation", headers={"host": "evil.example"}).status_code >= 400


def test_nothing_of_the_panels_is_served_without_the_login(checkpoint: Path) -> None:
    access = Access("localhost")
    with station() as made:
        login = Login(Credentials.of("dora", "a long password"))
        app = make_app(Rooms(made, lambda: made, access), access, login, checkpoint)
        with TestClient(app, base_url="http://localhost") as client:
            assert {client.get(address).status_code for address in ADDRESSES} == {401}


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_the_routes_only_read(client: TestClient, method: str) -> None:
    assert {getattr(client, method)(address).status_code for address in ADDRESSES} == {405}


def test_the_script_that_draws_is_served(client: TestClient) -> None:
    script = client.get("/clap/plotly.js")
    assert script.headers["content-type"].startswith("text/javascript")
    assert b"plotly.js" in script.content[:200]


def test_a_film_strip_is_served_by_its_number(client: TestClient) -> None:
    film = client.get("/clap/evaluation/film/0", params={"run": "checkpoint-evaluation"})
    assert film.headers["content-type"] == "image/webp"
    assert film.content[:4] == b"RIFF"


@pytest.mark.parametrize(
    ("number", "run"),
    [
        ("0", "checkpoint-other"),
        ("0", "../../secret"),
        ("0", "checkpoint-../secret"),
        ("999", "checkpoint-evaluation"),
        ("-1", "checkpoint-evaluation"),
        ("..%2F..%2Fsecret", "checkpoint-evaluation"),
        ("1e3", "checkpoint-evaluation"),
    ],
)
def test_no_other_file_is_served(client: TestClient, checkpoint: Path, number: str, run: str) -> None:
    (checkpoint.parent / "secret.webp").write_bytes(b"RIFF secret")
    answer = client.get(f"/clap/evaluation/film/{number}", params={"run": run})
    assert answer.status_code in (404, 422)
    assert b"secret" not in answer.content or b"RIFF" not in answer.content


def test_a_record_cannot_name_a_file_outside_of_the_folder_of_film_strips(client: TestClient, checkpoint: Path) -> None:
    (checkpoint.parent / "secret.webp").write_bytes(b"RIFF secret")
    (checkpoint / "evaluation.strips" / "clap-abc123abc123-four-on-..").mkdir()
    records = checkpoint / "evaluation.jsonl"
    summary = checkpoint / "evaluation.json"
    name = "/../../../secret"
    for path in (records, summary):
        path.write_text(path.read_text("utf-8").replace('"open_drawer"', f'"..{name}"'), "utf-8")
    found = client.get("/clap/evaluation").json()
    films = [film for section in found["sections"] for film in section.get("films", [])]
    answers = [client.get(film["src"]) for film in films]
    assert all(b"secret" not in answer.content for answer in answers)
    assert all(answer.status_code in (200, 404) for answer in answers)
    assert any(answer.status_code == 200 for answer in answers)
