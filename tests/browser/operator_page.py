"""The console's page as an operator uses it, for all browser tests."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlsplit

import pytest

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed (requirements-dev.txt)")

SCREEN = {"width": 1440, "height": 900}
SMALL = {"width": 1024, "height": 768}

SHOTS = Path(os.environ["CLAP_SCREENSHOTS"]) if os.environ.get("CLAP_SCREENSHOTS") else None
"""Where screenshots go, if anywhere."""

Look = tuple[dict[str, int], str]
"""A window's size and its theme."""

USUAL: Look = (SCREEN, "dark")
THEMES = ("dark", "light")
OTHERS: list[Look] = [(SMALL, "light"), (SCREEN, "light"), (SMALL, "dark")]


def looks(*others: Look) -> pytest.MarkDecorator:
    """Run a test that uses the ``console`` in these looks too, beside the usual one."""
    every = (USUAL, *others)
    ids = [f"{size['width']}x{size['height']}-{theme}" for size, theme in every]
    return pytest.mark.parametrize("console", every, ids=ids, indirect=True)


ARRIVED = """([before, known, states]) => {
  const { seq, state } = window.__clap.status;
  const looksAround = document.body.classList.contains("c-no-reset");  // a real table: its status changes by itself
  return seq > before && states.includes(state) && (window.__states.length > known || !looksAround);
}"""
TOASTED = "([known, text]) => window.__toasts.slice(known).some((toast) => toast.includes(text))"
FREE = "() => !window.__clap.status.arm_fault && !window.__clap.status.busy"
PASSED = """([known, states]) => {
  const told = window.__states.slice(known);
  return states.every((state) => told.includes(state) && told.splice(0, told.indexOf(state) + 1));
}"""
PASS_FRAMES = """(count) => new Promise((done) => {
  const next = () => (count-- > 0 ? requestAnimationFrame(next) : done());
  next();
})"""
EXTENT = """() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => {
  const { scrollWidth, scrollHeight } = document.documentElement;
  done([scrollWidth, scrollHeight]);
})))"""

LET_GO = """() => {
  if (window.__clap.lease?.mine) window.__clap.console.link.send({ type: "lease", action: "release" });
}"""


SAYS = """() => {
  const { state, failure, trouble, verdict, preconditions, doing } = window.__clap?.status ?? {};
  const seen = [...document.querySelectorAll("[role=status], [role=alert], .c-toast")].filter((one) => one.innerText);
  return { status: { state, failure, trouble, verdict, preconditions, doing }, lastStop: window.__clap?.lastStop,
    lease: window.__clap?.lease, says: seen.map((one) => one.innerText), toasts: window.__toasts };
}"""
"""What an operator would be told, and what the page knows."""

KEEP_TOASTS = """(() => {
  window.__toasts = [];
  const shown = (node) => node.classList?.contains("c-toast") && window.__toasts.push(node.innerText.slice(0, 200));
  const notice = (changes) => changes.forEach((change) => change.addedNodes.forEach(shown));
  new MutationObserver(notice).observe(document, { childList: true, subtree: true });
})()"""
"""Toasts fade: this remembers what they said."""

KEEP_STATES = """(() => {
  let latest;
  window.__states = [];
  window.__clap = {
    get status() { return latest; },
    set status(told) {
      if (told.state !== latest?.state) window.__states.push(told.state);
      latest = told;
    },
  };
})()"""
"""States may be over before the page is asked about them: this remembers which there were, one after the other."""


SPEEDS = (0.5, 1, 2, 4, 0)
"""What the stops of the slider stand for: times real time, 0 as fast as it can."""

PATIENCE_MS = 120_000
"""Drawing without a GPU, beside other work, is slow."""

OpenPage = Callable[[str], "ConsolePage"]


