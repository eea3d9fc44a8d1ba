"""A console that others can reach asks for a login, on every route, and does not let itself be guessed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from ui.server.login import FREE_ATTEMPTS, LONGEST_WAIT_S, SESSION_S, Credentials, Login, credentials, is_loopback
from ui.server.login_required import COOKIE, LoginRequired
from ui.station.options import CannotStartError

PASSWORD = "correct horse"
RIGHT = {"user": "ada", "password": PASSWORD}


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def ada() -> Credentials:
    return Credentials.of("ada", PASSWORD)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def client(ada: Credentials, clock: Clock) -> TestClient:
    async def link(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text("hello")
        async for text in socket.iter_text():
            await socket.send_text(text)

    page = Route("/{path:path}", lambda request: PlainTextResponse("inside"), methods=["GET", "POST"])
    inside = Starlette(routes=[WebSocketRoute("/clap/ws", link), page])
    return TestClient(LoginRequired(inside, Login(ada, clock)), base_url="http://robot-pc", follow_redirects=False)


@pytest.mark.parametrize(
    "path", ["/config", "/clap/session", "/clap/static/console.js", "/gradio_api/info", "/theme.css"]
)
def test_nothing_is_served_without_a_login(client: TestClient, path: str) -> None:
    for answer in (client.get(path), client.post(path), client.get(path, headers={"cookie": f"{COOKIE}=guess"})):
        assert answer.status_code == 401
        assert answer.json() == {"error": "Log in first."}


def test_the_page_leads_to_the_form(client: TestClient) -> None:
    answer = client.get("/")
    assert (answer.status_code, answer.headers["location"]) == (303, "/clap/login")
    form = client.get("/clap/login")
    assert form.status_code == 200
    assert '<input name="password" type="password"' in form.text


def test_the_live_link_needs_a_login_too(client: TestClient) -> None:
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("ws://robot-pc/clap/ws"):
        pass
    client.post("/clap/login", data=RIGHT)
    with client.websocket_connect("ws://robot-pc/clap/ws") as link:
        assert link.receive_text() == "hello"


def test_a_session_cookie_is_out_of_reach_of_scripts_and_of_other_sites(client: TestClient) -> None:
    answer = client.post("/clap/login", data=RIGHT)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"]
    for part in ("HttpOnly", "SameSite=strict", "Path=/"):
        assert part in cookie
    assert "Secure" not in cookie
    assert client.get("/").text == "inside"
    assert client.get("/clap/login").status_code == 303


def test_over_https_the_cookie_stays_there(client: TestClient) -> None:
    client.base_url = "https://robot-pc"
    assert "Secure" in client.post("/clap/login", data=RIGHT).headers["set-cookie"]


def test_a_session_ends(client: TestClient, clock: Clock) -> None:
    client.post("/clap/login", data=RIGHT)
    clock.now += SESSION_S + 1
    assert client.get("/config").status_code == 401


@pytest.mark.parametrize("way", ["log out", "time"])
def test_the_end_of_a_session_closes_its_live_links(client: TestClient, clock: Clock, way: str) -> None:
    client.post("/clap/login", data=RIGHT)
    with client.websocket_connect("ws://robot-pc/clap/ws") as link:
        link.send_text("one")
        assert [link.receive_text(), link.receive_text()] == ["hello", "one"]
        if way == "time":
            clock.now += SESSION_S + 1
        else:
            answer = client.post("/clap/logout")
            assert (answer.status_code, answer.headers["location"]) == (303, "/clap/login")
        link.send_text("two")
        with pytest.raises(WebSocketDisconnect) as closed:
            link.receive_text()
    assert closed.value.reason == "The login has ended. Log in again."
    assert client.get("/config").status_code == 401


def test_logging_out_takes_a_login_and_more_than_a_link(client: TestClient) -> None:
    assert client.post("/clap/logout").status_code == 401
    client.post("/clap/login", data=RIGHT)
    assert client.get("/clap/logout").text == "inside"
    assert client.get("/config").status_code == 200


@pytest.mark.parametrize(
    "form", [{}, {"user": "ada"}, {"user": "ada", "password": "x"}, {"user": "bob", "password": PASSWORD}]
)
def test_a_wrong_login_is_told_without_saying_what_was_wrong(client: TestClient, form: dict[str, str]) -> None:
    answer = client.post("/clap/login", data=form)
    assert answer.status_code == 401
    assert "Name or password is wrong." in answer.text
    assert "set-cookie" not in answer.headers


def test_guessing_takes_longer_and_longer_even_for_the_right_password(client: TestClient, clock: Clock) -> None:
    for _ in range(FREE_ATTEMPTS):
        assert client.post("/clap/login", data={"user": "ada", "password": "guess"}).status_code == 401
    early = client.post("/clap/login", data=RIGHT)
    assert early.status_code == 429
    assert "Wait 1 s" in early.text
    clock.now += 1.1
    assert client.post("/clap/login", data={"user": "ada", "password": "guess"}).status_code == 401
    clock.now += 1.1
    assert client.post("/clap/login", data=RIGHT).status_code == 429
    clock.now += LONGEST_WAIT_S
    assert client.post("/clap/login", data=RIGHT).status_code == 303


def test_an_oversized_form_is_turned_away(client: TestClient) -> None:
    assert client.post("/clap/login", data={"user": "a" * 100_000, "password": "x"}).status_code == 413


@given(st.binary(max_size=300))
def test_any_form_is_answered(body: bytes) -> None:
    inside = Starlette(routes=[])
    login = Login(Credentials("ada", b"", b""))
    login.attempt = lambda *_: None  # type: ignore[method-assign]
    with TestClient(LoginRequired(inside, login), base_url="http://robot-pc") as client:
        assert client.post("/clap/login", content=body).status_code == 401


@pytest.mark.parametrize(
    ("host", "alone"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("robot-pc", False)],
)
def test_beyond_this_machine_there_is_a_login_and_a_password_to_tell(host: str, alone: bool) -> None:
    assert is_loopback(host) is alone
    asked, password = credentials(host, None, {}, is_real=False)
    assert (asked is None) is alone
    if asked is not None:
        assert len(password) >= 12
        assert asked.match("operator", password)


def test_a_real_robot_is_not_served_to_others_without_a_login_of_its_own() -> None:
    with pytest.raises(CannotStartError, match="CLAP_AUTH"):
        credentials("0.0.0.0", None, {}, is_real=True)
    asked, generated = credentials("0.0.0.0", None, {"CLAP_AUTH": f"ada:{PASSWORD}"}, is_real=True)
    assert asked is not None
    assert asked.match("ada", PASSWORD)
    assert generated == ""


@pytest.mark.parametrize("wanted", ["ada", "ada:", ":password", "ada:short", "ada:" + 300 * "x", ""])
def test_a_login_of_another_form_is_told(wanted: str) -> None:
    with pytest.raises(CannotStartError, match="user:password"):
        credentials("127.0.0.1", wanted, {}, is_real=False)


def test_the_hash_is_salted_and_no_password_is_kept(ada: Credentials) -> None:
    assert Credentials.of("ada", PASSWORD).digest != ada.digest
    assert PASSWORD not in repr(ada)
