"""Many pages watch, one operates, and nobody can be locked out or surprised."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ui.protocol.messages import ControlRequest, Operator
from ui.server.lease import ANSWER_S, LOST_S, MAX_NAME, Lease, Member, NotOperatorError


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def lease(clock: Clock) -> Lease:
    return Lease(clock)


def test_the_first_page_operates_and_the_next_one_watches(lease: Lease) -> None:
    first, second = lease.join(), lease.join()
    lease.require(first)
    with pytest.raises(NotOperatorError, match="Guest 1 operates now"):
        lease.require(second)
    assert lease.view(first).mine is True
    shown = lease.view(second)
    assert shown.mine is False
    assert shown.operator == Operator(id=first.id, name="Guest 1")
    assert shown.watchers == 1


def test_a_request_is_granted_or_denied_by_the_operator_alone(lease: Lease) -> None:
    first, second, third = lease.join(), lease.join(), lease.join()
    lease.act(second, "request")
    for other in (second, third):
        with pytest.raises(NotOperatorError, match="Only the operator"):
            lease.act(other, "grant", second.id)
    lease.act(first, "deny", second.id)
    assert lease.view(first).requests == []
    with pytest.raises(NotOperatorError, match="does not ask"):
        lease.act(first, "grant", second.id)
    lease.act(second, "request")
    lease.act(first, "grant", second.id)
    assert lease.operates(second)
    with pytest.raises(NotOperatorError):
        lease.require(first)


def test_an_unanswered_request_takes_over_from_an_idle_operator(lease: Lease, clock: Clock) -> None:
    first, second = lease.join(), lease.join()
    clock.now += 60
    lease.act(second, "request")
    assert lease.view(first).requests == [ControlRequest(id=second.id, name="Guest 2", seconds_left=int(ANSWER_S))]
    clock.now += ANSWER_S - 0.1
    lease.tick()
    assert lease.operates(first)
    clock.now += 0.2
    lease.tick()
    assert lease.operates(second)
    assert lease.view(first).requests == []


def test_an_operator_who_works_is_not_taken_over(lease: Lease, clock: Clock) -> None:
    first, second = lease.join(), lease.join()
    lease.act(second, "request")
    for _ in range(10):
        clock.now += ANSWER_S / 2
        lease.require(first)
        lease.tick()
    assert lease.operates(first)
    clock.now += ANSWER_S
    lease.tick()
    assert lease.operates(second)


def test_a_closed_page_frees_the_lease_at_once_and_the_first_in_line_gets_it(lease: Lease) -> None:
    first, second, third = lease.join(), lease.join(), lease.join()
    lease.act(third, "request")
    lease.leave(first)
    assert lease.operates(third)
    lease.act(third, "release")
    assert lease.operator is None
    with pytest.raises(NotOperatorError, match="Nobody operates"):
        lease.require(second)
    lease.act(second, "take")
    lease.require(second)


def test_a_lost_link_keeps_its_place_for_a_while(lease: Lease, clock: Clock) -> None:
    first, second = lease.join(), lease.join()
    lease.lose(first)
    clock.now += LOST_S - 1
    assert lease.join(first.seat) is first
    lease.require(first)
    lease.lose(first)
    clock.now += LOST_S
    lease.tick()
    assert lease.operator is None
    returned = lease.join(first.seat)
    assert returned is not first
    assert lease.operates(returned), "the lease was free, so whoever opens a page next takes it"
    assert not lease.operates(second)


def test_nobody_takes_what_is_taken(lease: Lease) -> None:
    first, second = lease.join(), lease.join()
    with pytest.raises(NotOperatorError, match="Ask for the controls"):
        lease.act(second, "take")
    with pytest.raises(NotOperatorError, match="operate already"):
        lease.act(first, "request")
    lease.act(second, "request")
    lease.act(second, "cancel")
    assert lease.view(first).requests == []


@given(st.one_of(st.none(), st.text(), st.integers(), st.lists(st.integers())))
def test_nothing_but_its_seat_brings_a_page_back(guess: object) -> None:
    lease = Lease(Clock())
    first = lease.join()
    assert lease.join(guess) is not first


@given(st.text())
def test_any_name_is_shown_short_and_on_one_line(name: str) -> None:
    lease = Lease(Clock())
    member = lease.join()
    lease.rename(member, name)
    shown = lease.view(member).name
    assert 0 < len(shown) <= MAX_NAME
    assert len(shown.splitlines()) == 1


ACTIONS = ("join", "leave", "lose", "take", "request", "cancel", "release", "grant", "deny", "wait")


@settings(max_examples=60)
@given(st.lists(st.tuples(st.sampled_from(ACTIONS), st.integers(0, 5), st.integers(0, 5)), max_size=40))
def test_at_most_one_page_operates_whatever_happens(steps: list[tuple[str, int, int]]) -> None:
    clock = Clock()
    lease, members = Lease(clock), list[Member]()
    for action, one, other in steps:
        if action == "join":
            members.append(lease.join())
        elif action == "wait":
            clock.now += 7.0
            lease.tick()
        elif members:
            member, to = members[one % len(members)], members[other % len(members)]
            try:
                if action in ("leave", "lose"):
                    getattr(lease, action)(member)
                    members = [m for m in members if action == "lose" or m is not member]
                else:
                    lease.act(member, action, to.id)
            except NotOperatorError as error:
                assert str(error).endswith(".")
        assert sum(lease.view(member).mine for member in members) <= 1