class ConsolePage:
    """The console's page as an operator uses it."""

    everyone: ClassVar[list[ConsolePage]] = []

    def __init__(self, page: sync_api.Page, tour: bool = False):
        self.page = page
        self.errors: list[str] = []
        self._look = USUAL
        self.everyone.append(self)
        page.set_default_timeout(PATIENCE_MS)
        if not tour:  # a first visit would begin with it
            page.add_init_script("localStorage.setItem('clap-tour', 'seen')")
        page.add_init_script(KEEP_TOASTS)
        page.add_init_script(KEEP_STATES)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)

    def says(self) -> str:
        """What the page shows and knows, for whoever reads why a test failed."""
        try:
            return f"{self.page.url}: {json.dumps(self.page.evaluate(SAYS), indent=1)}\nerrors: {self.errors}"
        except sync_api.Error as error:
            return f"It does not say any more: {error}"

    def open(self, url: str) -> None:
        self.page.goto(url)
        self.wait_for_a_world()

    @property
    def host(self) -> str:
        return urlsplit(self.page.url).netloc

    def look(self, wanted: Look) -> None:
        """Size the window and choose the theme by its button. Names of screenshots then say which, unless usual."""
        size, theme = self._look = wanted
        self.page.set_viewport_size(size)  # type: ignore[arg-type]
        self.paint(theme)

    def paint(self, theme: str) -> None:
        """Choose the theme "dark" or "light" by its button, also where a dialog is in front of it."""
        if self.page.evaluate("document.body.classList.contains('dark')") != (theme == "dark"):
            self.page.evaluate("document.getElementById('c-theme').click()")

    def operate(self) -> None:
        """Come to operate: a page of another test lets go, as a colleague would."""
        self.page.wait_for_function("() => window.__clap.lease")
        for other in self.everyone:
            if other is not self and not other.page.is_closed() and other.host == self.host:
                other.page.evaluate(LET_GO)
        self.page.wait_for_function("() => window.__clap.lease.mine || !window.__clap.lease.operator")
        if not self.page.evaluate("window.__clap.lease.mine"):
            self.page.click("#c-watch [data-lease=take]")
            self.page.wait_for_function("() => window.__clap.lease.mine")

    def wait_for_a_world(self) -> None:
        self.page.wait_for_function("() => window.__clap?.scenes > 0 && window.__clap.status", timeout=120_000)

    def reset(self, task: str = "block_in_same_cup", seed: int = 0, variation: str = "0", speed: int = 4) -> None:
        """Set a scene up by the form. ``speed`` is the slider's stop: 0 is half speed, 4 as fast as it can."""
        self.operate()
        self.wait_until_possible("reset")
        self.page.select_option("#c-task", task)
        self.page.fill("#c-seed", str(seed))
        self.page.select_option("#c-variation", variation)
        self.at_speed(speed)
        before = self.page.evaluate("window.__clap.scenes")
        self.press("reset")
        self.page.wait_for_function(
            "before => window.__clap.scenes > before && window.__clap.status.state === 'ready'",
            arg=before,
            timeout=60_000,
        )

    def at_speed(self, stop: int) -> None:
        """Move the slider to one of its stops. What waits for approval is then judged anew, and meanwhile nothing else
        is accepted."""
        self.page.locator("#c-speed").fill(str(stop))
        self.page.wait_for_function(
            "speed => window.__clap.status.speed === speed && !window.__clap.status.busy", arg=SPEEDS[stop]
        )

    def type(self, instruction: str) -> None:
        self.page.fill("#c-instruction textarea, #c-instruction input", instruction)

    def press(self, verb: str) -> None:
        self.page.click(f"#c-do-{verb}")

    def press_and_wait(self, verb: str, *states: str, timeout: int = 60_000) -> str:
        """Press a button, then wait until the console has left the state it was in for one of ``states``."""
        before, known = self.status("seq"), self.page.evaluate("window.__states.length")
        self.press(verb)
        try:
            self.page.wait_for_function(ARRIVED, arg=[before, known, list(states)], timeout=timeout)
        except sync_api.TimeoutError as error:
            last = {key: self.status(key) for key in ("state", "failure", "arm_fault", "verdict")}
            raise AssertionError(f"{verb} was not followed by {' or '.join(states)}: {last}") from error
        return str(self.status("state"))

    def tell(self, kind: str, **fields: object) -> None:
        """Send a command as the page would."""
        self.page.evaluate("message => window.__clap.console.link.send(message)", {"type": kind, **fields})

    @contextmanager
    def passing(self, *states: str) -> Iterator[None]:
        """After what is done within, wait until the episode has gone through these states, however short each was."""
        known = self.page.evaluate("window.__states.length")
        yield
        self.page.wait_for_function(PASSED, arg=[known, list(states)], timeout=60_000)

    @contextmanager
    def toasting(self, text: str) -> Iterator[None]:
        """After what is done within, wait until a toast has said this; it may have faded by then."""
        known = self.page.evaluate("window.__toasts.length")
        yield
        self.page.wait_for_function(TOASTED, arg=[known, text])

    def obeyed(self) -> None:
        """Wait until all that this page has sent was obeyed: a switch that it flips last has been told of, twice."""
        each = self.status("approve_each")
        for value in (not each, each):
            self.tell("approve-each", value=value)
            self.page.wait_for_function("value => window.__clap.status.approve_each === value", arg=value)

    def wait_for_arm_fault(self, name: str, timeout: int = PATIENCE_MS) -> None:
        """Wait until a real arm is held for this reason."""
        self.page.wait_for_function("name => window.__clap.status.arm_fault?.name === name", arg=name, timeout=timeout)

    def recover(self, button: str) -> None:
        """Let a real arm move again by the button of this name. On a busy machine a stop also goes its second way, and
        holds the arm once more if it comes that late: an operator presses again."""
        for timeout in (15_000, 15_000, PATIENCE_MS):
            self.page.get_by_role("button", name=button).click()
            try:
                self.page.wait_for_function(FREE, timeout=timeout)
            except sync_api.TimeoutError:
                if timeout == PATIENCE_MS or self.page.evaluate("!window.__clap.status.arm_fault"):
                    raise
            else:
                return

    def wait_until_possible(self, verb: str) -> None:
        """Wait until the console would accept a command."""
        self.page.wait_for_function(
            "verb => window.__clap.status.preconditions[verb] === null", arg=verb, timeout=60_000
        )

    def status(self, key: str) -> object:
        return self.page.evaluate("key => window.__clap.status[key]", key)

    def banner(self) -> str:
        return self.page.locator("#c-banner").inner_text()

    def extent(self) -> tuple[int, int]:
        """Width and height of all that could be scrolled to, once the page has been laid out and drawn as it is now."""
        width, height = self.page.evaluate(EXTENT)
        return width, height

    def draw(self, frames: int) -> None:
        """Wait until the page has been drawn so many times more."""
        self.page.evaluate(PASS_FRAMES, frames)

    def screenshot(self, name: str) -> None:
        """Save what is seen, if CLAP_SCREENSHOTS names a folder."""
        if SHOTS is not None:
            SHOTS.mkdir(parents=True, exist_ok=True)
            self.page.wait_for_timeout(400)  # let the last picture be decoded and drawn
            size, theme = self._look
            look = "" if self._look == USUAL else f"-{size['width']}-{theme}"
            self.page.screenshot(path=SHOTS / f"{name}{look}.png")
