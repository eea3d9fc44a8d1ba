"""The page itself: it fits the screen, survives bad input and lost connections, and shows text as text."""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from tests.browser.operator_page import SCREEN, ConsolePage, OpenPage, sync_api

pytestmark = pytest.mark.browser

INSTRUCTION = "put the red block in the red cup"


def test_everything_fits_on_the_screen_without_scrolling(console: ConsolePage) -> None:
    console.type(INSTRUCTION)
    console.press_and_wait("plan", "planned")
    console.press_and_wait("predict", "awaiting approval")
    page = console.page
    for theme in ("dark", "light"):
        assert console.extent() == (1440, 900)
        for button in page.locator("button:visible").all():
            box = button.bounding_box()
            assert box is not None
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= 1440
            assert box["y"] + box["height"] <= 900
        console.screenshot(f"page-{theme}")
        page.click("#c-theme")


def test_where_no_worker_can_draw_the_page_draws_the_scene_itself(
    chromium: sync_api.Browser, console_url: Callable[[str], str]
) -> None:
    console = ConsolePage(chromium.new_page(viewport=SCREEN))
    console.page.add_init_script("delete HTMLCanvasElement.prototype.transferControlToOffscreen")
    try:
        console.open(console_url("expert"))
        console.page.wait_for_function("() => window.__clap.scene.isDrawn")
        console.screenshot("page-without-worker")
        seen = np.asarray(
            Image.open(io.BytesIO(console.page.locator("canvas[aria-label^='3D scene:']").screenshot())).convert("RGB")
        )
        assert (seen.max(axis=2) > 100).mean() > 0.05, "the table and the arm are bright before a dark ground"
        assert console.errors == []
    finally:
        console.page.close()


def test_labels_in_the_views_do_not_cover_each_other(console: ConsolePage) -> None:
    console.reset(task="shape_in_sorter", seed=1, variation="")
    console.page.locator(".c-own").click()
    console.press_and_wait("plan", "planned")
    console.press_and_wait("predict", "awaiting approval")
    for view in ("front", "left", "top"):
        boxes = [
            label.bounding_box() for label in console.page.locator(f"#c-main [data-view={view}] .c-object rect").all()
        ]
        assert boxes
        for a, b in itertools.combinations(boxes, 2):
            assert a is not None
            assert b is not None
            apart = a["x"] + a["width"] <= b["x"] or b["x"] + b["width"] <= a["x"]
            assert apart or a["y"] + a["height"] <= b["y"] + 1 or b["y"] + b["height"] <= a["y"] + 1
    console.screenshot("page-sorter")


def test_the_tabs_show_cameras_planner_text_and_log(console: ConsolePage) -> None:
    console.type(INSTRUCTION)
    console.press_and_wait("plan", "planned")
    console.press_and_wait("predict", "awaiting approval")
    page = console.page
    for title in ("Zoomed views", "Cameras", "Log", "Planner text"):
        page.locator("#c-details [role=tab]", has_text=title).click()
        assert page.locator("#c-details [role=tabpanel]:visible").count() == 1
        console.screenshot(f"page-tab-{title.split()[0].lower()}")
    assert "red block" in page.locator("#c-text-plan").inner_text()
    assert "wrote nothing here" in page.locator("#c-text-reason").inner_text()
    assert page.locator("#c-cameras img").count() == 4
    assert page.evaluate(
        "[...document.querySelectorAll('#c-cameras img')].every((image) => image.naturalWidth === 256)"
    )


@pytest.mark.parametrize(
    "instruction",
    ["", "   ", "bitte lege den roten Block in die Tasse", "colourless green ideas sleep", "put " * 500],
    ids=["empty", "blank", "not English", "nonsense", "2000 characters"],
)
def test_an_instruction_that_cannot_be_planned_is_a_clear_sentence_and_the_console_goes_on(
    console: ConsolePage, instruction: str, request: pytest.FixtureRequest
) -> None:
    console.type(instruction)
    assert console.press_and_wait("plan", "failed") == "failed"
    failure = console.status("failure")
    assert isinstance(failure, dict)
    assert failure["name"] == "instruction not understood"
    banner = console.page.locator("#c-banner")
    banner.wait_for()
    for part in ("sentence", "next_move"):
        assert failure[part] in console.banner()
    console.screenshot(f"page-failure-{request.node.callspec.id.replace(' ', '-')}")
    assert console.extent()[1] == 900
    console.type(INSTRUCTION)
    assert console.press_and_wait("plan", "planned", "failed") == "planned"


