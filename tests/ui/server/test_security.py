"""Whoever is not the operator's page moves nothing, learns nothing, and does not bring the console down."""

from __future__ import annotations

import contextlib
import json
import resource
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from tests.support.console_page import LINK, ORIGIN, Page, console, gradio_stop, opened, stop_event, token
from tests.support.kinematic_station import station
from ui.protocol import forms
from ui.protocol.commands import EpisodeCommand
from ui.server.live import MAX_PAGES
from ui.server.rooms import COOKIE

FOREIGN = [
    {},
    {"origin": "http://evil.example"},
    {"origin": "http://localhost:1"},
    {"origin": "null"},
    {**ORIGIN, "host": "evil.example"},
]

COMMANDS: dict[str, dict[str, Any]] = {
    "plan": {"instruction": "touch the block"},
    "edit-plan": {"steps": ["move above the red block"]},
    "keypoint": {"position": [0.2, 0.0, 0.8]},
    "target": {"position": [0.2, 0.0, 0.8], "quaternion": [1, 0, 0, 0], "gripper_open": True},
    "policy": {"name": "touch"},
    "speed": {"value": 2.0},
    "approve-each": {"value": True},
    "reset": {"task": "touch", "seed": 1, "variation": None, "condition": "none"},
    "drive": {"on": True},
    "jog": {"seq": 1, "linear": [1, 0, 0], "angular": [0, 0, 0], "gripper": None, "slow": False},
    "jog-target": {"position": [0.2, 0.0, 0.8], "quaternion": [1, 0, 0, 0]},
    "retrain-start": {"set": "sample", "episodes": ["a"], "method": "full", "minutes": 1.0},
    **{f"retrain-{verb}": {"run": "20260101-000000"} for verb in ("cancel", "resume", "use")},
    "record-begin": {"operator": "Eve", "notes": ""},
    "record-mark": {},
    "record-end": {},
    "record-resume": {"take": "20261122-120000-000000000"},
    "record-commit": {"success": True, "notes": ""},
    "record-discard": {},
    "demo-label": {"id": 1, "episode": "a", "task": "t", "outcome": "success", "notes": ""},
    "demo-keyframes": {"id": 1, "episode": "a", "frames": [1, 2]},
    "demo-step": {"id": 1, "episode": "a", "start": 0, "stop": 3, "text": "go down"},
    "demo-trim": {"id": 1, "episode": "a", "start": 0, "stop": 3},
    "demo-split": {"id": 1, "episode": "a", "frame": 2},
    **{f"demo-{verb}": {"id": 1, "episodes": ["a"]} for verb in ("delete", "restore")},
    **{f"demo-{verb}": {"id": 1} for verb in ("empty-trash", "undo", "copy-sample")},
    **{f"calibrate-{verb}": {"camera": "front"} for verb in ("look", "sample", "clear", "solve", "save")},
    "calibrate-remove": {"camera": "front", "sample": "1"},
    "demo-replay": {"id": 1, "episode": "a", "set": "recordings", "every_frame": False},
    **{verb: {} for verb, form in forms().items() if form is EpisodeCommand},
}


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with station() as made, TestClient(console(made), base_url="http://localhost") as client:
        yield client


@pytest.fixture
def operator(client: TestClient) -> Iterator[Page]:
    """The operator's page; at the end of the test the scene is as it was at its beginning, and the page is served."""
    with opened(client) as page:
        page.reset()
        page.send("ping", t=1)
        page.next("pong")
        before = untouched(page)
        yield page
        assert untouched(page) == before
    assert client.get("/").status_code == 200


def untouched(page: Page) -> dict[str, Any]:
    """What no attack may change."""
    page.send("speed", value=1.0)
    status = page.next("status")
    return {key: status[key] for key in ("state", "gripper", "instruction", "plan", "steps_done", "seed", "policy")}


def test_every_command_is_among_the_attacks() -> None:
    assert set(COMMANDS) == {*forms()} - {"open", "stop", "ping", "seen", "lease", "name"}


@pytest.mark.parametrize("headers", FOREIGN)
def test_other_origins_and_hosts_get_no_link_no_token_and_no_stop(
    client: TestClient, operator: Page, headers: dict[str, str]
) -> None:
    with pytest.raises(WebSocketDisconnect), client.websocket_connect(LINK, headers=headers):
        pass
    for path in ("/clap/session", "/clap/stop", "/gradio_api/run/predict", "/gradio_api/queue/join"):
        assert client.post(path, headers=headers, json={}).status_code == 403
    if "host" in headers:
        assert client.get("/", headers=headers).status_code == 403


