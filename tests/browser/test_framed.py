"""As on a Hugging Face Space: the console in another site's frame, without a login; elsewhere no frame shows it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Frame

from tests.browser.operator_page import PATIENCE_MS, SCREEN, SHOTS
from tests.browser.served_console import serving

pytestmark = pytest.mark.browser


@pytest.fixture
def other_site(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """The origin of another site ("localhost", where the console is at 127.0.0.1), and the folder of its pages."""
    handler = partial(SimpleHTTPRequestHandler, directory=tmp_path)
    with ThreadingHTTPServer(("localhost", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_port}", tmp_path
        server.shutdown()


def framed(browser: Browser, site: tuple[str, Path], url: str) -> Frame:
    """The console in a frame of the other site's page."""
    origin, folder = site
    (folder / "index.html").write_text(f'<body style="margin:0"><iframe src="{url}" width="1400" height="860">')
    page = browser.new_page(viewport=SCREEN)  # type: ignore[arg-type]
    page.set_default_timeout(PATIENCE_MS)
    page.goto(origin)
    page.wait_for_function("() => frames.length === 1")
    return page.frames[1]


def test_a_visitor_in_a_frame_of_the_site_plans_and_stops(
    chromium: Browser, other_site: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CLAP_AUTH", raising=False)
    monkeypatch.setenv("SPACE_ID", "ada/clap")
    with serving("expert", "--host", "127.0.0.1", "--embed-in", other_site[0]) as (_, url):
        frame = framed(chromium, other_site, url)
        frame.wait_for_function("() => window.__clap?.status?.preconditions.plan === null && window.__clap.lease.mine")
        (cookie,) = frame.page.context.cookies()
        assert (cookie["name"], cookie["sameSite"], cookie["secure"]) == ("clap-visitor", "None", True)
        frame.fill("#c-instruction textarea, #c-instruction input", "put the red block into the red cup")
        frame.click("#c-do-plan")
        frame.wait_for_function("() => window.__clap.status.state === 'planned'")
        if SHOTS is not None:
            frame.page.screenshot(path=SHOTS / "space.png")
        frame.click("#c-stop")
        frame.wait_for_function("() => window.__clap.status.state === 'stopped'")
        frame.page.close()


def test_no_other_site_shows_the_console_in_a_frame(
    chromium: Browser, other_site: tuple[str, Path], console_url: Callable[[str], str]
) -> None:
    frame = framed(chromium, other_site, console_url("expert"))
    frame.wait_for_url("chrome-error://**")
    frame.page.close()
