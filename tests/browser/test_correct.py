"""Correct: the predicted pose nudged, moved by handles, its keypoint dragged; what Stop drops of it."""

from __future__ import annotations

import pytest

from tests.browser.operator_page import OTHERS, SMALL, ConsolePage, looks
from tests.browser.test_see import box, clap_console, predict  # noqa: F401 (a fixture)

pytestmark = pytest.mark.browser

# Click while the pose of the click before is being checked; the targets that are sent are kept.
CLICK_ON = """async (times) => {
  const { link } = window.__clap.console;
  const plus = document.querySelector("[data-nudge='x+']");
  window.__sent = [];
  delete link.send; // of a test before
  const send = link.send;
  const checking = new Promise((begun) => {
    link.send = function (message) {
      if (message.type === "target") window.__sent.push(message.position[0]);
      if (message.type === "target") begun();
      return send.call(this, message);
    };
  });
  plus.click();
  await checking; // goes on once what sends it has returned, long before its answer
  for (let k = 0; k < times; k++) plus.click();
}"""
SOURCE = "source => window.__clap.status.prediction?.source === source"


@looks(*OTHERS)
def test_nudges_move_the_pose_and_the_policys_comes_back(console: ConsolePage) -> None:
    page, policys = console.page, predict(console)["action"]
    page.locator("#c-details [role=tab]", has_text="Correct").click()
    assert page.locator("#c-nudge-back").is_disabled()
    page.get_by_role("button", name="2 cm").click()
    for nudge in ("[data-nudge='x+']", "[data-nudge='z+']", "[data-nudge='yaw+']", "[data-gripper=closed]"):
        before = page.evaluate("JSON.stringify(window.__clap.status.prediction.action)")
        page.click(nudge)
        page.wait_for_function(
            """before => {
              const { state, prediction } = window.__clap.status;
              return state === "awaiting approval" && prediction && JSON.stringify(prediction.action) !== before;
            }""",
            arg=before,
        )
    assert page.evaluate(SOURCE, "human")
    assert page.evaluate("window.__clap.status.prediction.action.gripper_open") is False
    moved = console.status("prediction")
    assert isinstance(moved, dict)
    x, y, z = policys["position"]
    assert moved["action"]["position"] == pytest.approx([x + 0.02, y, z + 0.02], abs=1e-4)
    assert moved["action"]["quaternion"] != pytest.approx(policys["quaternion"], abs=1e-2)
    assert page.locator("[aria-current=step] .c-own-tag").inner_text() == "pose yours"
    assert page.locator("#c-main [data-view=top] .c-view-note").inner_text() == "keypoint · yours"
    assert isinstance(console.status("verdict"), dict)
    console.screenshot("act-nudged")
    page.click("#c-nudge-back")
    page.wait_for_function("before => window.__clap.status.prediction?.source !== before", arg="human")
    back = console.status("prediction")
    assert isinstance(back, dict)
    assert back["action"]["position"] == pytest.approx(policys["position"])
    assert page.locator("[aria-current=step] .c-own-tag").count() == 0


def test_clicks_while_the_pose_is_checked_add_up(console: ConsolePage) -> None:
    page, policys = console.page, predict(console)["action"]["position"]
    page.locator("#c-details [role=tab]", has_text="Correct").click()
    page.get_by_role("button", name="5 mm").click()
    page.evaluate(CLICK_ON, 3)
    assert page.locator("[data-nudge='x+']").is_enabled()
    assert page.get_by_label("x", exact=True).inner_text() == f"{policys[0] + 0.02:.3f} m"
    page.wait_for_function(
        "x => !window.__clap.status.busy && Math.abs(window.__clap.status.prediction?.action.position[0] - x) < 1e-4",
        arg=policys[0] + 0.02,
    )
    assert page.evaluate("window.__sent") == pytest.approx([policys[0] + 0.005, policys[0] + 0.02], abs=1e-4)
    assert page.get_by_label("x", exact=True).inner_text() == f"{policys[0] + 0.02:.3f} m"
    assert page.locator("#c-verdict").get_attribute("data-decision") == "allow"


