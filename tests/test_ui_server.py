"""The console's server: one link for the page, stop by two ways, and nothing for anybody else."""

from __future__ import annotations

import contextlib
import json
import struct
import time
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient, WebSocketTestSession
from starlette.websockets import WebSocketDisconnect

from clap.episode import Episode, EpisodeState
from tests.kinematic_world import KinematicWorld, TouchPolicy
from ui.messages import ConsoleInfo, PolicyChoice
from ui.server import make_app

ORIGIN = {"origin": "http://localhost"}
LINK = "ws://localhost/clap/ws"
INFO = ConsoleInfo("test table", False, (PolicyChoice("touch", True), PolicyChoice("CLAP", missing="not here")))


@pytest.fixture(scope="module")
def console() -> Iterator[tuple[Episode, TestClient]]:
    episode = Episode(lambda: KinematicWorld(tick_seconds=0.005), {"touch": TouchPolicy}, "touch")
    settle(episode)
    with TestClient(make_app(episode, INFO, "localhost"), base_url="http://localhost") as client:
        yield episode, client
    episode.close()


@pytest.fixture
def episode(console: tuple[Episode, TestClient]) -> Episode:
    """At rest in a fresh scene."""
    episode = console[0]
    settle(episode)
    episode.reset("touch", 0)
    settle(episode)
    return episode


@pytest.fixture
def client(console: tuple[Episode, TestClient], episode: Episode) -> TestClient:
    return console[1]


def settle(episode: Episode) -> None:
    episode.wait(lambda snapshot: not snapshot.state.busy, 10)


@contextlib.contextmanager
def page(client: TestClient) -> Iterator[WebSocketTestSession]:
    """A link as the page opens it."""
    token = client.post("/clap/session", headers=ORIGIN).json()["token"]
    with client.websocket_connect(LINK, headers=ORIGIN) as link:
        link.send_json({"type": "open", "token": token})
        yield link


def next_message(link: WebSocketTestSession, kind: str) -> dict[str, Any]:
    """The next message of a kind; binary ones are opened, their parts left aside."""
    while True:
        message = link.receive()
        if message["type"] == "websocket.close":
            raise AssertionError(f"closed while waiting for {kind!r}: {message}")
        if message.get("bytes") is not None:
            (length,) = struct.unpack_from("<I", message["bytes"])
            found = json.loads(message["bytes"][4 : 4 + length])
        else:
            found = json.loads(message["text"])
        if found["type"] == kind:
            return found


def status_where(link: WebSocketTestSession, **wanted: Any) -> dict[str, Any]:
    while True:
        status = next_message(link, "status")
        if all(status[key] == value for key, value in wanted.items()):
            return status


def test_the_page_and_its_files_are_served(client: TestClient) -> None:
    assert "/clap/static/console.js" in client.get("/").text
    for name in ("console.js", "console.css", "three/three.clap.min.js", "three/LICENSE"):
        answer = client.get(f"/clap/static/{name}")
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-cache"


def test_a_link_tells_the_tasks_the_state_and_the_scene(client: TestClient) -> None:
    with page(client) as link:
        hello = next_message(link, "hello")
        assert [task["key"] for task in hello["tasks"]] == ["touch"]
        assert [view["name"] for view in hello["views"]] == ["front", "left", "top"]
        assert hello["policies"][1]["missing"] == "not here"
        status = next_message(link, "status")
        assert status["state"] == "ready"
        assert status["examples"] == ["touch the block"]
        scene = next_message(link, "scene")
        assert 0 < scene["shown"] <= scene["points"]
        assert [name for name, _ in scene["parts"]][:4] == ["view0", "view1", "view2", "camera0"]


def test_commands_lead_through_an_instruction_to_its_end(client: TestClient) -> None:
    with page(client) as link:
        link.send_json({"type": "speed", "value": 0})
        link.send_json({"type": "plan", "instruction": "touch the block"})
        status_where(link, state="planned")
        done = 0
        while True:
            link.send_json({"type": "predict"})
            waiting = status_where(link, state="awaiting approval")
            assert waiting["prediction"]["step"].startswith("the robot ")
            assert waiting["verdict"]["decision"] == "allow"
            link.send_json({"type": "approve"})
            done += 1
            while (status := next_message(link, "status"))["state"] not in ("planned", "done"):
                pass
            if status["state"] == "done":
                break
        assert done == 4
        assert status["success"] is True
        assert {step["status"] for step in status["plan"]} == {"done"}