@pytest.mark.parametrize("first", ["", "[]", "{}", '{"type": "open"}', '{"type": "stop"}', "x" * 60_000, "[" * 8_000])
def test_a_link_that_begins_with_anything_but_a_fresh_token_is_closed(
    client: TestClient, operator: Page, first: str
) -> None:
    with client.websocket_connect(LINK, headers=ORIGIN) as link:
        link.send_text(first)
        with pytest.raises(WebSocketDisconnect):
            link.receive_json()


def test_a_token_is_good_for_one_link(client: TestClient, operator: Page) -> None:
    known = token(client)
    with client.websocket_connect(LINK, headers=ORIGIN) as link:
        link.send_json({"type": "open", "token": known})
        Page(link).next("hello")
    for guess in (known, "guess", None, 7, [known], {"token": known}):
        with client.websocket_connect(LINK, headers=ORIGIN) as link:
            link.send_json({"type": "open", "token": guess})
            with pytest.raises(WebSocketDisconnect):
                link.receive_json()


@pytest.mark.parametrize("verb", COMMANDS)
def test_no_command_of_a_page_that_only_watches_is_obeyed(client: TestClient, operator: Page, verb: str) -> None:
    with opened(client) as watcher:
        watcher.send(verb, **COMMANDS[verb])
        assert "operates now" in watcher.refused()


def test_a_watcher_cannot_hand_the_controls_to_itself(client: TestClient, operator: Page) -> None:
    with opened(client) as watcher:
        you = watcher.next("lease")["you"]
        for action in ("grant", "deny", "take"):
            watcher.send("lease", action=action, to=you)
            assert watcher.refused().endswith(".")
        watcher.send("lease", action="release")
        watcher.send("home")
        assert "operates now" in watcher.refused()


def test_gradio_offers_no_function_and_its_only_one_can_do_nothing_but_stop(client: TestClient, operator: Page) -> None:
    info = client.get("/gradio_api/info").json()
    assert info["named_endpoints"] == {}
    assert info["unnamed_endpoints"] == {}
    stop = stop_event(client)
    guest = TestClient(client.app, base_url="http://localhost", raise_server_exceptions=False)
    for number in [*range(stop), *range(stop + 1, stop + 4)]:
        body = {"data": ["home"], "fn_index": number, "session_hash": "x"}
        answer = guest.post("/gradio_api/run/predict", headers=ORIGIN, json=body)
        assert answer.status_code >= 400 or answer.json().get("data", []) == []
    for name in ("predict", "stop", "pressed", "lambda", "../run"):
        for path in ("call", "run", "api"):
            answer = guest.post(f"/gradio_api/{path}/{name}/x", headers=ORIGIN, json={"data": []})
            assert answer.status_code == 403
    operator.send("drive", on=True)
    operator.status_where(state="driving")
    gradio_stop(client, stop)
    operator.status_where(state="stopped")
    operator.reset()


SECRET_FILES = (
    "/clap/static/../server.py",
    "/clap/static/%2e%2e/server.py",
    "/clap/static/..%2f..%2fapp.py",
    "/clap/static//etc/passwd",
    "/gradio_api/file=/etc/passwd",
    "/gradio_api/file=app.py",
    "/gradio_api/file=../../etc/passwd",
    "/gradio_api/file=ui/server/app.py",
    "/static/../../../../etc/passwd",
    "/assets/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
    "/gradio_api/proxy=http://evil.example/",
)


@pytest.mark.parametrize("path", SECRET_FILES)
def test_no_path_leads_out_of_the_pages_own_files(client: TestClient, operator: Page, path: str) -> None:
    answer = client.get(path, follow_redirects=False)
    assert answer.status_code >= 300
    assert "root:" not in answer.text
    assert "import" not in answer.text
    assert "evil.example" not in answer.headers.get("location", "")


def test_no_file_is_taken_whatever_its_size_or_form(client: TestClient, operator: Page) -> None:
    for path in ("/gradio_api/upload", "/upload", "/gradio_api/upload?upload_id=x"):
        for content in (b"text", b"x" * 5_000_000):
            answer = client.post(path, headers=ORIGIN, files={"files": ("a.exe", content)})
            assert answer.status_code in (403, 404, 405), path
        answer = client.post(path, headers={**ORIGIN, "content-type": "multipart/form-data"}, content=b"--x\r\n")
        assert answer.status_code in (403, 404, 405), path


