"""The real console in a process of its own, and the real page in headless Chromium."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from clap.checkpoint import default_checkpoint

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed (requirements-dev.txt)")

ROOT = Path(__file__).parents[2]
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
SCREEN = {"width": 1440, "height": 900}
START_TIMEOUT_S = 180
DEAD_MAN_S = 8
"""Taking a screenshot stops a page for longer than the console waits otherwise: drawing without a GPU is slow."""

OpenPage = Callable[[str], "ConsolePage"]


class ConsolePage:
    """The console's page as an operator uses it."""

    def __init__(self, page: sync_api.Page, shots: Path | None, tour: bool = False):
        self.page = page
        self.errors: list[str] = []
        self._shots = shots
        if not tour:  # a first visit would begin with it
            page.add_init_script("localStorage.setItem('clap-tour', 'seen')")
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)

    def open(self, url: str) -> None:
        self.page.goto(url)
        self.wait_for_a_world()

    def wait_for_a_world(self) -> None:
        self.page.wait_for_function("() => window.__clap?.scenes > 0 && window.__clap.status", timeout=120_000)

    def reset(self, task: str = "block_in_same_cup", seed: int = 0, variation: str = "0", speed: int = 4) -> None:
        """Set a scene up by the form. ``speed`` is the slider's stop: 0 is half speed, 4 as fast as it can."""
        self.wait_for("can", "reset")
        self.page.select_option("#c-task", task)
        self.page.fill("#c-seed", str(seed))
        self.page.select_option("#c-variation", variation)
        self.page.locator("#c-speed").fill(str(speed))
        before = self.page.evaluate("window.__clap.scenes")
        self.press("reset")
        self.page.wait_for_function(
            "before => window.__clap.scenes > before && window.__clap.status.state === 'ready'",
            arg=before,
            timeout=60_000,
        )

    def type(self, instruction: str) -> None:
        self.page.fill("#c-instruction textarea, #c-instruction input", instruction)

    def press(self, verb: str) -> None:
        self.page.click(f"#c-do-{verb}")

    def press_and_wait(self, verb: str, *states: str, timeout: int = 60_000) -> str:
        """Press a button, then wait until the console has left the state it was in for one of ``states``."""
        before = self.status("seq")
        self.press(verb)
        self.page.wait_for_function(
            "([before, states]) => window.__clap.status.seq > before && states.includes(window.__clap.status.state)",
            arg=[before, list(states)],
            timeout=timeout,
        )
        return str(self.status("state"))

    def wait_for(self, key: str, inner: str) -> None:
        self.page.wait_for_function(
            "([key, inner]) => window.__clap.status[key][inner]", arg=[key, inner], timeout=60_000
        )

    def status(self, key: str) -> object:
        return self.page.evaluate("key => window.__clap.status[key]", key)

    def banner(self) -> str:
        return self.page.locator("#c-banner").inner_text()

    def screenshot(self, name: str) -> None:
        """Save what is seen, if CLAP_SCREENSHOTS names a folder."""
        if self._shots is not None:
            self.page.wait_for_timeout(400)  # let the last picture be decoded and drawn
            self.page.screenshot(path=self._shots / f"{name}.png")


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
def console_url() -> Iterator[Callable[[str], str]]:
    """Gives the address of a console that began with the policy "expert" or "clap"; each is started once."""
    started: dict[str, tuple[subprocess.Popen[str], str]] = {}

    def url_for(policy: str) -> str:
        if policy == "clap" and not default_checkpoint().exists():
            pytest.skip("clap/pretrained/clap-mini is not there: run `make train-mini`")
        if policy not in started:
            started[policy] = start(policy)
        return started[policy][1]

    yield url_for
    for process, _ in started.values():
        process.terminate()
        process.wait(20)


def start(policy: str, *options: str) -> tuple[subprocess.Popen[str], str]:
    errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 (open as long as the console runs; a pipe nobody reads fills up)
    command = [sys.executable, "app.py", "--port", "0", "--policy", policy, "--dead-man", str(DEAD_MAN_S), *options]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if found := re.search(r"http://\S+", line):
            return process, found.group()
    errors.seek(0)
    raise AssertionError(f"the console did not start:\n{errors.read()}")


@pytest.fixture(scope="session")
def opener(chromium: sync_api.Browser, console_url: Callable[[str], str]) -> OpenPage:
    """Opens pages of the console."""
    folder = os.environ.get("CLAP_SCREENSHOTS")
    shots = Path(folder) if folder else None
    if shots is not None:
        shots.mkdir(parents=True, exist_ok=True)

    def open_one(policy: str) -> ConsolePage:
        page = ConsolePage(chromium.new_page(viewport=SCREEN), shots)
        page.open(console_url(policy))
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
def console(expert_page: ConsolePage) -> Iterator[ConsolePage]:
    """A page on a fresh scene with the red block and the red cup, with the expert to ask."""
    expert_page.errors.clear()
    expert_page.page.evaluate("delete window.__clap.lastStop")
    expert_page.reset()
    yield expert_page
    assert expert_page.errors == []
