"""Say: instructions with a history, what is not understood, and the plan as a checklist that can be edited."""

from __future__ import annotations

import pytest

from tests.browser.operator_page import SMALL, ConsolePage, looks
from tests.browser.test_see import clap_console, tell  # noqa: F401 (a fixture)

pytestmark = pytest.mark.browser

INSTRUCTION = "put the red block in the red cup"
BOX = "#c-instruction textarea, #c-instruction input"


@pytest.fixture
def planned(console: ConsolePage) -> ConsolePage:
    console.type(INSTRUCTION)
    assert console.press_and_wait("plan", "planned", "failed") == "planned", console.banner()
    console.page.wait_for_selector("#c-plan-steps [data-at='3']")
    return console


def lines(console: ConsolePage) -> list[str]:
    return console.page.locator("#c-plan-steps .c-step-words").all_inner_texts()


def plan_of(console: ConsolePage) -> list[tuple[str, str]]:
    steps = console.status("plan")
    assert isinstance(steps, list)
    return [(step["text"], step["by"]) for step in steps]


def use(console: ConsolePage) -> None:
    before = console.status("seq")
    console.page.click("#c-plan-use")
    console.page.wait_for_function("before => window.__clap.status.seq > before", arg=before)
    console.page.wait_for_selector("#c-plan-draft", state="hidden")


def test_instructions_given_before_come_back_by_arrows_and_from_the_list(console: ConsolePage) -> None:
    page = console.page
    for text in ("put the green block in the green cup", INSTRUCTION):
        console.type(text)
        console.press_and_wait("plan", "planned", "failed")
    console.type("something not sent")
    page.focus(BOX)
    page.keyboard.press("ArrowUp")
    assert page.input_value(BOX) == INSTRUCTION
    page.keyboard.press("ArrowUp")
    assert page.input_value(BOX) == "put the green block in the green cup"
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert page.input_value(BOX) == "something not sent"
    page.click("#c-history-open")
    console.screenshot("say-history")
    assert page.locator("#c-history button").all_inner_texts()[:2] == [
        INSTRUCTION,
        "put the green block in the green cup",
    ]
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert page.input_value(BOX) == "put the green block in the green cup"
    assert not page.locator("#c-history").is_visible()
    assert INSTRUCTION in page.evaluate("JSON.parse(localStorage.getItem('clap-instructions'))")


@looks((SMALL, "light"))
def test_words_that_are_not_known_can_be_replaced_by_a_click(clap_console: ConsolePage) -> None:  # noqa: F811
    console = clap_console
    console.type("put the red blok in the red cup")
    assert console.press_and_wait("plan", "failed") == "failed"
    page = console.page
    assert "Not understood" in page.locator("#c-explain").inner_text()
    console.screenshot("say-not-understood")
    page.get_by_role("button", name="blok → block", exact=True).click()
    assert page.input_value(BOX) == INSTRUCTION
    page.locator("#c-explain .c-chip", has_text="Examples").click()
    assert page.locator("#c-chips").is_visible()
    assert console.press_and_wait("plan", "planned", "failed") == "planned"
    assert not page.locator("#c-explain").is_visible()


def test_a_refused_instruction_is_explained_with_what_is_on_the_table(console: ConsolePage) -> None:
    text = "put the purple block in the red cup"
    console.type(text)
    failure = {"name": "instruction refused", "sentence": "There is no purple block.", "next_move": "Rephrase."}
    tell(console, instruction=text, detected_objects="red block, red cup", failure=failure)
    assert "Refused. There is no purple block." in console.page.locator("#c-explain").inner_text()
    console.screenshot("say-refused")
    console.page.locator("#c-explain .c-chip", has_text="purple block → red block").click()
    assert console.page.input_value(BOX) == INSTRUCTION


