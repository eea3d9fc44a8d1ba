"""The real console in a process of its own, and the real page in headless Chromium."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator

import pytest

from tests.browser.operator_page import SCREEN, USUAL, ConsolePage, OpenPage
from tests.browser.served_console import Started, end, start

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed (requirements-dev.txt)")

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
]


@pytest.fixture(scope="session")
def chromium() -> Iterator[sync_api.Browser]:
    path = shutil.which(CHROMIUM) or shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("no Chromium found: install it (apt install chromium) to run the browser tests")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def started() -> Iterator[dict[str, Started]]:
    """The consoles that run, by the policy that they began with."""
    running: dict[str, Started] = {}
    yield running
    for process, _ in running.values():
        end(process)


@pytest.fixture(scope="session")
def console_url(started: dict[str, Started], tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """Gives the address of a console that began with the policy "expert" or "clap"; each is started once."""

    def url_for(policy: str) -> str:
        if policy not in started:
            started[policy] = start(policy, recordings=str(tmp_path_factory.mktemp("recordings")))
        return started[policy][1]

    return url_for


@pytest.fixture(scope="session")
def opener(chromium: sync_api.Browser, console_url: Callable[[str], str]) -> OpenPage:
    """Opens pages of the console."""

    def open_one(policy: str) -> ConsolePage:
        page = ConsolePage(chromium.new_page(viewport=SCREEN))
        page.open(console_url(policy))
        page.operate()
        return page

    return open_one


@pytest.fixture
def open_page(opener: OpenPage) -> Iterator[OpenPage]:
    """Opens pages for one test; at its end none of them may have reported an error."""
    opened: list[ConsolePage] = []

    def open_one(policy: str) -> ConsolePage:
        opened.append(opener(policy))
        return opened[-1]

    yield open_one
    for page in opened:
        page.page.close()
    assert [page.errors for page in opened] == [[] for _ in opened]


@pytest.fixture(scope="session")
def expert_page(opener: OpenPage) -> ConsolePage:
    """One page for most tests: loading Gradio takes longer than what they do."""
    return opener("expert")


@pytest.fixture
def console(expert_page: ConsolePage, request: pytest.FixtureRequest) -> Iterator[ConsolePage]:
    """A page on a fresh scene with the red block and the red cup, with the expert to ask; it ``looks`` as usual, or
    as the test wants."""
    expert_page.errors.clear()
    expert_page.look(getattr(request, "param", USUAL))
    expert_page.page.evaluate("delete window.__clap.lastStop")
    expert_page.reset()
    yield expert_page
    assert expert_page.errors == []


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """A test that fails tells what the open pages say: a wait that timed out knows only that it did."""
    report = yield
    if report.failed:
        pages = [page for page in ConsolePage.everyone if not page.page.is_closed()]
        report.sections += [(f"page {number}", page.says()) for number, page in enumerate(pages)]
    return report
