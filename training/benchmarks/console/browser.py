"""Chromium, and the console's page in it with a listener that notes what it is told and when."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Iterator
from typing import Any

from training.benchmarks.measure import SectionUnavailable

SCREEN = {"width": 1440, "height": 900}
WAIT_MS = 60_000
LOOK_MS = 25
REST_S, RUN_REST_S = 0.2, 0.8
ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
)

VISITED = "localStorage.setItem('clap-tour', 'seen')"

# One more card of the page: it gets every message as the others do. Times are seconds since 1970.
LISTENER = """() => {
  const now = () => (performance.timeOrigin + performance.now()) / 1000;
  const lists = { halted: [], poses: [], scenes: [], shown: [], pressed: [], applied: [], refused: [] };
  const heard = window.__heard = { ...lists, sent: {}, changed: now() };
  window.__clap.console.cards.push({
    status: () => (heard.changed = now()),
    refused: ({ sentence }) => heard.refused.push(sentence),
    halted: ({ at, seconds }) => heard.halted.push([at, seconds]),
    pose: () => heard.poses.push(now()),
    scene: ({ shown }) => { heard.scenes.push(now()); heard.shown.push(shown); },
    "jog-ack": ({ seq, applied, at }) => heard.applied.push([heard.sent[seq], applied ? at : null]),
  });
  addEventListener("pointerdown", (event) => {
    const at = (performance.timeOrigin + event.timeStamp) / 1000;
    if (event.target.closest?.("#c-stop")) heard.pressed.push([at, now()]);
  }, { capture: true });
  const { link } = window.__clap.console;
  const send = link.send.bind(link);
  link.send = (message) => {
    if (message.type === "jog") heard.sent[message.seq] = now();
    return send(message);
  };
}"""


SITUATION = """() => {
  const { state, hint, failure, policy } = window.__clap.status;
  const banner = document.querySelector("#c-banner").innerText;
  return JSON.stringify({ state, hint, failure, policy, banner, refused: window.__heard?.refused.slice(-3) });
}"""


@contextlib.contextmanager
def chromium() -> Iterator[Any]:
    """A browser without a screen. Raises SectionUnavailable if there is none."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        raise SectionUnavailable("Playwright is missing: pip install -r requirements-dev.txt") from error
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        raise SectionUnavailable("there is no Chromium: install it, for instance by apt install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


class NeverError(Exception):
    """Something that was waited for did not come; the text says what, and how the page stands."""


# Without a screen every page counts as seen. A window shows one of its tabs: to the others this is what it does.
UNSEEN = """() => {
  for (const [name, value] of [["hidden", true], ["visibilityState", "hidden"]])
    Object.defineProperty(document, name, { get: () => value });
  window.requestAnimationFrame = () => 0;
  document.dispatchEvent(new Event("visibilitychange"));
}"""


class Tab:
    """A page of the console, operated by mouse and keys; what needs no gripper is sent as its own messages.

    ``seen`` False: one of a window's other tabs, to which the browser gives no frames to draw."""

    def __init__(self, context: Any, url: str, seen: bool = True):
        self.page = context.new_page()
        self.page.add_init_script(VISITED)
        self.page.goto(url)
        self.until("window.__clap?.scenes > 0 && window.__clap.status")
        self.page.evaluate(LISTENER)
        if not seen:
            self.page.evaluate(UNSEEN)

    def until(self, condition: str, timeout_ms: float = WAIT_MS) -> None:
        """Wait until a condition in JavaScript holds. Raises NeverError."""
        from playwright.sync_api import TimeoutError as PageTimeoutError

        try:
            self.page.wait_for_function(f"() => {condition}", polling=LOOK_MS, timeout=timeout_ms)
        except PageTimeoutError as error:
            raise NeverError(f"{condition} did not come true: {self.page.evaluate(SITUATION)}") from error

    def until_state(self, *states: str, timeout_ms: float = WAIT_MS) -> str:
        """Wait until the console is in one of these states; the result is which."""
        self.until(f"{list(states)}.includes(window.__clap.status.state)", timeout_ms)
        return self.state()

    def state(self) -> str:
        """The console's state, as the page knows it."""
        return str(self.page.evaluate("window.__clap.status.state"))

    def can(self, verb: str) -> bool:
        """Whether the console would take a command now."""
        return bool(self.page.evaluate("verb => window.__clap.status.preconditions[verb] === null", verb))

    def send(self, kind: str, **fields: Any) -> None:
        """Send a command as the page's own buttons do."""
        self.page.evaluate("message => window.__clap.console.link.send(message)", {"type": kind, **fields})

    def do(self, kind: str, rest_s: float = REST_S, **fields: Any) -> str:
        """Send a command and wait until it is done and nothing has changed since for a moment; the state then."""
        before = self.page.evaluate("window.__clap.status.seq")
        self.send(kind, **fields)
        rested = f"Date.now() / 1000 - window.__heard.changed > {rest_s}"
        self.until(f"window.__clap.status.seq > {before} && !window.__clap.status.busy && {rested}")
        return self.state()

    def run(self) -> None:
        """Run all, until the console has come to rest; between two steps it rests for a moment only."""
        self.do("run", rest_s=RUN_REST_S)

    def reset(self, seed: int, task: str = "block_in_same_cup") -> None:
        """Set a scene up."""
        self.until("window.__clap.status.preconditions.reset === null")
        self.do("reset", task=task, seed=seed, variation=None, condition="none")

    def policy(self, wanted: str) -> None:
        """Choose the policy whose name begins so; CLAP's takes its time the first time."""
        name = self.page.evaluate(
            "start => [...document.querySelector('#c-policy').options].map((o) => o.value)"
            ".find((name) => name.startsWith(start))",
            wanted,
        )
        if name is None:
            raise SectionUnavailable(f"there is no policy {wanted}: `make train-mini` makes clap-mini")
        if self.page.evaluate("window.__clap.status.policy") != name:
            self.do("policy", name=name)

    def centre(self, selector: str) -> tuple[float, float]:
        """The middle of an element, pixels of the page."""
        box = self.page.locator(selector).bounding_box()
        return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    def heard(self, name: str) -> Any:
        """What the listener noted."""
        return self.page.evaluate("name => window.__heard[name]", name)

    def clear(self) -> None:
        """Let the listener begin anew."""
        self.page.evaluate(
            "() => { for (const list of Object.values(window.__heard)) if (Array.isArray(list)) list.length = 0; }"
        )

    def drive(self, timeout_ms: float = WAIT_MS) -> None:
        """Switch driving by hand on. Raises NeverError."""
        self.until("window.__clap.status.preconditions.drive === null || window.__clap.status.driving", timeout_ms)
        if self.page.locator("#c-drive").is_hidden():
            self.page.click("#c-open-drive")
        if not self.page.evaluate("window.__clap.status.driving"):
            self.page.click("#c-drive-on")
        self.until("window.__clap.status.driving && window.__clap.drive.applied > 3", timeout_ms)


def clock_error_s(page: Any) -> tuple[float, float]:
    """(error, uncertainty) of the page's clock against this process's: seconds to take off the page's times."""
    best = (0.0, float("inf"))
    for _ in range(60):
        before = time.time()
        theirs = page.evaluate("(performance.timeOrigin + performance.now()) / 1000")
        after = time.time()
        if after - before < 2 * best[1]:
            best = (theirs - (before + after) / 2, (after - before) / 2)
    return best