BAD: list[tuple[str, str]] = [
    ('{"type": "fly"}', "There is no command 'fly'"),
    ('{"type": "__class__"}', "no command"),
    ('{"type": "plan"}', "instruction"),
    ('{"type": "plan", "instruction": 7}', "instruction"),
    ('{"type": "plan", "instruction": "\\ud800"}', "no text"),
    (json.dumps({"type": "plan", "instruction": "x" * 5000}), "at most 4,000"),
    ('{"type": "edit-plan", "steps": "open"}', "list"),
    (json.dumps({"type": "edit-plan", "steps": ["x"] * 31}), "at most 30"),
    ('{"type": "reset", "task": "juggle", "seed": 0, "condition": "none"}', "there are: touch"),
    ('{"type": "reset", "task": "touch", "seed": -1, "condition": "none"}', "whole number"),
    ('{"type": "reset", "task": "touch", "seed": true, "condition": "none"}', "whole number"),
    ('{"type": "reset", "task": "touch", "seed": 0, "condition": "none", "variation": "x"}', "whole number"),
    ('{"type": "speed", "value": "fast"}', "number"),
    ('{"type": "speed", "value": 1e999}', "number"),
    ('{"type": "speed", "value": NaN}', "not JSON"),
    ('{"type": "policy", "name": "CLAP"}', "there are: touch"),
    ('{"type": "approve-each", "value": 1}', "true or false"),
    ('{"type": "target", "position": [0, 0], "quaternion": [1, 0, 0, 0], "gripper_open": true}', "3 numbers"),
    ('{"type": "target", "position": [0, 0, 0], "quaternion": [0, 0, 0, 0], "gripper_open": true}', "rotation"),
    ('{"type": "keypoint", "position": [0, 0, 99]}', "from -10 to 10"),
    ('{"type": "jog", "seq": 1, "linear": [2, 0, 0], "angular": [0, 0, 0], "slow": false}', "from -1 to 1"),
    ('{"type": "jog", "seq": 1, "linear": [0, 0, 0], "angular": [0, 0, 0], "gripper": "x", "slow": false}', "one of"),
    ('{"type": "record-begin", "operator": ["Eve"], "notes": ""}', "text 'operator'"),
    (json.dumps({"type": "record-begin", "operator": "", "notes": "x" * 2_001}), "at most 2,000"),
    ('{"type": "record-commit", "success": "yes", "notes": ""}', "true or false"),
    ('{"type": "record-resume", "take": 7}', "text 'take'"),
    ('{"type": "record-end"}', "Recording is off"),
    ('{"type": "lease", "action": "steal"}', "one of"),
    ('{"type": 7}', "object with a type"),
    ('{"type": "home", "fast": true}', "no field 'fast'"),
    ('{"type": "reset", "task": "touch", "seed": 0}', "needs the field 'condition'"),
    ('{"type": "seen", "value": 1}', "true or false"),
    ('{"type": "open", "token": "again"}', "open already"),
    ("[1, 2]", "object with a type"),
    ("plan", "not JSON"),
    ("[" * 8_000, "not JSON"),
    ("x" * 9_000, "too long"),
]


@pytest.mark.parametrize(("text", "said"), BAD)
def test_a_malformed_message_is_answered_with_a_sentence(operator: Page, text: str, said: str) -> None:
    operator.link.send_text(text)
    assert said in operator.refused()


def test_ten_thousand_malformed_messages_leave_the_console_as_it_was(client: TestClient, operator: Page) -> None:
    threads = threading.active_count()
    with opened(client) as attacker:
        attacker.next("hello")
        for text, _ in BAD[:20]:
            attacker.link.send_text(text)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for k in range(10_000):
            attacker.link.send_text(BAD[k % len(BAD)][0])
        attacker.send("stop", id=9)
        complaints = 0
        while (message := attacker.link.receive()).get("text", "") != '{"type":"stop-ack","id":9}':
            complaints += "refused" in (message.get("text") or "")
        assert complaints < 1000, "what is wrong is said, but not ten thousand times"
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 50_000, f"{grown} kB more"
    assert threading.active_count() <= threads + 2
    operator.status_where(state="stopped")
    operator.reset()


def test_a_page_that_asks_too_much_is_slowed_down_but_may_always_stop(operator: Page) -> None:
    for _ in range(1000):
        operator.send("ping", t=1)
    operator.send("stop", id=5)
    pongs = 0
    while (message := operator.link.receive()).get("text", "") != '{"type":"stop-ack","id":5}':
        pongs += "pong" in (message.get("text") or "")
    assert pongs < 500
    operator.reset()


def test_the_number_of_pages_is_bounded(client: TestClient, operator: Page) -> None:
    closed = 0
    with contextlib.ExitStack() as links:
        for _ in range(MAX_PAGES):
            link = links.enter_context(client.websocket_connect(LINK, headers=ORIGIN))
            link.send_json({"type": "open", "token": token(client)})
            closed += link.receive()["type"] == "websocket.close"
    assert closed == 1


def test_a_binary_message_ends_the_link_and_nothing_else(client: TestClient, operator: Page) -> None:
    with opened(client) as other:
        other.next("hello")
        other.link.send_bytes(b"\x00" * 100)
        with pytest.raises(AssertionError, match="closed"):
            other.next("never")


def test_one_world_for_all_needs_no_cookie(client: TestClient) -> None:
    assert COOKIE not in client.post("/clap/session", headers=ORIGIN).cookies
