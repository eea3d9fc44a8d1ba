"""Retraining from the page: a real run of toy size is begun, followed, cancelled, found again, and put to use."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from demos.sample import SAMPLE
from tests.browser.operator_page import ConsolePage
from tests.browser.served_console import end, start
from tests.browser.visitors import Visit, violations, visitors
from tests.support.rehearsal_shards import write_rehearsal
from tests.support.tiny_checkpoint import save_tiny_checkpoint
from training.retraining.comparison import comparison_text
from training.retraining.run_folder import RunFolder

pytestmark = pytest.mark.browser

STATE = "state => document.getElementById('c-retrain-state')?.dataset.state === state"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where runs are kept; what they do there takes seconds."""
    folder = tmp_path_factory.mktemp("retraining")
    save_tiny_checkpoint(folder / "clap-toy")
    rehearsal = write_rehearsal(folder / "rehearsal", scenes=8)
    small = {"data": str(rehearsal), "rehearsal_shards": 1, "copies": 1, "moments": 1, "check_scenes": 1}
    small |= {"episodes_new": 1, "episodes_old": 0, "checkpoint_seconds": 0.5, "workers": 1}
    kept = folder / "runs"
    kept.mkdir()
    (kept / "defaults.json").write_text(json.dumps(small))
    yield kept
    for path in kept.glob("2*"):
        group = RunFolder(path).group()
        if group is not None:
            os.killpg(group, signal.SIGKILL)


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recordings") / "set"
    shutil.copytree(SAMPLE, folder)
    return folder


class Consoles:
    """One console after the other, with the same runs."""

    def __init__(self, runs: Path, recordings: Path):
        self._options = ("--checkpoint", str(runs.parent / "clap-toy"), "--retraining", str(runs))
        self._recordings = str(recordings)
        self.start()

    def start(self) -> None:
        self.process, self.url = start("expert", *self._options, recordings=self._recordings)

    def end(self) -> None:
        end(self.process)


@pytest.fixture(scope="module")
def consoles(runs: Path, recordings: Path) -> Iterator[Consoles]:
    made = Consoles(runs, recordings)
    yield made
    made.end()


@pytest.fixture(scope="module")
def visit(chromium: Browser, consoles: Consoles) -> Iterator[Visit]:
    with visitors(chromium, consoles.url) as opened:
        yield opened


def training(console: ConsolePage) -> None:
    console.page.click("#c-tab-training")
    console.page.wait_for_function("() => window.__clap.retraining", timeout=300_000)


def shown(console: ConsolePage) -> dict[str, Any]:
    found: dict[str, Any] = console.page.evaluate("window.__clap.retraining.shown")
    return found


def test_a_run_is_begun_survives_the_console_and_is_cancelled_and_resumed(
    chromium: Browser, visit: Visit, consoles: Consoles, runs: Path
) -> None:
    console = visit()
    console.operate()
    training(console)
    page = console.page
    assert page.locator("#c-retrain-start").is_enabled()
    boxes = page.locator(".c-retrain-list input")
    assert boxes.count() == 6 and page.locator(".c-retrain-list input:disabled").count() == 1
    page.click(".c-retrain-row >> text=None")
    assert page.locator("#c-retrain-start").is_disabled()
    assert "Choose a demonstration" in (page.locator("#c-retrain-start").get_attribute("title") or "")
    page.locator(".c-retrain-list label", has_text="yellow block").locator("input").check()
    page.fill("#c-retrain-minutes", "30")
    console.screenshot("retrain-form")
    assert violations(console, "#c-training") == []
    page.click("#c-retrain-start")
    page.wait_for_function(STATE, arg="running", timeout=300_000)
    page.wait_for_selector("#c-retrain .main-svg", timeout=300_000)
    page.wait_for_function("() => document.getElementById('c-retrain-doing').innerText.includes('left')")
    assert page.locator("#c-retrain-start").is_disabled()
    console.screenshot("retrain-running")
    assert violations(console, "#c-training") == []
    name = shown(console)["name"]
    run = RunFolder(runs / name)
    group = run.group()

    watcher = visit()
    training(watcher)
    assert watcher.page.locator("#c-retrain-cancel").is_disabled()

    for gone in (console, watcher):
        gone.page.context.close()  # it would go on asking for a console that has ended
    consoles.end()
    assert run.is_running and run.group() == group
    consoles.start()
    with visitors(chromium, consoles.url) as anew:
        again = anew()
        again.operate()
        training(again)
        page = again.page
        page.wait_for_function(STATE, arg="running")
        assert shown(again)["name"] == name
        page.click("#c-retrain-cancel")
        page.wait_for_function(STATE, arg="cancelled", timeout=300_000)
        page.wait_for_selector("#c-retrain-resume:enabled")
        again.screenshot("retrain-cancelled")
        settings = json.loads(run.settings.read_text())
        run.settings.write_text(json.dumps({**settings, "minutes": 0.02}))  # as if its time were nearly over
        page.click("#c-retrain-resume")
        page.wait_for_function(STATE, arg="done", timeout=300_000)
        page.wait_for_selector("section[aria-label='Old and new, side by side'] .main-svg", timeout=300_000)
        again.screenshot("retrain-done")
        assert violations(again, "#c-training") == []
        page.click("#c-retrain-use")
        page.wait_for_function("name => window.__clap.status.policy === `CLAP (${name})`", arg=name, timeout=300_000)
        page.wait_for_selector("#c-retrain-back")
        again.screenshot("retrain-in-use")
        page.click("#c-retrain-back")
        page.wait_for_function("() => window.__clap.status.policy === 'CLAP (clap-toy)'", timeout=300_000)
        page.click("#c-tab-operate")
        assert page.locator("#c-policy option", has_text=name).count() == 1


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_a_comparison_of_a_real_size_can_be_read(chromium: Browser, consoles: Consoles, runs: Path, theme: str) -> None:
    """The finished run with more tasks in its comparison: what is drawn of it, in both themes and on a small screen."""
    finished = next(RunFolder(path) for path in sorted(runs.glob("2*")) if (path / "comparison.json").exists())
    comparison = json.loads(finished.comparison.read_text())
    first = comparison["rows"][0]
    titles = ["Place shape in shape sorter, the other variations", "Put block in cup of the same colour", "Open drawer"]
    others = [{**first, "kind": "old", "title": title} for title in titles]
    for k, row in enumerate([first, *others]):
        row["old"] = {"successes": 2 + 6 * (k > 0), "episodes": 20, "interval": [0, 1]}
        row["new"] = {"successes": 15 + k, "episodes": 20, "interval": [0, 1]}
        row["difference"] = [0.65 - 0.2 * k, 0.3 - 0.2 * k, 0.82 - 0.2 * k]
    sums = {"new": first, "old": others[0]}
    finished.comparison.write_text(comparison_text({**comparison, "rows": [first, *others], "sums": sums}))
    with visitors(chromium, consoles.url) as visit:
        console = visit(theme=theme)
        training(console)
        page = console.page
        chart = "section[aria-label='Old and new, side by side'] .main-svg"
        page.wait_for_selector(chart, timeout=300_000)
        until = time.monotonic() + 10
        while page.locator(f"{chart} .points path").count() < 8 and time.monotonic() < until:
            time.sleep(0.1)
        assert page.locator(f"{chart} .points path").count() == 8
        console.screenshot(f"retrain-compared-{theme}")
        assert violations(console, "#c-training") == []
        page.set_viewport_size({"width": 1024, "height": 768})
        page.wait_for_function("() => document.getElementById('c-training').scrollWidth <= innerWidth")
        console.screenshot(f"retrain-compared-small-{theme}")
