"""Act: the verdict before approval, undo, approval of each step, keys, what is not possible now."""

from __future__ import annotations

import pytest

from tests.browser.operator_page import SMALL, ConsolePage, looks
from tests.browser.test_see import predict

pytestmark = pytest.mark.browser


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
    assert "cannot be approved" in str(page.get_attribute("#c-do-approve", "title"))
    console.screenshot("act-refused")


@looks((SMALL, "light"))
def test_undo_restores_what_was_before_the_step(console: ConsolePage) -> None:
    page = console.page
    predict(console)
    before, plan = console.status("gripper"), console.status("plan")
    assert page.locator("#c-do-undo").is_disabled()
    assert "no step to undo" in str(page.get_attribute("#c-do-undo", "title"))
    console.press_and_wait("approve", "planned")
    console.wait_until_possible("undo")
    assert console.status("gripper") != before
    page.click("#c-do-undo")
    page.wait_for_function("window.__clap.status.steps_done === 0 && !window.__clap.status.busy")
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
    console.obeyed()
    assert console.status("state") == "awaiting approval"
    page.keyboard.press("Shift+A")
    page.wait_for_function("window.__clap.status.steps_done === 1")


def test_a_motion_shows_how_long_it_takes(console: ConsolePage) -> None:
    page = console.page
    predict(console)
    console.at_speed(0)
    console.press_and_wait("approve", "moving")
    page.wait_for_selector("#c-elapsed:visible")
    first = page.locator("#c-elapsed").inner_text()
    page.wait_for_function("first => document.querySelector('#c-elapsed').textContent !== first", arg=first)
    assert page.locator("#c-do-predict").is_disabled()
    assert "The episode is moving" in str(page.get_attribute("#c-do-predict", "title"))
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
