"""The console's server: one link for each page, stop by three ways, and nothing for anybody else."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from tests.support.console_page import LINK, ORIGIN, Page, console, gradio_stop, opened, stop_event, token
from tests.support.kinematic_station import station


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with station() as made, TestClient(console(made), base_url="http://localhost") as client:
        yield client


@pytest.fixture
def page(client: TestClient) -> Iterator[Page]:
    """A page that operates, on a fresh scene."""
    with opened(client) as page:
        page.reset()
        yield page


def test_the_page_and_its_files_are_served(client: TestClient) -> None:
    assert "/clap/static/console.js" in client.get("/").text
    for name in ("console.js", "live/link.js", "three/three.clap.min.js", "three/LICENSE"):
        answer = client.get(f"/clap/static/{name}")
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-cache"


def test_a_link_tells_the_tasks_the_state_and_the_scene(page: Page, client: TestClient) -> None:
    with opened(client) as other:
        hello = other.next("hello")
        assert [task["key"] for task in hello["tasks"]] == ["touch"]
        assert [view["name"] for view in hello["views"]] == ["front", "left", "top"]
        assert hello["policies"][1]["missing"] == "not here"
        status = other.next("status")
        assert status["state"] == "ready"
        assert status["examples"] == ["touch the block"]
        assert [frame["camera"] for frame in status["frames"]] == ["top"]
        assert 0 <= status["frames"][0]["age"] < 60
        scene = other.next("scene")
        assert 0 < scene["shown"] <= scene["points"]
        assert [name for name, _ in scene["parts"]][:4] == ["view0", "view1", "view2", "camera0"]


def test_commands_lead_through_an_instruction_to_its_end(page: Page) -> None:
    page.send("speed", value=0)
    page.send("plan", instruction="touch the block")
    page.settled("planned")
    done = 0
    while True:
        page.send("predict")
        waiting = page.settled("awaiting approval")
        assert waiting["prediction"]["step"].startswith("the robot ")
        assert waiting["verdict"]["decision"] == "allow"
        assert not any(waiting["preconditions"][verb] for verb in ("approve", "redo", "skip", "target", "edit-plan"))
        page.send("approve")
        done += 1
        while (status := page.next("status"))["state"] not in ("planned", "done"):
            pass
        if status["state"] == "done":
            break
    assert done == 4
    assert status["success"] is True
    assert {step["status"] for step in status["plan"]} == {"done"}
    assert status["undo"] > 0


def test_what_was_seen_is_told_in_the_state_and_in_the_log(page: Page, client: TestClient) -> None:
    page.send("plan", instruction="touch the block")
    assert page.settled("planned")["detected_objects"] == "red block, red cup"
    with opened(client) as other:
        told = [line["text"] for line in other.next("log")["lines"]]
        assert "Detected: red block, red cup." in told


def test_a_refused_instruction_is_told_with_its_reason_and_a_next_move(page: Page) -> None:
    page.send("plan", instruction="sing a song")
    status = page.settled("failed")
    assert status["failure"]["sentence"] == "That is not something the robot can do."
    assert status["hint"] == status["failure"]["next_move"]


def begin_a_motion(page: Page) -> None:
    page.send("speed", value=1)
    page.send("plan", instruction="touch the block")
    page.settled("planned")
    page.send("predict")
    page.settled("awaiting approval")
    page.send("approve")
    page.next("pose")


@pytest.mark.parametrize("way", ["link", "http"])
def test_stop_halts_a_motion_at_once(client: TestClient, page: Page, way: str) -> None:
    begin_a_motion(page)
    begun = time.perf_counter()
    if way == "link":
        page.send("stop", id=7)
        assert page.next("stop-ack")["id"] == 7
    else:
        assert client.post("/clap/stop", headers=ORIGIN).json() == {"stopped": True}
    assert time.perf_counter() - begun < 0.5
    assert page.status_where(state="stopped")["steps_done"] == 0


def test_gradios_own_event_is_a_third_way_to_stop(client: TestClient, page: Page) -> None:
    page.send("drive", on=True)
    page.status_where(state="driving")
    assert int(gradio_stop(client, stop_event(client))["data"][0]) > 0
    page.status_where(state="stopped")


def test_anyone_who_watches_may_stop(page: Page, client: TestClient) -> None:
    with opened(client) as watcher:
        assert watcher.next("lease")["mine"] is False
        begin_a_motion(page)
        watcher.send("stop", id=1)
        watcher.next("stop-ack")
        assert watcher.status_where(state="stopped")["steps_done"] == 0


def test_the_arm_is_driven_and_every_jog_is_answered(page: Page) -> None:
    page.send("drive", on=True)
    page.status_where(state="driving")
    for seq in range(20):
        page.send("jog", seq=seq, linear=[0, 0, -0.5], angular=[0, 0, 0], gripper=None, slow=False)
        answer = page.next("jog-ack")
        assert (answer["seq"], answer["applied"]) == (seq, True)
    page.send("drive", on=False)
    assert page.status_where(driving=False, busy=False)["state"] in ("ready", "planned")
    page.send("jog", seq=99, linear=[0, 0, -0.5], angular=[0, 0, 0], gripper=None, slow=False)
    assert page.next("jog-ack")["applied"] is False


def test_a_page_that_is_handed_the_controls_operates(page: Page, client: TestClient) -> None:
    with opened(client) as other:
        you = other.next("lease")["you"]
        other.send("name", name="Grace")
        other.send("lease", action="request")
        while not (requests := page.next("lease")["requests"]):
            pass
        assert requests[0]["name"] == "Grace"
        page.send("lease", action="grant", to=you)
        while not other.next("lease")["mine"]:
            pass
        page.send("home")
        assert "Grace operates now" in page.refused()
        other.send("plan", instruction="touch the block")
        other.settled("planned")
        other.send("lease", action="release")
        page.send("lease", action="take")
        while not page.next("lease")["mine"]:
            pass


def test_a_lost_page_comes_back_to_its_seat(client: TestClient) -> None:
    with client.websocket_connect(LINK, headers=ORIGIN) as link:
        link.send_json({"type": "open", "token": token(client)})
        lease = Page(link).next("lease")
        link.close(1006)
    with opened(client) as newcomer:
        assert newcomer.next("lease")["mine"] is False
        with opened(client, seat=lease["seat"]) as back:
            again = back.next("lease")
            assert again["you"] == lease["you"]
            assert again["mine"] is True


def test_the_same_seat_opened_twice_closes_the_older_link(client: TestClient) -> None:
    with opened(client) as first:
        seat = first.next("lease")["seat"]
        with opened(client, seat=seat) as second:
            assert second.next("lease")["mine"] is True
            with pytest.raises(AssertionError, match="closed"):
                first.next("never")


def test_a_link_without_a_fresh_token_is_closed(client: TestClient) -> None:
    known = token(client)
    for refused in (False, True):
        with client.websocket_connect(LINK, headers=ORIGIN) as link:
            link.send_json({"type": "open", "token": known})
            if refused:
                with pytest.raises(WebSocketDisconnect):
                    link.receive_json()
            else:
                assert Page(link).next("hello")["world"] == "test table"


@pytest.mark.parametrize("kind", ["text", "number", "list"])
def test_only_numbers_come_back_in_answers(page: Page, kind: str) -> None:
    sent: Any = {"text": "<b>", "number": 3.5, "list": [1]}[kind]
    page.send("ping", t=sent)
    assert page.next("pong")["t"] == (3.5 if kind == "number" else None)


def test_a_page_that_is_not_seen_gets_its_pictures_when_it_is(page: Page, client: TestClient) -> None:
    with opened(client) as other:
        before = other.next("scene")["seq"]
        other.send("seen", value=False)
        other.send("ping", t=1)
        other.next("pong")
        other.skipped.clear()
        page.send("reset", task="touch", seed=7, condition="none")
        other.status_where(seed=7, state="ready")
        other.send("ping", t=2)
        other.next("pong")
        assert not {"scene", "pose"} & set(other.skipped)
        other.send("seen", value=True)
        assert other.next("scene")["seq"] > before
