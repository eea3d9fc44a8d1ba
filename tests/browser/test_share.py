"""Two people share the console: one operates, the other watches, asks, is given control; anyone stops."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser

from tests.browser.operator_page import ConsolePage
from tests.browser.visitors import Visit, visitors

pytestmark = pytest.mark.browser

Two = tuple[ConsolePage, ConsolePage]


@pytest.fixture(scope="module")
def two(chromium: Browser, console_url: Callable[[str], str]) -> Iterator[Two]:
    with visitors(chromium, console_url("expert")) as visit:
        yield _pair(visit)


def _pair(visit: Visit) -> Two:
    anna, ben = visit(name="Anna"), visit(name="Ben")
    anna.operate()
    return anna, ben


def lease(console: ConsolePage, key: str) -> object:
    console.page.wait_for_function("() => window.__clap.lease")
    return console.page.evaluate("key => window.__clap.lease[key]", key)


@pytest.fixture
def anna_and_ben(two: Two) -> Two:
    """Anna operates, Ben watches, and nobody asks for anything."""
    anna, ben = two
    ben.page.wait_for_function("() => window.__clap.lease?.operator")
    if lease(ben, "mine"):
        ben.page.click("#c-lease")
        ben.page.click("#c-lease-panel [data-lease=release]")
        anna.page.wait_for_function("() => !window.__clap.lease.operator || window.__clap.lease.mine")
        if not lease(anna, "mine"):
            anna.page.click("#c-watch [data-lease=take]")
    anna.page.wait_for_function("() => window.__clap.lease.mine && !window.__clap.lease.requests.length")
    ben.page.wait_for_function("() => window.__clap.lease.operator.name === 'Anna'")
    return two


def test_everyone_sees_who_operates_and_who_watches(anna_and_ben: Two) -> None:
    anna, ben = anna_and_ben
    watchers = lease(anna, "watchers")  # Ben, and pages that other tests left open
    assert isinstance(watchers, int) and watchers >= 1
    assert anna.page.locator("#c-lease").inner_text().endswith(f"You operate · {watchers} watching")
    assert anna.page.locator("#c-watch").is_hidden()
    assert "Anna operates" in ben.page.locator("#c-lease").inner_text()
    assert "Anna operates. Ask for control" in ben.page.locator("#c-watch").inner_text()
    anna.screenshot("share-operator")
    ben.screenshot("share-watcher")


def test_a_watcher_can_do_nothing_and_is_told_why_but_can_stop(anna_and_ben: Two) -> None:
    anna, ben = anna_and_ben
    for page in (anna.page, ben.page):
        page.wait_for_function("() => window.__clap.status.preconditions.home === null")
    for button in ("#c-do-plan", "#c-do-home", "#c-do-reset", "#c-do-run"):
        assert ben.page.locator(button).is_disabled(), button
    assert "Anna operates" in str(ben.page.locator("#c-do-home").get_attribute("title"))
    ben.page.click("#c-open-drive")
    assert ben.page.locator("#c-drive-on").is_disabled()
    assert "Anna operates" in ben.page.locator("#c-drive-hint").inner_text()
    ben.page.click("#c-drive-close")
    ben.page.click("#c-stop")
    anna.page.wait_for_function("() => window.__clap.status.state === 'stopped'")
    ben.page.wait_for_function("() => window.__clap.lastStop?.way")


def test_control_is_asked_for_and_given(anna_and_ben: Two) -> None:
    anna, ben = anna_and_ben
    ben.page.click("#c-watch [data-lease=request]")
    toast = anna.page.locator(".c-toast", has_text="Ben asks for control")
    toast.wait_for()
    assert "goes over in" in toast.inner_text()
    ben.page.locator("#c-watch", has_text="you take over in").wait_for()
    anna.screenshot("share-request-arrives")
    ben.screenshot("share-request-waits")
    with ben.toasting("You operate now."), anna.toasting("Ben operates now. You watch."):
        toast.get_by_role("button", name="Give control").click()
        ben.page.wait_for_function("() => window.__clap.lease.mine")
    ben.page.wait_for_function("() => !document.querySelector('#c-do-home').disabled")
    anna.page.wait_for_function("() => document.querySelector('#c-do-home').disabled")


def test_control_is_kept_and_a_request_is_withdrawn(anna_and_ben: Two) -> None:
    anna, ben = anna_and_ben
    ben.page.click("#c-watch [data-lease=request]")
    anna.page.locator(".c-toast").get_by_role("button", name="Keep it").click()
    ben.page.locator("#c-watch [data-lease=request]").wait_for()
    assert lease(anna, "mine") is True
    ben.page.click("#c-watch [data-lease=request]")
    anna.page.locator(".c-toast", has_text="Ben asks").wait_for()
    ben.page.click("#c-watch [data-lease=cancel]")
    anna.page.locator(".c-toast", has_text="Ben asks").wait_for(state="detached")


def test_control_is_released_and_taken(anna_and_ben: Two) -> None:
    anna, ben = anna_and_ben
    anna.page.click("#c-lease")
    anna.screenshot("share-panel")
    anna.page.click("#c-lease-panel [data-lease=release]")
    ben.page.locator("#c-watch [data-lease=take]").click()
    ben.page.wait_for_function("() => window.__clap.lease.mine")
    anna.page.keyboard.press("Escape")
    assert anna.page.locator("#c-lease-panel").is_hidden()


def test_a_name_is_changed_for_everyone_and_kept(anna_and_ben: Two) -> None:
    anna, ben = anna_and_ben
    anna.page.click("#c-lease")
    name = anna.page.locator("#c-own-name")
    assert name.input_value() == "Anna"
    name.fill("Dr <b>Anna</b>")
    name.press("Tab")
    ben.page.wait_for_function("() => window.__clap.lease.operator.name === 'Dr <b>Anna</b>'")
    assert "Dr <b>Anna</b> operates" in ben.page.locator("#c-lease").inner_text()
    assert anna.page.evaluate("localStorage.getItem('clap-name')") == "Dr <b>Anna</b>"
    name.fill("Anna")
    name.press("Tab")
    anna.page.click("#c-lease")


def test_who_drives_and_loses_control_moves_nothing_any_more(anna_and_ben: Two) -> None:
    anna, ben = anna_and_ben
    anna.page.click("#c-open-drive")
    anna.wait_until_possible("drive")
    anna.page.click("#c-drive-on")
    anna.page.wait_for_function("() => window.__clap.status.driving")
    anna.page.keyboard.down("r")
    ben.page.click("#c-watch [data-lease=request]")
    anna.page.locator(".c-toast").get_by_role("button", name="Give control").click()
    anna.page.wait_for_function("() => !window.__clap.lease.mine")
    sent = anna.page.evaluate("window.__clap.drive.sent")
    anna.draw(25)
    assert anna.page.evaluate("window.__clap.drive.sent") == sent
    assert anna.page.locator(".c-hold").first.is_disabled()
    anna.page.keyboard.up("r")
    ben.page.keyboard.press("Escape")
    ben.page.wait_for_function("() => !window.__clap.status.driving")
    if anna.page.locator("#c-drive").is_visible():
        anna.page.click("#c-drive-close")
