"""In simulation several visitors may each have a world of their own; others wait and are told their place."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from tests.console_page import opened
from tests.kinematic_station import options, station
from ui.access import Access
from ui.rooms import COOKIE, Rooms
from ui.server import make_app
from ui.station.station import Station


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with station() as made:
        access = Access("localhost")
        rooms = Rooms(made, lambda: Station(options()), access, worlds=2, abandoned_s=0.5)
        with TestClient(make_app(rooms, access), base_url="http://localhost") as client:
            yield client
        rooms.close()


def browser(client: TestClient) -> TestClient:
    """Another browser with the same console."""
    other = TestClient(client.app, base_url="http://localhost")
    other.portal = client.portal
    return other


def test_visitors_get_worlds_of_their_own_and_the_next_one_waits(client: TestClient) -> None:
    ada, grace, alan = (browser(client) for _ in range(3))
    with opened(ada) as first, opened(grace) as second:
        assert COOKIE in ada.cookies
        assert first.next("lease")["mine"] is True
        assert second.next("lease")["mine"] is True, "each operates in a world of their own"
        assert first.next("hello")["world"] == second.next("hello")["world"]
        with opened(alan) as third:
            told = third.next("queue")
            assert (told["place"], told["of"]) == (1, 1)
            assert told["sentence"].startswith("All 2 worlds are in use.")
            third.send("ping", t=4)
            assert third.next("pong")["t"] == 4
            first.link.close()
            assert third.next("hello")["world"] == "test table"
