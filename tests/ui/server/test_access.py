"""Only the console's own page may drive the robot."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ui.server.access import MAX_TOKENS, TOKEN_LIFETIME_S, Access, host_name


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_token_opens_one_link_only() -> None:
    access = Access("127.0.0.1")
    token = access.issue()
    assert access.redeem(token)
    assert not access.redeem(token)


def test_a_token_grows_stale() -> None:
    clock = Clock()
    access = Access("127.0.0.1", clock=clock)
    token = access.issue()
    clock.now = TOKEN_LIFETIME_S + 1
    assert not access.redeem(token)


def test_many_requests_for_tokens_keep_only_the_latest() -> None:
    access = Access("127.0.0.1")
    tokens = [access.issue() for _ in range(MAX_TOKENS + 10)]
    assert sum(access.redeem(token) for token in tokens) == MAX_TOKENS


@given(st.one_of(st.none(), st.text(), st.integers(), st.lists(st.integers())))
def test_nothing_but_an_issued_token_is_redeemed(guess: object) -> None:
    access = Access("127.0.0.1")
    access.issue()
    assert not access.redeem(guess)


@pytest.mark.parametrize("netloc", ["127.0.0.1:7860", "localhost", "LOCALHOST:1", "[::1]:7860", "192.168.7.9:7860"])
def test_this_machine_is_reached_by_its_names_and_numbers(netloc: str) -> None:
    assert Access("127.0.0.1").host_allowed(netloc)


@pytest.mark.parametrize(
    "netloc", ["evil.example:7860", "127.0.0.1.evil.example", "", "[::1", "localhost.evil.example"]
)
def test_a_foreign_name_for_this_machine_is_refused(netloc: str) -> None:
    assert not Access("127.0.0.1").host_allowed(netloc)


def test_a_further_name_is_allowed_where_it_was_asked_for() -> None:
    assert Access("0.0.0.0", ["Robots.example"]).host_allowed("robots.example:443")
    assert not Access("0.0.0.0").host_allowed("robots.example:443")


@given(st.text())
def test_any_host_header_is_judged_without_an_error(netloc: str) -> None:
    assert isinstance(Access("127.0.0.1").host_allowed(netloc), bool)
    assert isinstance(host_name(netloc), str)


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("http://localhost:7860", True),
        ("http://localhost:7861", False),
        ("http://evil.example", False),
        ("null", False),
        ("", False),
        (None, False),
    ],
)
def test_only_the_pages_own_origin_gives_commands(origin: str | None, allowed: bool) -> None:
    assert Access("127.0.0.1").origin_allowed(origin, "localhost:7860") is allowed