def test_markup_in_an_instruction_is_shown_as_text(console: ConsolePage) -> None:
    console.page.evaluate("window.__struck = false")
    console.type("put <img src=x onerror='window.__struck=true'> <script>window.__struck=true</script> in the cup")
    console.press_and_wait("plan", "failed", "planned")
    console.page.evaluate("() => fetch(location.href).then(() => 0)")  # what an image would ask for is answered by then
    assert console.page.evaluate("window.__struck") is False
    assert console.page.locator("#c-banner img, #c-log img, #c-text-plan img").count() == 0


def test_a_lost_connection_is_shown_and_healed(console: ConsolePage) -> None:
    page = console.page
    page.route("**/clap/session", lambda route: route.fulfill(status=503))
    page.evaluate("window.__clap.console.link.socket.close()")
    page.wait_for_selector("body.c-offline", state="attached")
    page.wait_for_selector("#c-stale:visible")
    assert "last picture" in page.locator("#c-stale").inner_text()
    assert "connection lost" in page.locator("#c-state").inner_text()
    assert page.locator("#c-do-plan").is_disabled()
    assert page.locator("#c-stop").is_enabled()
    console.screenshot("page-disconnected")
    page.unroute("**/clap/session")
    page.wait_for_selector("body:not(.c-offline)", state="attached")
    page.wait_for_function("() => document.querySelector('#c-do-plan').disabled === false")
    assert page.evaluate("window.__clap.canvasMounts") == 1
    console.errors[:] = [error for error in console.errors if "503" not in error]  # what this test provoked


def test_a_second_page_sees_the_same_scene_and_state(open_page: OpenPage, console: ConsolePage) -> None:
    console.reset(task="block_in_open_drawer", seed=5, variation="")
    other = open_page("expert")
    assert other.page.locator("#c-task").input_value() == "block_in_open_drawer"
    assert other.page.locator("#c-seed").input_value() == "5"
    other.page.locator(".c-own").click()
    other.press_and_wait("plan", "planned")
    console.page.wait_for_selector("#c-plan-steps .c-current")


def test_a_tab_that_is_not_seen_takes_its_pictures_when_it_is(console: ConsolePage) -> None:
    page = console.page
    page.evaluate(
        """() => Object.defineProperty(document, "hidden", { configurable: true, get: () => window.__unseen })"""
    )
    page.evaluate("() => { window.__unseen = true; document.dispatchEvent(new Event('visibilitychange')); }")
    drawn = page.evaluate("window.__clap.scenes")
    before = console.status("seq")
    page.fill("#c-seed", "7")
    console.press("reset")
    page.wait_for_function(
        "before => window.__clap.status.seq > before && window.__clap.status.state === 'ready'", arg=before
    )
    assert console.status("seed") == 7
    assert page.evaluate("window.__clap.scenes") == drawn
    page.evaluate("() => { window.__unseen = false; document.dispatchEvent(new Event('visibilitychange')); }")
    page.wait_for_function("drawn => window.__clap.scenes > drawn", arg=drawn)
    page.evaluate("delete document.hidden")


def test_controls_have_names_and_show_the_focus(console: ConsolePage) -> None:
    page = console.page
    for control in page.locator("button:visible, select:visible, input:visible, textarea:visible").all():
        name = control.evaluate(
            "node => node.getAttribute('aria-label') || node.innerText || node.labels?.[0]?.innerText || ''"
        )
        assert name.strip(), control.evaluate("node => node.outerHTML.slice(0, 200)")
    page.locator("#c-task").focus()
    page.keyboard.press("Tab")
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"


def test_a_narrow_screen_stacks_the_columns(console: ConsolePage) -> None:
    console.page.set_viewport_size({"width": 800, "height": 900})
    console.extent()
    left, right = (console.page.locator(column).bounding_box() for column in ("#c-left", "#c-right"))
    assert left is not None
    assert right is not None
    assert right["y"] >= left["y"] + left["height"]
    assert console.extent()[0] <= 800
    console.screenshot("page-narrow")
    console.page.set_viewport_size(SCREEN)


def test_a_chosen_variation_stays_chosen_and_the_examples_fit_the_new_table(console: ConsolePage) -> None:
    console.reset("block_in_other_cup", seed=31, variation="11")
    assert console.page.input_value("#c-variation") == "11"
    examples = console.page.locator("#c-chips button").all_inner_texts()
    assert len(examples) == len(set(examples)) >= 2
    assert "yellow block" in examples[0] and "blue cup" in examples[0]
    console.reset()
