"""Driving by hand from the real page: keys are held for a minute, first one, then another."""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass

from training.benchmarks.console.browser import Tab

KEYS = "rafdqe"
HOLD_S = 0.8
ON_ITS_WAY_S = 0.5


@dataclass(frozen=True)
class Teleoperation:
    """What became of the commands; the times are milliseconds from sending one to its being applied."""

    seconds: float
    sent: int
    applied: int
    ms: list[float]
    answer_ms: list[float]


def drive(tab: Tab, seconds: float, clock_error: float = 0.0) -> Teleoperation:
    """Hold keys for so long; the console must be at rest.

    ``clock_error``: seconds by which the page's clock is ahead of ours.
    """
    page = tab.page
    tab.drive()
    before = page.evaluate("window.__clap.drive")
    tab.clear()
    begun = time.monotonic()
    for key in itertools.cycle(KEYS):
        page.keyboard.down(key)
        page.wait_for_timeout(1000 * HOLD_S)
        page.keyboard.up(key)
        if time.monotonic() - begun >= seconds:
            break
    after = page.evaluate("window.__clap.drive")
    took = time.monotonic() - begun
    page.wait_for_timeout(1000 * ON_ITS_WAY_S)
    acknowledged = page.evaluate("window.__heard.applied")[: after["sent"] - before["sent"]]
    applied = [1000 * (at - sent + clock_error) for sent, at in acknowledged if at is not None and sent is not None]
    page.click("#c-drive-on")
    tab.until("!window.__clap.status.driving")
    return Teleoperation(
        took,
        after["sent"] - before["sent"],
        len(applied),
        applied,
        after["latencies"][len(before["latencies"]) :],
    )
