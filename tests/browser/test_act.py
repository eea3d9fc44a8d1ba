"""Act: the verdict before approval, correcting a pose by drag, handles and nudges, undo, what is not possible now."""

from __future__ import annotations

import pytest

from tests.browser.operator_page import OTHERS, SMALL, ConsolePage, looks
from tests.browser.test_see import box, clap_console, predict  # noqa: F401 (a fixture)

pytestmark = pytest.mark.browser

# Click while the pose of the click before is being checked; the targets that are sent are kept.
CLICK_ON = """async (times) => {
  const { cards, link } = window.__clap.console;
  const correction = cards.find((card) => "checking" in card);
  const plus = document.querySelector("[data-nudge='x+']");
  window.__sent = [];
  delete link.send; // of a test before
  const send = link.send;
  link.send = function (message) {
    if (message.type === "target") window.__sent.push(message.position[0]);
    return send.call(this, message);
  };
  plus.click();
  while (!correction.checking) await new Promise((wake) => setTimeout(wake, 2));
  for (let k = 0; k < times; k++) plus.click();
}"""
SOURCE = "source => window.__clap.status.prediction?.source === source"


@looks((SMALL, "light"))
def test_the_verdict_is_read_before_approval(console: ConsolePage) -> None:
    page = console.page
    assert page.locator("#c-verdict-more").is_disabled()
    predict(console)
    checks = page.locator("#c-checks [data-check]")
    names = checks.evaluate_all("nodes => nodes.map(node => node.dataset.check)")
    assert {"in workspace", "reachable", "distance", "speed", "fresh frames", "views agree"} <= set(names)
    assert page.locator("#c-checks [data-check=distance]").inner_text().endswith(" cm")
    assert page.locator("#c-verdict").get_attribute("data-decision") == "allow"
    page.click("#c-verdict-more")
    sentences = page.locator("#c-verdict-list span").all_inner_texts()
    assert len(sentences) == len(names)
    assert all(sentence.endswith(".") for sentence in sentences)
    console.screenshot("act-verdict")
    page.mouse.click(600, 30)
    assert not page.locator("#c-verdict-list").is_visible()


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
    assert page.locator("[data-view=top] .c-view-note").inner_text() == "keypoint · yours"
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
    page.wait_for_timeout(300)
    assert len(page.evaluate("window.__sent")) == 1
    assert console.status("state") == "stopped"
    assert "checked" not in page.locator(".c-nudge-note").inner_text()


def test_a_pose_outside_the_workspace_is_refused_and_cannot_be_approved(console: ConsolePage) -> None:
    predict(console)
    page = console.page
    page.evaluate(
        "() => { const { position, quaternion } = window.__clap.status.prediction.action;"
        " window.__clap.console.link.send("
        "{ type: 'target', position: [position[0], position[1], 5], quaternion, gripper_open: true }); }"
    )
    page.wait_for_selector("#c-verdict[data-decision=refuse]")
    assert page.locator("#c-checks .c-not-passed").count() >= 1
    assert page.locator("#c-do-approve").is_disabled()
    assert "refuse" in str(page.get_attribute("#c-do-approve", "title"))
    console.screenshot("act-refused")


@looks((SMALL, "light"))
def test_the_keypoint_is_dragged_in_a_view(clap_console: ConsolePage) -> None:  # noqa: F811
    console, page = clap_console, clap_console.page
    found = predict(console)
    picture = box(console, "[data-view=top] .c-picture")
    side = picture["width"] / 224
    u, v = (pixel + 0.5 for pixel in found["keypoint_pixels"][2])
    page.mouse.move(picture["x"] + u * side, picture["y"] + v * side)
    page.mouse.down()
    page.mouse.move(picture["x"] + (u + 10) * side, picture["y"] + (v - 6) * side, steps=4)
    assert page.locator("[data-view=front] .c-own-mark").count() == 1
    assert page.locator("[data-view=front] .c-hover-line").count() >= 2  # it goes along in the other views
    console.screenshot("act-dragging")
    page.mouse.up()
    page.wait_for_function(SOURCE, arg="human keypoint", timeout=20_000)
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
    scene = box(console, ".c-scene canvas")
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


