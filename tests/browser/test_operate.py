"""An operator drives the robot from the page: instruction, plan, prediction, approval, stop."""

from __future__ import annotations

import pytest

from tests.browser.operator_page import ConsolePage, sync_api
from tests.browser.test_see import clap_console  # noqa: F401 (a fixture)

pytestmark = pytest.mark.browser

INSTRUCTION = "put the red block in the red cup"
MAX_STEPS = 12
STOP_WITHIN_MS = 1000
CAMERA = "window.__clap.scene.camera.position.toArray()"


@pytest.mark.parametrize("policy", ["expert", "clap"])
def test_approving_every_step_brings_the_block_into_the_cup(
    console: ConsolePage, policy: str, request: pytest.FixtureRequest
) -> None:
    if policy == "clap":
        request.getfixturevalue("clap_console")
    page = console.page
    console.screenshot(f"{policy}-1-ready")
    console.type(INSTRUCTION)
    assert console.press_and_wait("plan", "planned", "failed") == "planned", console.banner()
    console.screenshot(f"{policy}-2-planned")
    assert page.locator("#c-plan-steps .c-step").count() == 4
    assert page.locator("#c-do-approve").is_disabled()

    box = page.locator("#c-scene canvas").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 300, box["y"] + 200)
    page.mouse.down()
    page.mouse.move(box["x"] + 240, box["y"] + 190)
    page.mouse.up()
    turned = page.evaluate(CAMERA)

    state = "planned"
    for step in range(MAX_STEPS):
        assert console.press_and_wait("predict", "awaiting approval", "failed") == "awaiting approval", console.banner()
        prediction = console.status("prediction")
        assert isinstance(prediction, dict)
        page.wait_for_function("() => document.querySelectorAll('.c-crosshair').length === 3")
        shown = page.locator("#c-main .c-view[data-view=top] .c-object text").all_text_contents()
        assert sorted(shown) == sorted(found["name"] for found in prediction["objects"])
        assert " m" in page.locator("[aria-current=step] code").inner_text()
        console.screenshot(f"{policy}-3-step-{step + 1}-proposed")
        state = console.press_and_wait("approve", "planned", "done", "failed")
        assert state != "failed", console.banner()
        if state == "done":
            break
    page.evaluate("document.activeElement.blur()")
    console.screenshot(f"{policy}-4-done")
    assert state == "done"
    assert console.status("success") is True
    assert "The goal is reached" in console.banner()
    assert page.locator("#c-plan-steps .c-done").count() == 4
    assert page.evaluate(CAMERA) == pytest.approx(turned)
    assert page.evaluate("window.__clap.canvasMounts") == 1


def begin_a_slow_motion(console: ConsolePage) -> None:
    console.at_speed(0)
    console.type(INSTRUCTION)
    console.press_and_wait("plan", "planned")
    console.press_and_wait("predict", "awaiting approval")
    console.press_and_wait("approve", "moving")
    poses = console.page.evaluate("window.__clap.poses")
    console.page.wait_for_function("poses => window.__clap.poses > poses", arg=poses)


@pytest.mark.parametrize("key", ["Escape", " ", "click"])
def test_stop_halts_a_motion_on_its_way(console: ConsolePage, key: str) -> None:
    begin_a_slow_motion(console)
    page = console.page
    console.screenshot("expert-moving")
    page.locator("#c-stop").click() if key == "click" else page.locator("body").press(key)
    page.wait_for_function("() => window.__clap.status.state === 'stopped' && window.__clap.lastStop", timeout=10_000)
    stop = page.evaluate("window.__clap.lastStop")
    assert stop["way"] is not None
    assert stop["ms"] < STOP_WITHIN_MS
    target = console.status("prediction")["action"]["position"]
    console.screenshot("expert-stopped")
    resting = []
    for verb in ("predict", "redo"):  # each looks anew
        assert console.press_and_wait(verb, "awaiting approval", "failed") == "awaiting approval"
        resting.append(console.status("gripper"))
    assert resting[0] == resting[1]
    assert max(abs(a - b) for a, b in zip(resting[0]["position"], target, strict=True)) > 0.02


def press_stop_until_it_is_confirmed(page: sync_api.Page) -> str | None:
    """By which way; an operator presses again where a busy machine did not confirm it within two seconds."""
    way = None
    for _ in range(3):
        page.evaluate("delete window.__clap.lastStop")
        page.locator("body").press("Escape")
        page.wait_for_function("() => window.__clap.lastStop", timeout=10_000)
        if way := page.evaluate("window.__clap.lastStop.way"):
            break
    return way


@pytest.mark.parametrize("way", ["http", "gradio"])
def test_stop_goes_another_way_when_the_websocket_is_silent(console: ConsolePage, way: str) -> None:
    begin_a_slow_motion(console)
    page = console.page
    page.evaluate("window.__clap.console.link.socket.send = () => {}")  # until the page opens another link
    if way == "gradio":
        page.route("**/clap/stop", lambda route: route.abort())
    try:
        assert press_stop_until_it_is_confirmed(page) == way
        page.wait_for_function("() => window.__clap.status.state === 'stopped'", timeout=10_000)
    finally:
        page.unroute("**/clap/stop")
        page.evaluate("window.__clap.console.link.socket.close()")
        console.errors[:] = [error for error in console.errors if "ERR_FAILED" not in error]  # what this test provoked


def test_space_writes_in_the_instruction_and_escape_still_stops(console: ConsolePage) -> None:
    box = console.page.locator("#c-instruction textarea, #c-instruction input")
    box.fill("")
    box.press_sequentially("open the drawer")
    assert box.input_value() == "open the drawer"
    assert console.status("state") == "ready"
    box.press("Escape")
    console.page.wait_for_function("() => window.__clap.status.state === 'stopped'")


def test_run_all_goes_to_the_end_by_itself(console: ConsolePage) -> None:
    console.reset(task="open_drawer", seed=3, variation="")
    console.page.locator(".c-own").click()
    console.page.keyboard.press("Enter")
    console.wait_until_possible("predict")
    assert console.press_and_wait("run", "done", "failed", timeout=120_000) == "done", console.banner()
    assert console.status("success") is True
    console.page.locator("#c-details [role=tab]", has_text="Log").click()
    assert "Approved by the safety checks" in console.page.locator("#c-log").inner_text()
    console.screenshot("expert-drawer-log")


def test_the_plan_card_tells_what_was_seen_on_the_table(console: ConsolePage) -> None:
    seen = console.page.locator("#c-seen")
    assert seen.is_hidden()
    console.type(INSTRUCTION)
    assert console.press_and_wait("plan", "planned", "failed") == "planned", console.banner()
    assert seen.inner_text() == f"Detected: {str(console.status('detected_objects')).replace(', ', ' · ')}"
    assert {"red block", "red cup"} <= set(str(console.status("detected_objects")).split(", "))
    assert " ; " in console.page.locator("#c-text-look").inner_text()
    console.reset(seed=1)
    assert seen.is_hidden()


def test_skipping_a_step_marks_it_and_moves_nothing(console: ConsolePage) -> None:
    console.type(INSTRUCTION)
    console.press_and_wait("plan", "planned")
    console.press_and_wait("predict", "awaiting approval")
    before = console.status("gripper")
    console.press_and_wait("skip", "planned")
    assert console.status("gripper") == before
    assert console.page.locator("#c-plan-steps .c-skipped").count() == 1