@looks((SMALL, "light"))
def test_steps_are_written_inserted_deleted_and_used(planned: ConsolePage) -> None:
    page, before = planned.page, lines(planned)
    page.click("#c-plan-steps [data-at='1'] .c-step-words")
    page.keyboard.type("grasps the green block")
    planned.screenshot("say-edit-line")
    page.keyboard.press("Enter")
    page.keyboard.press("Insert")
    page.keyboard.type("lifts the green block")
    page.keyboard.press("Enter")
    page.focus("#c-plan-steps [data-at='3']")
    page.keyboard.press("Delete")
    edited = [before[0], "Grasps the green block", "Lifts the green block", before[3]]
    assert lines(planned) == edited
    assert page.locator("#c-plan-steps .c-own-tag").count() == 2
    assert [text for text, _ in plan_of(planned)] != edited  # nothing is sent yet
    planned.screenshot("say-edited")
    page.click("#c-plan-undo")
    assert lines(planned) == [before[0], "Grasps the green block", "Lifts the green block", *before[2:]]
    page.focus("#c-plan-steps [data-at='3']")
    page.keyboard.press("Delete")
    use(planned)
    assert plan_of(planned)[1:3] == [
        ("the robot grasps the green block", "human"),
        ("the robot lifts the green block", "human"),
    ]
    assert lines(planned) == edited
    assert page.locator("#c-plan-steps .c-own-tag").count() >= 2
    planned.screenshot("say-used")
    assert planned.press_and_wait("predict", "awaiting approval", "failed") == "awaiting approval", planned.banner()


@looks((SMALL, "light"))
def test_steps_are_reordered_by_keys_buttons_and_dragging(planned: ConsolePage) -> None:
    page, (a, b, c, d) = planned.page, lines(planned)
    page.focus("#c-plan-steps [data-at='1']")
    page.keyboard.press("Alt+ArrowDown")
    assert lines(planned) == [a, c, b, d]
    page.hover("#c-plan-steps [data-at='1']")
    page.click("#c-plan-steps [data-at='1'] [aria-label^='Move down']")
    assert lines(planned) == [a, b, c, d]
    page.locator("#c-plan-steps [data-at='3'] .c-mark").drag_to(page.locator("#c-plan-steps [data-at='1']"))
    assert lines(planned) == [a, d, b, c]
    planned.screenshot("say-reordered")
    for _ in range(3):
        page.click("#c-plan-undo")
    assert lines(planned) == [a, b, c, d]
    assert not page.locator("#c-plan-draft").is_visible()


def test_planning_again_brings_the_planners_own_steps_back(planned: ConsolePage) -> None:
    own = plan_of(planned)
    planned.page.hover("#c-plan-steps [data-at='3']")
    planned.page.click("#c-plan-steps [data-at='3'] [aria-label^='Delete']")
    use(planned)
    assert len(plan_of(planned)) == len(own) - 1
    planned.page.click("#c-plan-replan")
    planned.page.wait_for_function("count => window.__clap.status.plan.length === count", arg=len(own))
    planned.page.wait_for_function("window.__clap.status.state === 'planned'")
    assert [text for text, _ in plan_of(planned)] == [text for text, _ in own]


def test_a_step_is_skipped_from_its_line(planned: ConsolePage) -> None:
    planned.press_and_wait("predict", "awaiting approval")
    planned.page.hover("#c-plan-steps [data-at='0']")
    planned.page.click("#c-plan-steps [data-at='0'] [aria-label^='Skip']")
    planned.page.wait_for_selector("#c-plan-steps .c-skipped")
    planned.screenshot("say-skipped")


def test_a_step_that_cannot_be_read_is_a_sentence(planned: ConsolePage) -> None:
    planned.page.click("#c-plan-add")
    planned.page.keyboard.type("42 <b>!</b>")
    planned.page.keyboard.press("Enter")
    assert lines(planned)[-1] == "42 <b>!</b>"
    planned.page.click("#c-plan-use")
    planned.page.wait_for_function("document.querySelector('#c-plan-note').textContent.includes('Step 5')")
    planned.screenshot("say-unreadable-step")
    assert lines(planned)[-1] == "42 <b>!</b>"  # kept, so that it can be mended
    assert len(plan_of(planned)) == 4
    planned.page.click("#c-plan-discard")
    assert len(lines(planned)) == 4


@looks((SMALL, "light"))
def test_what_the_planner_writes_is_shown_while_it_writes(planned: ConsolePage) -> None:
    page = planned.page
    written = [
        "the robot moves",
        "the robot moves above the red block",
        "the robot moves above the red block; the robot",
    ]
    for text in written:
        tell(planned, state="planning", busy=True, texts={"plan": text})
        assert page.locator("#c-writing pre").inner_text() == text
    assert "Planning" in page.locator("#c-writing b").inner_text()
    planned.screenshot("say-writing")
    page.click("#c-plan-raw")
    assert page.locator("#c-text-plan").inner_text() == written[-1]