def test_what_still_waits_for_its_check_is_dropped_by_stop(console: ConsolePage) -> None:
    page = console.page
    predict(console)
    page.locator("#c-details [role=tab]", has_text="Correct").click()
    page.evaluate(f"async () => {{ await ({CLICK_ON})(2); document.querySelector('#c-stop').click(); }}")
    page.wait_for_function("window.__clap.status.state === 'stopped'")
    console.obeyed()
    assert len(page.evaluate("window.__sent")) == 1
    assert console.status("state") == "stopped"
    assert "checked" not in page.locator(".c-nudge-note").inner_text()


def test_a_nudge_that_is_not_sent_yet_is_dropped_by_stop(console: ConsolePage) -> None:
    page = console.page
    predict(console)
    page.locator("#c-details [role=tab]", has_text="Correct").click()
    page.evaluate(f"async () => {{ await ({CLICK_ON})(0); }}")
    page.wait_for_function("!window.__clap.status.busy && " + f"({SOURCE})('human')")
    page.evaluate(
        """() => {
          document.querySelector("[data-nudge='x+']").click();
          document.querySelector("#c-stop").click();
        }"""
    )
    page.wait_for_function("window.__clap.status.state === 'stopped'")
    console.obeyed()
    assert len(page.evaluate("window.__sent")) == 1
    assert console.status("state") == "stopped"


@looks((SMALL, "light"))
def test_the_keypoint_is_dragged_in_a_view(clap_console: ConsolePage) -> None:  # noqa: F811
    console, page = clap_console, clap_console.page
    found = predict(console)
    picture = box(console, "#c-main [data-view=top] .c-picture")
    side = picture["width"] / 224
    u, v = (pixel + 0.5 for pixel in found["keypoint_pixels"][2])
    page.mouse.move(picture["x"] + u * side, picture["y"] + v * side)
    page.mouse.down()
    page.mouse.move(picture["x"] + (u + 10) * side, picture["y"] + (v - 6) * side, steps=4)
    assert page.locator("#c-main [data-view=front] .c-own-mark").count() == 1
    assert page.locator("#c-main [data-view=front] .c-hover-line").count() >= 2  # it goes along in the other views
    console.screenshot("act-dragging")
    page.mouse.up()
    page.wait_for_function(SOURCE, arg="human keypoint")
    moved = console.status("prediction")
    assert isinstance(moved, dict)
    metre = 1 / 224  # the workspace box is a metre wide
    assert moved["keypoint"][0] == pytest.approx(found["keypoint"][0] + 10 * metre, abs=0.006)
    assert moved["keypoint"][1] == pytest.approx(found["keypoint"][1] + 6 * metre, abs=0.006)
    assert moved["keypoint"][2] == pytest.approx(found["keypoint"][2], abs=0.001)
    assert isinstance(console.status("verdict"), dict)
    assert page.locator("[aria-current=step] .c-own-tag").inner_text() == "keypoint yours"
    console.screenshot("act-dragged")


@looks((SMALL, "light"))
def test_the_pose_is_moved_by_handles_in_the_scene(console: ConsolePage) -> None:
    page, policys = console.page, predict(console)["action"]["position"]
    page.locator("#c-details [role=tab]", has_text="Correct").click()
    page.click("[data-handle=pose]")
    page.wait_for_function("() => window.__clap.scene.gizmo.helper.visible && window.__clap.scene.isDrawn")  # drawn
    console.screenshot("act-handles")
    scene = box(console, "#c-main .c-scene canvas")
    along_z = page.evaluate(
        "([x, y, z]) => { const s = window.__clap.scene; return [0.06, 0.16].map(up => {"
        " const p = s.gizmo.proxy.position.clone().set(x, y, z + up).project(s.camera);"
        " return [(p.x / 2 + 0.5) * s.host.clientWidth, (0.5 - p.y / 2) * s.host.clientHeight]; }); }",
        policys,
    )
    start, end = ((scene["x"] + x, scene["y"] + y) for x, y in along_z)
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(*end, steps=5)
    page.mouse.up()
    page.wait_for_function(SOURCE, arg="human")
    moved = console.status("prediction")
    assert isinstance(moved, dict)
    assert moved["action"]["position"][2] > policys[2] + 0.04
    assert moved["action"]["position"][:2] == pytest.approx(policys[:2], abs=0.005)
    console.screenshot("act-handles-moved")
    page.click("[data-handle=pose]")
    assert page.get_attribute("[data-handle=pose]", "aria-pressed") == "false"
