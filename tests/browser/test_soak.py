"""Using the console and further tabs leaves no thread, file or socket behind. The benchmark does it for long."""

from __future__ import annotations

import contextlib

import pytest
from playwright.sync_api import Browser

from tests.browser.operator_page import SCREEN
from tests.support.kinematic_station import eventually
from training.benchmarks.console import served
from training.benchmarks.console.soak import Operator

pytestmark = [pytest.mark.browser, pytest.mark.long]

BRIEF = ("reset", "plan_and_approve", "undo", "tabs")
POOL = 2
"""Threads more or less that a server's pools may have at any time."""


def test_nothing_is_left_behind(chromium: Browser) -> None:
    with (
        served.console("--policy", "expert") as (url, server),
        contextlib.closing(chromium.new_context(viewport=SCREEN)) as context,
    ):
        operator = Operator(context, url, server)

        def use(number: int) -> None:
            for thing in operator.round(number):
                if thing.__name__ in BRIEF:
                    thing()

        use(0)
        first = operator.sample(0)
        use(1)

        def as_before() -> bool:
            now = operator.sample(0)
            print(first, now, sep="\n")
            return all(
                here <= there + slack
                for name, slack in (("threads", POOL), ("descriptors", 0), ("sockets", 0))
                for here, there in zip(getattr(now, name), getattr(first, name), strict=True)
            )

        assert eventually(as_before, timeout=15), "more is in use than before"
