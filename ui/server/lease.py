"""Who operates: many pages may watch, one at a time gives commands. Pure bookkeeping with a clock; nothing is sent.

The first page to open operates. Others ask; the operator grants or denies, and who is not answered while the operator
does nothing takes over. A page that is closed frees the lease at once, a lost link after a while: it may come back.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from ui.protocol.messages import ControlRequest, LeaseState, Operator

ANSWER_S = 20.0
"""A request takes over if it stays unanswered, and the operator idle, for so long."""

LOST_S = 10.0
"""A lost link keeps its place for so long."""

MAX_NAME = 40


class NotOperatorError(Exception):
    """A page without the lease gave a command, or asked for what is not possible; the text says what to do."""


@dataclass(eq=False)
class Member:
    """A page that watches or operates. ``seat`` is its secret, with which it comes back after a lost link."""

    number: int
    name: str
    seat: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    lost_at: float | None = None
    asked_at: float | None = None

    @property
    def id(self) -> str:
        """What other pages know it by."""
        return f"page-{self.number}"


class Lease:
    """The members, who of them operates, and who asks to. Not thread-safe: its owner holds a lock."""

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock = clock
        self._members: dict[str, Member] = {}
        self._operator: Member | None = None
        self._active_at = 0.0
        self._joined = 0

    # Coming and going

    def join(self, seat: str | None = None) -> Member:
        """A page opens: as the member that it was if it knows a seat, else as a new one. It operates if none does."""
        self.tick()
        member = next((m for m in self._members.values() if m.seat == seat), None)
        if member is None:
            self._joined += 1
            member = Member(self._joined, f"Guest {self._joined}")
            self._members[member.id] = member
        member.lost_at = None
        if self._operator is None:
            self._hand_over(member)
        return member

    def leave(self, member: Member) -> None:
        """A page was closed: it is gone at once."""
        self._members.pop(member.id, None)
        if self._operator is member:
            self._free()

    def lose(self, member: Member) -> None:
        """A page's link broke: it keeps its place for LOST_S."""
        member.lost_at = self._clock()

    def tick(self) -> None:
        """Let time take effect: lost pages go, unanswered requests take over."""
        now = self._clock()
        for member in list(self._members.values()):
            if member.lost_at is not None and now - member.lost_at >= LOST_S:
                self.leave(member)
        first = self._first_request()
        if first is not None and self._seconds_left(first) <= 0:
            self._hand_over(first)

    # Operating

    @property
    def operator(self) -> Member | None:
        """The page that operates now."""
        return self._operator

    def operates(self, member: Member) -> bool:
        """True if this page may give commands."""
        return self._operator is member

    def require(self, member: Member) -> None:
        """Note a command of the operator. Raises NotOperatorError for any other page."""
        if self._operator is None:
            raise NotOperatorError("Nobody operates now. Take the controls first.")
        if self._operator is not member:
            raise NotOperatorError(f"{self._operator.name} operates now. Ask for the controls first.")
        self._active_at = self._clock()

    def rename(self, member: Member, name: str) -> None:
        """Call a page by the name of the person in front of it; an empty one makes it a guest again."""
        member.name = " ".join(name.split())[:MAX_NAME] or f"Guest {member.number}"

    def act(self, member: Member, action: str, to: str | None = None) -> None:
        """Take, request, cancel, release, grant or deny. Raises NotOperatorError where that is not possible now."""
        self.tick()
        if action == "cancel":
            member.asked_at = None
        elif action == "release":
            if self._operator is member:
                self._free()
        elif action in ("take", "request"):
            self._ask(member, action)
        else:
            self._answer(member, action == "grant", to)

    def _ask(self, member: Member, action: str) -> None:
        if self._operator is None:
            self._hand_over(member)
        elif self._operator is member:
            raise NotOperatorError("You operate already.")
        elif action == "take":
            raise NotOperatorError(f"{self._operator.name} operates now. Ask for the controls first.")
        elif member.asked_at is None:
            member.asked_at = self._clock()

    def _answer(self, member: Member, granted: bool, to: str | None) -> None:
        if self._operator is not member:
            raise NotOperatorError("Only the operator answers requests.")
        asking = self._members.get(to or "")
        if asking is None or asking.asked_at is None:
            raise NotOperatorError("That page does not ask for the controls any more.")
        self._active_at = self._clock()
        if granted:
            self._hand_over(asking)
        else:
            asking.asked_at = None

    # What everyone sees

    def view(self, member: Member) -> LeaseState:
        """The lease as the page of ``member`` shows it."""
        operator = self._operator
        return LeaseState(
            you=member.id,
            name=member.name,
            seat=member.seat,
            mine=operator is member,
            operator=None if operator is None else Operator(id=operator.id, name=operator.name),
            requests=[
                ControlRequest(id=one.id, name=one.name, seconds_left=max(0, round(self._seconds_left(one))))
                for one in self._requests()
            ],
            watchers=sum(m.lost_at is None for m in self._members.values() if m is not operator),
        )

    def _requests(self) -> list[Member]:
        asking = [member for member in self._members.values() if member.asked_at is not None]
        return sorted(asking, key=lambda member: member.asked_at or 0.0)

    def _first_request(self) -> Member | None:
        return next(iter(self._requests()), None)

    def _seconds_left(self, asking: Member) -> float:
        """Seconds until a request takes over: they count anew whenever the operator does something."""
        begun = max(asking.asked_at or 0.0, self._active_at)
        return ANSWER_S - (self._clock() - begun)

    def _hand_over(self, member: Member) -> None:
        member.asked_at = None
        self._operator, self._active_at = member, self._clock()

    def _free(self) -> None:
        self._operator = None
        waiting = self._first_request()
        if waiting is not None:
            self._hand_over(waiting)
