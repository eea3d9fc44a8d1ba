"""Sizes, themes, focus, tour, dialogs and log; and no grave fault that axe finds in any state."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser.operator_page import SCREEN, THEMES, ConsolePage
from tests.browser.served_console import DEAD_MAN_S
from tests.browser.visitors import TABLET, Visit, violations, visitors

pytestmark = pytest.mark.browser

INSTRUCTION = "put the red block in the red cup"
UNDER_STOP = """() => { const b = document.querySelector("#c-stop").getBoundingClientRect();
  const middle = [(b.left + b.right) / 2, (b.top + b.bottom) / 2];
  const points = [[b.left + 4, b.top + 4], middle, [b.right - 4, b.bottom - 4]];
  return points.every(([x, y]) => document.elementFromPoint(x, y)?.closest("#c-stop")); }"""
FOCUSED = """() => [document.activeElement.id || document.activeElement.closest("[id]")?.id,
  getComputedStyle(document.activeElement).outlineStyle]"""
WITHIN = """() => document.activeElement.id === "c-stop" ? "stop"
  : document.activeElement.closest(".c-dialog") ? "dialog" : "page" """
FROM_THE_TOP = "document.body.tabIndex = -1; document.body.focus(); document.body.removeAttribute('tabindex')"
DIALOGS = {"settings": "#c-open-settings", "help": "#c-open-help"}


@pytest.fixture(scope="module")
def visit(chromium: Browser, console_url: Callable[[str], str]) -> Iterator[Visit]:
    with visitors(chromium, console_url("expert")) as opened:
        yield opened


@pytest.fixture(scope="module")
def wide(visit: Visit) -> ConsolePage:
    return visit(name="Dora")


def states(console: ConsolePage) -> Iterator[tuple[str, str | None]]:
    """Bring the page into one state after another: its name, and the part of the page that is new (None: all)."""
    page = console.page
    console.operate()
    console.reset()
    yield "ready", None
    console.type(INSTRUCTION)
    console.press_and_wait("plan", "planned", "failed")
    console.press_and_wait("predict", "awaiting approval", "failed")
    yield "proposed", None
    page.click("#c-open-drive")
    yield "drive", "#c-right"
    page.click("#c-drive-on")
    page.wait_for_function("() => window.__clap.status.driving")
    before = page.evaluate("window.__clap.pose.position[2]")
    page.get_by_role("button", name="Hold: down").hover()
    page.mouse.down()
    page.wait_for_function("z => window.__clap.pose.position[2] < z - 0.01", arg=before)
    yield "driving", "#c-right"
    page.mouse.up()
    page.click("#c-drive-close")
    page.wait_for_function("() => !window.__clap.status.driving")
    page.click("#c-lease")
    yield "lease", "#c-top"
    page.click("#c-lease")
    page.locator("#c-details [role=tab]", has_text="Log").click()
    yield "log", "#c-details"
    for name, button in DIALOGS.items():
        page.click(button)
        yield name, ".c-dialog"
        page.locator(".c-dialog").get_by_role("button", name="Close").click()
    page.click("#c-stop")
    page.wait_for_function("() => window.__clap.status.state === 'stopped'")
    yield "stopped", "#c-top"
    console.type("colourless green ideas sleep")
    console.press_and_wait("plan", "failed")
    yield "failed", None


@pytest.mark.parametrize("size", [SCREEN, TABLET], ids=["1440x900", "1024x768"])
def test_every_state_fits_shows_stop_and_has_no_grave_fault(visit: Visit, size: dict[str, int]) -> None:
    console = visit(size=size, touch=size is TABLET)
    page = console.page
    found: dict[str, list[str]] = {}
    for state, part, theme in ((*state, theme) for state in states(console) for theme in THEMES):
        console.paint(theme)
        console.screenshot(f"feel-{size['width']}-{theme}-{state}")
        width, height = console.extent()
        assert width <= size["width"], (state, theme)
        assert size is TABLET or height == size["height"], (state, theme)
        assert page.evaluate(UNDER_STOP), f"Stop is covered: {state}, {theme}"
        if faults := violations(console, part):
            found[f"{state}, {theme}"] = faults
    assert not found, "\n".join(f"{state}: {fault}" for state, faults in found.items() for fault in faults)
    page.context.close()


def test_touch_targets_are_large_on_a_tablet(visit: Visit) -> None:
    page = visit(size=TABLET, touch=True).page
    page.click("#c-open-drive")
    small = [
        (button.evaluate("node => node.id || node.innerText"), box["width"], box["height"])
        for button in page.locator("button:visible").all()
        if (box := button.bounding_box()) and min(box["width"], box["height"]) < 39.5
    ]
    assert small == []
    page.context.close()


def test_the_first_visit_begins_with_a_tour_of_five_steps(visit: Visit) -> None:
    console = visit(tour=True)
    page = console.page
    tour = page.locator("#c-tour")
    for step in range(1, 6):
        assert f"Step {step} of 5" in tour.inner_text()
        assert page.evaluate(UNDER_STOP)
        assert page.evaluate("document.activeElement.closest('#c-tour') !== null")
        assert violations(console) == []
        console.screenshot(f"feel-tour-{step}")
        page.keyboard.press("ArrowRight" if step < 4 else "Enter")
    tour.wait_for(state="detached")
    page.reload()
    page.wait_for_function("() => window.__clap?.status")
    assert tour.count() == 0
    page.click("#c-open-help")
    page.get_by_role("button", name="Take the tour").click()
    assert "Step 1 of 5" in tour.inner_text()
    page.keyboard.press("Escape")
    assert tour.count() == 0
    page.wait_for_function("() => window.__clap.lastStop")  # Esc is Stop first of all
    page.context.close()


def test_the_keyboard_reaches_everything_in_order(wide: ConsolePage) -> None:
    page = wide.page
    wide.operate()
    wide.reset()
    page.evaluate(FROM_THE_TOP)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "c-skip"
    order = []
    for _ in range(40):
        page.keyboard.press("Tab")
        focused, outline = page.evaluate(FOCUSED)
        if focused is None:  # past the last one: the browser's own controls
            break
        assert outline != "none", focused
        order.append(focused)
    wanted = ["c-tab-operate", "c-lease", "c-open-drive", "c-open-settings", "c-open-help", "c-theme", "c-stop"]
    assert [name for name in order if name in wanted][: len(wanted)] == wanted
    assert order.index("c-stop") < order.index("c-instruction") < order.index("c-task")


def test_the_skip_link_leads_to_the_instruction(wide: ConsolePage) -> None:
    page = wide.page
    page.evaluate("document.activeElement.blur(); window.scrollTo(0, 0)")
    page.locator(".c-skip").focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.closest('#c-instruction') !== null")


@pytest.mark.parametrize("button", DIALOGS.values())
def test_a_dialog_keeps_the_focus_lets_stop_be_reached_and_closes_on_escape(wide: ConsolePage, button: str) -> None:
    page = wide.page
    page.evaluate("delete window.__clap.lastStop")
    page.click(button)
    seen = set()
    for _ in range(16):
        page.keyboard.press("Tab")
        seen.add(page.evaluate(WITHIN))
    assert seen == {"dialog", "stop"}
    page.keyboard.press("Escape")
    assert page.locator(".c-dialog").count() == 0
    page.wait_for_function("() => window.__clap.lastStop")
    assert page.evaluate("'#' + document.activeElement.id") in (button, "#c-stop")


def test_settings_are_kept(wide: ConsolePage) -> None:
    page = wide.page
    wide.operate()
    page.click("#c-open-settings")
    page.get_by_label("Light", exact=True).check()
    assert not page.evaluate("document.body.classList.contains('dark')")
    page.get_by_label("Times in the top bar").uncheck()
    assert page.locator(".c-latencies").is_hidden()
    page.get_by_label("Your name").fill("Dora B.")
    page.get_by_label("Your name").press("Tab")
    page.wait_for_function("() => window.__clap.lease.operator.name === 'Dora B.'")
    assert f"lost for {DEAD_MAN_S} s" in page.locator("#c-settings").inner_text()
    page.get_by_label("Times in the top bar").check()
    page.get_by_label("Dark", exact=True).check()
    page.locator(".c-dialog").get_by_role("button", name="Close").click()


def test_the_log_is_filtered_and_saved(wide: ConsolePage, tmp_path: Path) -> None:
    page = wide.page
    wide.operate()
    wide.reset(seed=7)
    page.click("#c-stop")
    page.locator("#c-details [role=tab]", has_text="Log").click()
    page.locator("#c-log li", has_text="Stopped").first.wait_for()
    page.select_option("#c-log-level", "bad")
    assert page.locator("#c-log li").count() == page.locator("#c-log li.c-bad").count() > 0
    page.fill("#c-log-text", "no such event")
    assert page.locator("#c-log-empty").inner_text() == "No event fits this filter."
    page.fill("#c-log-text", "")
    page.select_option("#c-log-level", "all")
    for ending in ("csv", "json"):
        with page.expect_download() as download:
            page.click(f"#c-log-{ending}")
        download.value.save_as(tmp_path / ending)
        assert download.value.suggested_filename.endswith(f".{ending}")
    rows = list(csv.DictReader((tmp_path / "csv").open(encoding="utf-8", newline="")))
    assert rows == json.loads((tmp_path / "json").read_text("utf-8"))
    assert any("New scene, seed 7" in row["text"] for row in rows)
    assert {row["level"] for row in rows} <= {"info", "good", "warn", "bad"}
