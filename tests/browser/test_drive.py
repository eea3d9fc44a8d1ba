"""An operator drives the arm by hand: keys, pad, gamepad, handle in the scene; and lets go in every way."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.browser.by_hand import moved, position, rests, switch_on
from tests.browser.operator_page import ConsolePage

pytestmark = pytest.mark.browser

GAMEPAD = """() => {
  window.__pad = { index: 0, id: "Test pad (STANDARD GAMEPAD)", mapping: "standard", axes: [0, 0, 0, 0],
    buttons: Array.from({ length: 17 }, () => ({ pressed: false, value: 0 })) };
  navigator.getGamepads = () => [window.__pad];
  const event = new Event("gamepadconnected");
  event.gamepad = window.__pad;
  window.dispatchEvent(event);
}"""

# Where the tip of the handle's upward arrow is on the screen.
ARROW_UP = """() => {
  const { gizmo, camera, canvas } = window.__clap.scene;
  const pickers = gizmo.helper.children.flatMap((part) => part.picker?.translate?.children ?? []);
  const arrow = pickers.find(({ name }) => name === "Z");
  const box = canvas.node.getBoundingClientRect();
  arrow.geometry.computeBoundingSphere();
  const p = arrow.geometry.boundingSphere.center.clone().applyMatrix4(arrow.matrixWorld).project(camera);
  return [box.left + (p.x * 0.5 + 0.5) * box.width, box.top + (0.5 - p.y * 0.5) * box.height];
}"""


@pytest.fixture
def driving(console: ConsolePage) -> Iterator[ConsolePage]:
    switch_on(console)
    yield console
    console.page.evaluate("window.__pad = undefined")
    console.page.keyboard.press("Escape")
    console.page.wait_for_function("() => !window.__clap.status.driving")
    if console.page.locator("#c-drive").is_visible():
        console.page.click("#c-drive-close")


def test_the_arm_moves_while_a_key_is_held_and_rests_when_it_is_let_go(driving: ConsolePage) -> None:
    page = driving.page
    before = position(driving)
    page.keyboard.down("f")
    moved(driving, 2, before, -0.02)
    assert page.locator(".c-bars output").nth(2).inner_text() == "-0.15 m/s"
    driving.screenshot("drive-key-held")
    page.keyboard.up("f")
    rests(driving)
    assert page.locator(".c-bars output").nth(2).inner_text() == "0"


def test_commands_are_numbered_zeros_are_sent_too_and_every_one_is_answered(driving: ConsolePage) -> None:
    page = driving.page
    page.evaluate(
        """() => {
          const { link } = window.__clap.console;
          const send = link.send.bind(link);
          window.__jogs = [];
          link.send = (message) => {
            if (message.type === "jog") window.__jogs.push({ ...message });
            return send(message);
          };
          window.__acks = [];
          window.__clap.console.cards.push({ "jog-ack": (message) => window.__acks.push(message) });
        }"""
    )
    page.wait_for_function("() => window.__jogs.length >= 40")
    page.keyboard.down("r")
    page.wait_for_function("() => window.__jogs.filter(({ linear }) => linear[2] === 1).length >= 10")
    page.keyboard.up("r")
    page.wait_for_function("() => window.__jogs.at(-1).linear[2] === 0")
    last = page.evaluate("window.__jogs.at(-1).seq")
    page.wait_for_function("last => window.__acks.some(({ seq }) => seq >= last)", arg=last)
    jogs, acks = page.evaluate("[window.__jogs, window.__acks]")
    page.evaluate("delete window.__clap.console.link.send; window.__clap.console.cards.pop()")
    numbers = [jog["seq"] for jog in jogs]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert jogs[0]["linear"] == jogs[0]["angular"] == [0, 0, 0]
    answered = [ack["seq"] for ack in acks]
    assert len(answered) == len(set(answered))
    assert set(range(numbers[0], last + 1)) <= set(answered)
    assert any(ack["applied"] for ack in acks)
    assert "% applied" in page.locator("#c-drive-figures").inner_text()


@pytest.mark.parametrize("how", ["blur", "dialog", "closed panel"])
def test_a_key_whose_release_is_never_seen_moves_nothing(driving: ConsolePage, how: str) -> None:
    page = driving.page
    before = position(driving)
    page.keyboard.down("r")
    moved(driving, 2, before)
    if how == "blur":
        page.evaluate("window.dispatchEvent(new Event('blur'))")
    elif how == "dialog":
        page.click("#c-open-help")
    else:
        page.click("#c-drive-close")
    rests(driving)
    page.keyboard.up("r")
    page.wait_for_function("on => window.__clap.status.driving === on", arg=how != "closed panel")


@pytest.mark.parametrize("key", ["Escape", " "])
def test_stop_ends_driving(driving: ConsolePage, key: str) -> None:
    page = driving.page
    before = position(driving)
    page.keyboard.down("r")
    moved(driving, 2, before)
    page.keyboard.press(key)
    page.wait_for_function("() => window.__clap.status.state === 'stopped' && !window.__clap.status.driving")
    page.keyboard.up("r")
    assert page.locator("#c-drive-on").get_attribute("aria-checked") == "false"
    assert page.locator(".c-hold").first.is_disabled()
    rests(driving)
    driving.screenshot("drive-stopped")


def test_the_pad_is_pressed_and_held_by_pointer_and_by_enter(driving: ConsolePage) -> None:
    page = driving.page
    left = page.get_by_role("button", name="Hold: to the left")
    before = position(driving)
    left.hover()
    page.mouse.down()
    moved(driving, 1, before)
    page.mouse.up()
    rests(driving)
    before = position(driving)
    page.get_by_role("button", name="Hold: to the right").focus()
    page.keyboard.down("Enter")
    moved(driving, 1, before, -0.01)
    page.keyboard.up("Enter")
    rests(driving)


def test_slow_is_a_quarter_of_the_speed(driving: ConsolePage) -> None:
    page = driving.page
    page.check("#c-drive-slow")
    page.keyboard.down("r")
    page.wait_for_function("() => document.querySelectorAll('.c-bars output')[2].textContent === '0.04 m/s'")
    page.keyboard.up("r")
    page.uncheck("#c-drive-slow")


def test_the_gripper_closes_and_opens(driving: ConsolePage) -> None:
    page = driving.page
    page.keyboard.press("g")
    page.wait_for_function("() => window.__clap.pose.opening < 0.3")
    page.locator("#c-drive").get_by_role("button", name="Open", exact=True).click()
    page.wait_for_function("() => window.__clap.pose.opening > 0.7")


def test_letters_in_a_text_field_are_text(driving: ConsolePage) -> None:
    page = driving.page
    page.locator("#c-details [role=tab]", has_text="Log").click()
    box = page.locator("#c-log-text")
    box.fill("")
    before = position(driving)
    box.press_sequentially("wasd rf")
    assert box.input_value() == "wasd rf"
    assert position(driving) == pytest.approx(before, abs=1e-3)
    box.fill("")


def test_a_gamepad_drives_shows_its_name_and_its_loss_ends_driving(driving: ConsolePage) -> None:
    page = driving.page
    page.evaluate(GAMEPAD)
    assert page.locator("#c-drive-pad").inner_text() == "Gamepad: Test pad"
    before = position(driving)
    page.evaluate("window.__pad.axes[3] = 0.1")  # within the dead zone
    applied = page.evaluate("window.__clap.drive.applied")
    page.wait_for_function("before => window.__clap.drive.applied > before + 6", arg=applied)
    assert position(driving) == pytest.approx(before, abs=1e-3)
    page.evaluate("window.__pad.axes[3] = -1")
    moved(driving, 2, before)
    driving.screenshot("drive-gamepad")
    page.evaluate(
        "const gone = new Event('gamepaddisconnected'); gone.gamepad = window.__pad; window.dispatchEvent(gone)"
    )
    page.wait_for_function("() => !window.__clap.status.driving")
    assert "gamepad was lost" in page.locator("#c-drive-hint").inner_text()
    rests(driving)


def test_a_gamepad_button_stops(driving: ConsolePage) -> None:
    page = driving.page
    page.evaluate(GAMEPAD)
    page.evaluate("window.__pad.buttons[1] = { pressed: true, value: 1 }")
    page.wait_for_function("() => window.__clap.status.state === 'stopped'")


def test_the_arm_follows_the_handle_in_the_scene_while_it_is_dragged(driving: ConsolePage) -> None:
    page = driving.page
    page.wait_for_function("() => window.__clap.scene.gizmo.shown() !== null")
    before = position(driving)
    x, y = page.evaluate(ARROW_UP)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x, y - 30, steps=4)
    moved(driving, 2, before, 0.02)
    driving.screenshot("drive-handle")
    page.mouse.up()
    rests(driving)


def test_a_lost_link_ends_driving_and_the_page_says_so(driving: ConsolePage) -> None:
    page = driving.page
    page.keyboard.down("r")
    page.route("**/clap/session", lambda route: route.fulfill(status=503))
    page.evaluate("window.__clap.console.link.socket.close()")
    page.wait_for_selector("body.c-offline", state="attached")
    assert page.locator("#c-drive-hint").inner_text() == "Not connected to the console."
    assert page.locator("#c-drive-on").is_disabled()
    driving.screenshot("drive-disconnected")
    page.keyboard.up("r")
    page.unroute("**/clap/session")
    page.wait_for_selector("body:not(.c-offline)", state="attached")
    driving.errors[:] = [error for error in driving.errors if "503" not in error]  # what this test provoked
