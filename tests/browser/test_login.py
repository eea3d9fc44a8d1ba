"""Logging in and out: the panel that was asked for is the one that is shown, and no tab stays open behind it."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser

from tests.browser.operator_page import ConsolePage
from tests.browser.served_console import serving

pytestmark = pytest.mark.browser
PASSWORD = "correct horse"


@pytest.fixture(scope="module")
def guarded() -> Iterator[str]:
    with serving("expert", "--auth", f"ada:{PASSWORD}") as (_, url):
        yield url


def log_in(console: ConsolePage) -> None:
    console.page.get_by_label("Name").fill("ada")
    console.page.get_by_label("Password").fill(PASSWORD)
    console.page.get_by_role("button", name="Log in").click()


def test_a_login_leads_to_the_panel_and_logging_out_ends_every_tab(chromium: Browser, guarded: str) -> None:
    context = chromium.new_context()
    context.add_init_script("localStorage.setItem('clap-tour', 'seen')")
    try:
        console, other = (ConsolePage(context.new_page()) for _ in range(2))
        console.page.goto(f"{guarded}/#evaluation")
        assert urlsplit(console.page.url).path == "/clap/login"
        log_in(console)
        console.wait_for_a_world()
        assert console.page.get_attribute("body", "data-panel") == "evaluation"
        other.open(guarded)
        console.page.click("#c-open-settings")
        console.page.click("#c-log-out")
        for page in (console.page, other.page):
            page.wait_for_url("**/clap/login*")
            page.get_by_role("button", name="Log in").wait_for()
    finally:
        context.close()