def test_what_was_seen_is_told_in_the_state_and_in_the_log(client: TestClient) -> None:
    with page(client) as link:
        assert next_message(link, "status")["seen"] is None
        link.send_json({"type": "plan", "instruction": "touch the block"})
        assert status_where(link, state="planned")["seen"] == "red block, red cup"
    with page(client) as link:
        told = [line["text"] for line in next_message(link, "log")["lines"]]
        assert "I see: red block, red cup." in told


def test_a_refused_instruction_is_told_with_its_reason_and_a_next_move(client: TestClient) -> None:
    with page(client) as link:
        link.send_json({"type": "plan", "instruction": "sing a song"})
        status = status_where(link, state="failed")
        assert status["failure"]["sentence"] == "That is not something the robot can do."
        assert status["hint"] == status["failure"]["next_move"]


@pytest.mark.parametrize("way", ["link", "http"])
def test_stop_halts_a_motion_at_once(client: TestClient, episode: Episode, way: str) -> None:
    with page(client) as link:
        next_message(link, "hello")
        episode.plan("touch the block")
        settle(episode)
        episode.predict()
        settle(episode)
        episode.approve()
        begun = time.perf_counter()
        if way == "link":
            link.send_json({"type": "stop", "id": 7})
            assert next_message(link, "stop-ack")["id"] == 7
        else:
            assert client.post("/clap/stop", headers=ORIGIN).json() == {"stopped": True}
        assert time.perf_counter() - begun < 0.5
        assert episode.snapshot().state is EpisodeState.STOPPED
        assert status_where(link, state="stopped")["steps_done"] == 0


def test_a_link_without_a_fresh_token_is_closed(client: TestClient) -> None:
    token = client.post("/clap/session", headers=ORIGIN).json()["token"]
    for first, refused in (({"type": "open", "token": token}, False), ({"type": "open", "token": token}, True)):
        with client.websocket_connect(LINK, headers=ORIGIN) as link:
            link.send_json(first)
            if refused:
                with pytest.raises(WebSocketDisconnect):
                    link.receive_json()
            else:
                assert link.receive_json()["type"] == "hello"


@pytest.mark.parametrize("first", ["", "[]", "{}", '{"type": "open"}', '{"type": "stop"}', "x" * 100_000])
def test_a_link_that_begins_with_anything_else_is_closed_and_moves_nothing(
    client: TestClient, episode: Episode, first: str
) -> None:
    with client.websocket_connect(LINK, headers=ORIGIN) as link:
        link.send_text(first)
        with pytest.raises(WebSocketDisconnect):
            link.receive_json()
    assert episode.snapshot().state is EpisodeState.READY


@pytest.mark.parametrize(
    "headers",
    [{}, {"origin": "http://evil.example"}, {"origin": "http://localhost:1"}, {**ORIGIN, "host": "evil.example"}],
)
def test_other_origins_and_hosts_get_no_link_no_token_and_no_stop(
    client: TestClient, episode: Episode, headers: dict[str, str]
) -> None:
    with pytest.raises(WebSocketDisconnect), client.websocket_connect(LINK, headers=headers):
        pass
    assert client.post("/clap/session", headers=headers).status_code == 403
    assert client.post("/clap/stop", headers=headers).status_code == 403
    assert episode.snapshot().state is EpisodeState.READY


def test_gradio_offers_no_function_and_takes_no_file(client: TestClient) -> None:
    info = client.get("/gradio_api/info").json()
    assert info["named_endpoints"] == {}
    assert info["unnamed_endpoints"] == {}
    refused = client.post("/gradio_api/upload", headers=ORIGIN, files={"files": ("a.txt", b"text")})
    assert refused.status_code == 403


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ({"type": "fly"}, "There is no command 'fly'"),
        ({"type": "plan"}, "instruction"),
        ({"type": "plan", "instruction": 7}, "instruction"),
        ({"type": "reset", "task": "juggle", "seed": 0, "condition": "none"}, "there are: touch"),
        ({"type": "reset", "task": "touch", "seed": -1, "condition": "none"}, "whole number"),
        ({"type": "reset", "task": "touch", "seed": True, "condition": "none"}, "whole number"),
        ({"type": "reset", "task": "touch", "seed": 0, "condition": "none", "variation": "x"}, "whole number"),
        ({"type": "speed", "value": "fast"}, "number"),
        ({"type": "policy", "name": "CLAP"}, "there are: touch"),
        ({"type": "__class__"}, "no command"),
    ],
)
def test_a_malformed_command_is_answered_with_a_sentence(
    client: TestClient, episode: Episode, command: dict[str, Any], said: str
) -> None:
    with page(client) as link:
        link.send_json(command)
        assert said in next_message(link, "refused")["sentence"]
    assert episode.snapshot().state is EpisodeState.READY