@looks((SMALL, "light"))
def test_undo_restores_what_was_before_the_step(console: ConsolePage) -> None:
    page = console.page
    predict(console)
    before, plan = console.status("gripper"), console.status("plan")
    assert page.locator("#c-do-undo").is_disabled()
    assert "undone" in str(page.get_attribute("#c-do-undo", "title"))
    console.press_and_wait("approve", "planned")
    console.wait_for("can", "undo")
    assert console.status("gripper") != before
    page.click("#c-do-undo")
    page.wait_for_function("window.__clap.status.steps_done === 0 && !window.__clap.status.busy", timeout=20_000)
    assert console.status("gripper") == before
    assert [step["status"] for step in console.status("plan")] == [step["status"] for step in plan]  # type: ignore[union-attr, attr-defined]
    console.screenshot("act-undone")


def test_each_step_waits_for_approval_if_so_chosen(console: ConsolePage) -> None:
    page = console.page
    assert not page.locator("#c-approve-each").is_checked()  # the default in simulation
    page.locator("#c-approve-each").check()
    page.wait_for_function("window.__clap.status.approve_each")
    console.type("put the red block in the red cup")
    console.press_and_wait("plan", "planned")
    assert console.press_and_wait("run", "awaiting approval", "done") == "awaiting approval"
    assert console.status("steps_done") == 0
    console.screenshot("act-approve-each")
    page.locator("#c-approve-each").uncheck()
    page.wait_for_function("!window.__clap.status.approve_each")


def test_verbs_have_keys_and_say_why_they_cannot_be_used(console: ConsolePage) -> None:
    page = console.page
    assert "There is no plan yet" in str(page.get_attribute("#c-do-predict", "title"))
    for verb in ("predict", "approve", "run", "pause", "redo", "skip", "undo", "home", "plan", "reset"):
        title = page.get_attribute(f"#c-do-{verb}", "title")
        assert title
        assert page.locator(f"#c-do-{verb}").is_enabled() or " — " in title
    console.type("put the red block in the red cup")
    console.press_and_wait("plan", "planned")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("p")
    page.wait_for_function("window.__clap.status.state === 'awaiting approval'")
    page.keyboard.press("a")  # what moves the arm needs Shift
    page.wait_for_timeout(200)
    assert console.status("state") == "awaiting approval"
    page.keyboard.press("Shift+A")
    page.wait_for_function("window.__clap.status.steps_done === 1", timeout=20_000)


def test_a_motion_shows_how_long_it_takes(console: ConsolePage) -> None:
    page = console.page
    predict(console)
    page.locator("#c-speed").fill("0")
    console.press_and_wait("approve", "moving")
    page.wait_for_selector("#c-elapsed:visible")
    first = page.locator("#c-elapsed").inner_text()
    page.wait_for_function("first => document.querySelector('#c-elapsed').textContent !== first", arg=first)
    assert page.locator("#c-do-predict").is_disabled()
    assert "Not while it is moving" in str(page.get_attribute("#c-do-predict", "title"))
    console.screenshot("act-moving")
    page.locator("body").press("Escape")
    page.wait_for_function("window.__clap.status.state === 'stopped'")


def test_a_refusal_is_shown_and_logged_once(console: ConsolePage) -> None:
    page = console.page
    page.evaluate("window.__clap.console.link.send({ type: 'approve' })")  # as from a page that is a moment behind
    page.locator(".c-toast", has_text="Not possible now. There is no prediction to approve.").wait_for()
    page.locator("#c-details [role=tab]", has_text="Log").click()
    page.locator("#c-log li", has_text="no prediction to approve").first.wait_for()
    assert page.locator("#c-log li", has_text="no prediction to approve").count() == 1
    console.screenshot("act-refused")
    page.evaluate("window.__clap.console.link.send({ type: 'no-such-verb' })")
    page.locator(".c-toast", has_text="There is no command").wait_for()
