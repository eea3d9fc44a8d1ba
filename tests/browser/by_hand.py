"""Driving the arm by hand on the console's page, and what the arm does then."""

from __future__ import annotations

import time

import pytest

from tests.browser.operator_page import ConsolePage


def position(console: ConsolePage) -> list[float]:
    return list(console.page.evaluate("window.__clap.pose.position"))


def switch_on(console: ConsolePage) -> None:
    page = console.page
    if page.locator("#c-drive").is_hidden():
        page.click("#c-open-drive")
    console.wait_until_possible("drive")
    page.click("#c-drive-on")
    page.wait_for_function("() => window.__clap.status.driving && window.__clap.drive.applied > 3")


def moved(console: ConsolePage, axis: int, before: list[float], by: float = 0.01) -> None:
    """Wait until the tool has gone ``by`` metres along a world axis (against it if negative)."""
    console.page.wait_for_function(
        "([axis, from, by]) => (window.__clap.pose.position[axis] - from) * Math.sign(by) > Math.abs(by)",
        arg=[axis, before[axis], by],
    )


def rests(console: ConsolePage) -> None:
    """The arm comes to rest and stays there; on a busy machine the last poses take their time to arrive."""
    until = time.monotonic() + 8
    before = position(console)
    while time.monotonic() < until:
        console.page.wait_for_timeout(700)
        now = position(console)
        if now == pytest.approx(before, abs=5e-4):
            return
        before = now
    raise AssertionError("the arm goes on moving")
