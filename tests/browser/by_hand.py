"""Driving the arm by hand on the console's page, and what the arm does then."""

from __future__ import annotations

from tests.browser.operator_page import ConsolePage

# The tool is where it was 0.4 s ago; while it is driven, by several poses that were told meanwhile.
RESTS = """() => {
  const { pose, poses, status } = window.__clap;
  const kept = window.__kept;
  if (!kept || kept.position.some((value, k) => Math.abs(value - pose.position[k]) > 5e-4)) {
    window.__kept = { position: pose.position, poses, since: performance.now() };
    return false;
  }
  return performance.now() - kept.since > 400 && (!status.driving || poses - kept.poses >= 5);
}"""


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
    """The arm comes to rest and stays there."""
    console.page.evaluate("delete window.__kept")
    console.page.wait_for_function(RESTS, timeout=30_000)
