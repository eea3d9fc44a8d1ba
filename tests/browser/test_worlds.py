"""Worlds of one's own: who comes too late waits for one, and a world that dies, even while it starts, comes back."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.browser.operator_page import ConsolePage
from tests.browser.served_console import serving
from tests.browser.visitors import Visit, violations, visitors

pytestmark = pytest.mark.browser

Crowd = tuple[Visit, "subprocess.Popen[str]"]
BUSY = "window.__busy = setInterval(() => window.__clap.console.link.send({ type: 'speed', value: 1 }), 300)"


@pytest.fixture(scope="module")
def crowd(chromium: Browser) -> Iterator[Crowd]:
    """A console with two worlds, where ten seconds without a command count as rest."""
    with serving("expert", "--worlds", "2", "--idle", "10") as (process, url), visitors(chromium, url) as visit:
        yield visit, process


@pytest.fixture(scope="module")
def ben(crowd: Crowd) -> ConsolePage:
    visit, _ = crowd
    return visit(name="Ben")


@pytest.fixture(scope="module")
def ann(crowd: Crowd, ben: ConsolePage) -> ConsolePage:
    """The second visitor, whose world is still starting."""
    visit, _ = crowd
    return visit(name="Ann", waits=True)


def test_a_world_that_dies_twice_while_it_starts_is_told_and_another_one_comes(
    crowd: Crowd, ben: ConsolePage, ann: ConsolePage
) -> None:
    _, process = crowd
    page, scenes = ann.page, ben.page.evaluate("window.__clap.scenes")
    page.wait_for_function("() => window.__clap?.console")
    bens = min(children(process.pid))
    killed = {bens}
    for sentence in ("It is being started once more", "You get another one"):
        dead = new_child(process.pid, killed)
        os.kill(dead, signal.SIGKILL)
        killed.add(dead)
        page.locator("#c-banner, .c-toast", has_text=sentence).first.wait_for()
        ann.screenshot(f"worlds-killed-while-starting-{len(killed) - 1}")
    ann.wait_for_a_world()
    page.locator("#c-banner", has_text="ended").wait_for(state="hidden")
    ann.wait_until_possible("plan")
    assert bens in children(process.pid)
    assert ben.page.evaluate("window.__clap.console.link.ready")
    assert ben.page.evaluate("window.__clap.scenes") == scenes
    assert ben.page.locator("#c-banner", has_text="process").count() == 0


def test_visitors_whom_nobody_knows_record_nothing_and_are_told_why(ben: ConsolePage) -> None:
    ben.page.wait_for_function("() => window.__clap.recording?.state === 'off'")
    ben.page.click("#c-details [role=tab] >> text=Record")
    assert "with --worlds anybody may come" in ben.page.locator("#c-record-say").inner_text()
    assert ben.page.locator("#c-record-go").is_hidden()


def test_who_comes_too_late_waits_in_a_queue_and_gets_the_world_that_rests(
    crowd: Crowd, ben: ConsolePage, ann: ConsolePage
) -> None:
    visit, _ = crowd
    for console in (ann, ben):
        console.wait_for_a_world()
        console.page.wait_for_function("() => window.__clap.lease.mine")  # each in a world of their own
        console.page.evaluate(BUSY)
    cleo = visit(name="Cleo", waits=True)
    dialog = cleo.page.locator("#c-queue")
    dialog.wait_for()
    assert "1 of 1 in the queue" in dialog.inner_text()
    assert "does nothing in it for 10 seconds" in dialog.inner_text()
    assert cleo.page.locator("#c-state").inner_text() == "waiting for a world"
    assert cleo.page.locator("#c-do-plan").is_disabled()
    assert violations(cleo) == []
    cleo.screenshot("worlds-queue")
    cleo.page.click("#c-stop")
    cleo.page.wait_for_function("() => window.__clap.lastStop?.way")

    ann.page.evaluate("clearInterval(window.__busy)")
    cleo.wait_for_a_world()
    dialog.wait_for(state="detached")
    cleo.wait_until_possible("plan")
    ann.page.locator("#c-queue", has_text="Your world went to the next visitor").wait_for(timeout=120_000)
    ann.screenshot("worlds-given-on")
    for console in (ann, cleo):
        console.page.context.close()


def test_a_world_that_dies_is_told_and_comes_back(crowd: Crowd, ben: ConsolePage) -> None:
    _, process = crowd
    page = ben.page
    page.evaluate("clearInterval(window.__busy)")
    page.wait_for_function(
        "() => window.__clap.console.link.ready && window.__clap.status.preconditions.plan === null", timeout=120_000
    )
    scenes = page.evaluate("window.__clap.scenes")
    for world in children(process.pid):
        os.kill(world, signal.SIGKILL)
    banner = page.locator("#c-banner", has_text="process has died")
    banner.wait_for()
    assert page.locator("#c-do-plan").is_disabled()
    assert page.locator("#c-do-home").is_disabled()
    assert "Another one is being started" in str(page.locator("#c-do-home").get_attribute("title"))
    page.locator("#c-stale", has_text="World lost").wait_for()
    ben.screenshot("worlds-lost")
    page.wait_for_function("scenes => window.__clap.scenes > scenes", arg=scenes, timeout=120_000)
    banner.wait_for(state="hidden")
    ben.reset()
    assert ben.status("state") == "ready"
    assert page.locator("#c-state").inner_text() == "ready"
    assert page.evaluate("window.__clap.canvasMounts") == 1


def new_child(parent: int, known: set[int]) -> int:
    """A world's process that is not among the known ones, as soon as there is one."""
    until = time.monotonic() + 30
    while not (found := set(children(parent)) - known):
        assert time.monotonic() < until, "no world was started"
        time.sleep(0.05)
    return found.pop()


def children(parent: int) -> list[int]:
    """The processes of the worlds that this console has started."""
    lines = subprocess.run(
        ["ps", "-ww", "-o", "pid=,args=", "--ppid", str(parent)], capture_output=True, text=True, check=True
    )
    return [int(line.split()[0]) for line in lines.stdout.splitlines() if "spawn_main" in line]
