"""Several tasks in one sentence: cut into parts, and the plan for the whole held against the plans of the parts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from clap.errors import InvalidPlannerTextError
from clap.policies.base import INITIAL_STEP, PlanRequest
from clap.policies.planner import text_format as language
from clap.policies.planner.compound import held_against_parts, parts_of
from clap.policies.planner.model import PlannerSettings
from clap.policies.planner.rounds import PARTS_KEPT, PlannerRounds
from clap.policies.prediction import Plan, PlanStatus
from clap.worlds.tabletop import phrasing

WHOLE = "put the cylinder in the red cup and the triangle in the drawer"
FIRST, SECOND = PARTS = ("put the cylinder in the red cup", "the triangle in the drawer")
COMPLETE, REFUSED = Plan(PlanStatus.COMPLETE), Plan(PlanStatus.REFUSED, reason="there is no triangle")


def steps(thing: str, place: str) -> Plan:
    return Plan(PlanStatus.STEPS, phrasing.pick_and_place_steps(thing, place))


CYLINDER, TRIANGLE = steps("cylinder", "red cup"), steps("triangle", "drawer")
OPEN = Plan(PlanStatus.STEPS, phrasing.OPEN_DRAWER_STEPS)
START = {(FIRST, None): CYLINDER, (SECOND, None): TRIANGLE, (WHOLE, None): CYLINDER}


@pytest.mark.parametrize(
    ("instruction", "parts"),
    [
        (WHOLE, PARTS),
        (
            "first put the red block away then open the drawer please",
            ("first put the red block away", "open the drawer please"),
        ),
        ("open the drawer and then before you do that close the lid", ("open the drawer", "close the lid")),
        ("put the red block in the red cup", ()),
        ("take the red block and put it in the red cup", ()),
        (
            "take the red block and put it in the red cup and open the drawer",
            ("take the red block and put it in the red cup", "open the drawer"),
        ),
        ("put the red and blue block in the cup", ("put the red", "blue block in the cup")),
        ("and", ()),
        ("", ()),
    ],
)
def test_an_instruction_is_cut_at_its_conjunctions(instruction, parts):
    assert parts_of(instruction) == parts


def held(plan: Plan, last_step: str, answers: dict[tuple[str, str | None], Plan | None]) -> Plan:
    """What is made of a plan, without what was written on the way to it."""
    found = held_against_parts(plan, WHOLE, last_step, PARTS, lambda text, last: answers.get((text, last), COMPLETE))
    return replace(found, raw="")


def test_a_plan_that_a_part_has_too_costs_one_question_for_each_part():
    asked = []

    def ask(text, last):
        asked.append((text, last))
        return START[text, last]

    assert held_against_parts(CYLINDER, WHOLE, INITIAL_STEP, PARTS, ask) is CYLINDER
    assert asked == [(FIRST, None), (SECOND, None)]


def test_a_thing_goes_where_its_own_part_says():
    assert held(steps("cylinder", "drawer"), INITIAL_STEP, START) == CYLINDER
    assert held(steps("triangle", "red cup"), CYLINDER.steps[-1], START) == TRIANGLE


def test_what_no_part_speaks_of_or_several_place_differently_stays():
    ball = steps("orange ball", "drawer")
    assert held(ball, INITIAL_STEP, START) == ball
    two = {**START, (SECOND, None): steps("cylinder", "drawer")}
    elsewhere = steps("cylinder", "blue cup")
    assert held(elsewhere, INITIAL_STEP, two) == elsewhere


def test_a_drawer_that_a_part_has_to_open_first_is_no_disagreement():
    shut = {**START, (SECOND, None): OPEN, (SECOND, OPEN.steps[-1]): TRIANGLE}
    assert held(TRIANGLE, OPEN.steps[-1], shut) == TRIANGLE
    assert held(steps("triangle", "red cup"), OPEN.steps[-1], shut) == TRIANGLE


def test_all_is_not_done_while_a_part_is_left():
    assert held(COMPLETE, CYLINDER.steps[-1], START) == TRIANGLE


def test_all_is_done_after_the_last_part_whatever_the_order():
    assert held(COMPLETE, TRIANGLE.steps[-1], START) == COMPLETE
    backwards = {**START, (WHOLE, None): TRIANGLE}
    assert held(COMPLETE, CYLINDER.steps[-1], backwards) == COMPLETE
    assert held(COMPLETE, TRIANGLE.steps[-1], backwards) == CYLINDER


def test_the_first_sub_task_goes_where_its_part_says_when_it_is_asked_what_is_left():
    mixed_up = {**START, (WHOLE, None): steps("cylinder", "drawer")}
    assert held(COMPLETE, CYLINDER.steps[-1], mixed_up) == TRIANGLE


def test_what_is_done_is_not_done_again():
    assert held(CYLINDER, TRIANGLE.steps[-1], START) == COMPLETE
    assert held(steps("triangle", "red cup"), TRIANGLE.steps[-1], START) == COMPLETE


def test_the_blue_one_is_of_the_kind_that_the_part_before_speaks_of_in_that_place():
    red, blue = steps("red block", "red cup"), steps("blue block", "green cup")
    answers = {
        ("put the red block in the red cup", None): red,
        ("the blue block in the green cup", None): blue,
        ("one more block in the drawer", None): REFUSED,
    }
    parts = ("put the red block in the red cup", "the blue one in the green one", "one more block in the drawer")
    asked = []

    def ask(text, last):
        asked.append((text, last))
        return answers.get((text, last), red if text == WHOLE else COMPLETE)

    assert held_against_parts(COMPLETE, WHOLE, red.steps[-1], parts, ask).steps == blue.steps
    assert {question for question in asked if question[1] is None} == {*answers, (WHOLE, None)}


def test_the_third_part_follows_the_second_if_the_first_came_first():
    third = "then open the drawer"
    answers = {**START, (third, None): OPEN}
    found = held_against_parts(
        COMPLETE, WHOLE, TRIANGLE.steps[-1], (*PARTS, third), lambda text, last: answers.get((text, last), COMPLETE)
    )
    assert found.steps == OPEN.steps


def test_what_was_written_for_the_whole_is_told_beside_the_part():
    planner = Scripted()
    whole, part = (language.format_plan(plan.status, plan.steps) for plan in (steps("cylinder", "drawer"), CYLINDER))
    assert planner.plan(PlanRequest(WHOLE)).raw == f"{whole}\n(a part alone) {part}"


@pytest.mark.parametrize("nothing", [REFUSED, COMPLETE, None])
def test_parts_that_have_no_plan_change_nothing(nothing):
    answers = dict.fromkeys(START, nothing)
    assert held(CYLINDER, INITIAL_STEP, answers) == CYLINDER
    for plan in (TRIANGLE, COMPLETE, REFUSED):
        assert held(plan, CYLINDER.steps[-1], answers) == plan
    assert held(REFUSED, INITIAL_STEP, START) == REFUSED


class Scripted(PlannerRounds):
    """Answers by what an instruction speaks of, counts the questions, and breaks off where it is told to."""

    known_words = frozenset()

    def __init__(self, broken: str = "no such words"):
        self.settings, self.broken, self.questions = PlannerSettings(), broken, 0

    def answer(self, question):
        question = question.text
        self.questions += 1
        if self.broken in question:
            raise InvalidPlannerTextError("cut", "cut")
        both = "cylinder" in question and "triangle in" in question
        plan = steps("cylinder", "drawer") if both else TRIANGLE if "triangle in" in question else CYLINDER
        return language.format_plan(plan.status, plan.steps)


def test_a_planner_mends_its_plan_and_asks_for_the_parts_once():
    planner = Scripted()
    assert planner.plan(PlanRequest(WHOLE)).steps == CYLINDER.steps
    first = planner.questions
    assert planner.plan(PlanRequest(WHOLE, CYLINDER.steps[0])).steps == CYLINDER.steps
    assert planner.questions == first + 1
    for number in range(PARTS_KEPT):
        planner.plan(PlanRequest(f"{WHOLE} and {number} times the block"))
    assert len(planner._parts_plans) == PARTS_KEPT


def test_a_part_that_is_not_answered_changes_nothing():
    assert Scripted(broken=f": {SECOND}").plan(PlanRequest(WHOLE)).status is PlanStatus.STEPS


def test_a_planner_that_is_not_told_the_last_step_is_not_asked_for_parts():
    planner = Scripted()
    planner.settings = PlannerSettings(last_step=False)
    assert planner.plan(PlanRequest(WHOLE)).steps == steps("cylinder", "drawer").steps
    assert planner.questions == 1
