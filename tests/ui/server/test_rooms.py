"""In simulation several visitors may each have a world of their own; others wait and are told their place."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from tests.support.console_page import opened
from tests.support.kinematic_station import eventually, options, station
from ui.server.access import Access
from ui.server.app import make_app
from ui.server.rooms import COOKIE, Rooms
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
            for k in range(50):
                third.send("ping", t=5 + k)
            while third.next("pong")["t"] < 54:
                pass
            assert third.skipped.count("queue") <= 1, "what a page says is no reason to tell it its place again"
            first.link.close()
            assert third.next("hello")["world"] == "test table"


def test_a_world_that_is_killed_while_it_starts_gives_its_place_back_and_disturbs_nobody() -> None:
    made: list[Station] = []

    def make() -> Station:
        made.append(Station(options()))
        return made[-1]

    with station() as first:
        access = Access("localhost")
        rooms = Rooms(first, make, access, worlds=2)
        with TestClient(make_app(rooms, access), base_url="http://localhost") as client:
            ada, grace = browser(client), browser(client)
            with opened(ada) as undisturbed:
                undisturbed.settled("ready")
                with opened(grace) as page:
                    assert eventually(lambda: len(made) == 1)
                    killed = made[0].pid
                    kill(killed)
                    assert "being started once more" in page.next("world-lost")["sentence"]
                    assert eventually(lambda: made[0].pid != killed)
                    kill(made[0].pid)
                    assert "ended twice while it was starting" in page.next("world-lost")["sentence"]
                    with pytest.raises(AssertionError, match="You get another one"):
                        page.next("hello")
                assert rooms.any_up
                with opened(grace) as again:
                    assert again.next("hello")["world"] == "test table"
                    assert len(made) == 2
                undisturbed.send("plan", instruction="touch the block")
                undisturbed.settled("planned")
                assert not {"world-lost", "queue"} & set(undisturbed.skipped)
        rooms.close()


def kill(pid: int | None) -> None:
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
