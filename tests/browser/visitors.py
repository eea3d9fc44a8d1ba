"""Visitors of the console with browsers of their own: window, theme, touch, and what they stored."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from tests.browser.operator_page import SCREEN, ConsolePage

TABLET = {"width": 1024, "height": 768}
GRAVE = ("serious", "critical")

Visit = Callable[..., ConsolePage]


@contextmanager
def visitors(browser: Browser, url: str) -> Iterator[Visit]:
    """Opens pages in browsers of their own; at the end none of them may have reported an error."""
    opened: list[ConsolePage] = []

    def visit(
        size: dict[str, int] = SCREEN,
        theme: str = "dark",
        tour: bool = False,
        touch: bool = False,
        name: str = "",
        waits: bool = False,
    ) -> ConsolePage:
        """A page with a world, or one that ``waits`` for it."""
        context = browser.new_context(
            viewport=size, has_touch=touch, is_mobile=touch, accept_downloads=True, reduced_motion="reduce"
        )
        context.add_init_script(
            f"localStorage.setItem('clap-theme', '{theme}'); localStorage.setItem('clap-name', '{name}')"
        )
        console = ConsolePage(context.new_page(), tour=tour)
        console.page.goto(url) if waits else console.open(url)
        opened.append(console)
        return console

    try:
        yield visit
    finally:
        for console in opened:
            console.page.context.close()
    errors = [error for console in opened for error in console.errors]
    assert not errors, errors


@contextmanager
def operator(browser: Browser, url: str) -> Iterator[ConsolePage]:
    """A page that operates; at the end it may not have reported an error."""
    console = ConsolePage(browser.new_page(viewport=SCREEN))  # type: ignore[arg-type]
    try:
        console.open(url)
        console.operate()
        yield console
        assert console.errors == []
    finally:
        console.page.close()


def violations(console: ConsolePage, part: str | None = None) -> list[str]:
    """What axe-core finds on the page as it is (or a part of it), of what is serious or critical: rule and elements."""
    found = Axe().run(console.page, part, {"resultTypes": ["violations"]}).response["violations"]
    return [
        f"{one['id']} ({one['impact']}): {node['target']} {node.get('failureSummary', '')[:300]}"
        for one in found
        if one["impact"] in GRAVE
        for node in one["nodes"]
    ]
