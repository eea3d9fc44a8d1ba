"""Plans are held against what is known: nothing absent is used, nothing present denied, nothing done again."""

from __future__ import annotations

import pytest

from clap.errors import InvalidPlannerTextError
from clap.policies.base import INITIAL_STEP, PlanRequest
from clap.policies.planner import text_format as language
from clap.policies.planner.grounding import (
    denies_what_is_there,
    denies_what_was_not_asked,
    ends_with_what_is_done,
    missing_object,
    of_this_plan,
)
from clap.policies.planner.model import PlannerSettings
from clap.policies.planner.rounds import PlannerRounds
from clap.policies.prediction import Plan, PlanStatus
from clap.worlds.tabletop import phrasing

DETECTED_OBJECTS = ("red block", "red cup", "blue cup", "cylinder", "shape sorter", "closed drawer")
TO_THE_BLUE_CUP = phrasing.pick_and_place_steps("red block", "blue cup")


@pytest.mark.parametrize(
    ("steps", "missing"),
    [
        (TO_THE_BLUE_CUP, None),
        (phrasing.pick_and_place_steps("red block", "green cup"), "green cup"),
        (phrasing.pick_and_place_steps("triangle", "drawer"), "triangle"),
        (phrasing.pick_and_place_steps("cylinder", phrasing.SORTER), None),
        (phrasing.OPEN_DRAWER_STEPS, None),
        ((), None),
    ],
)
def test_the_first_thing_that_is_not_there_is_found(steps, missing):
    assert missing_object(steps, DETECTED_OBJECTS) == missing


def test_a_hole_needs_its_sorter():
    assert missing_object(phrasing.pick_and_place_steps("cylinder", phrasing.SORTER), ("cylinder",)) == "shape sorter"


@pytest.mark.parametrize(
    ("reason", "denied"),
    [
        ("there is no blue cup", True),
        ("there is no cup", True),
        ("there is no drawer", True),
        ("there is no green cup", False),
        ("there is no such thing here", False),
        ("several cups match", False),
        ("several blocks match", True),
        ("several shapes match", False),
        ("several things match", False),
        ("it is not known what is on the table", True),
        ("that is not a task for a robot", False),
    ],
)
def test_a_refusal_may_not_deny_what_is_there(reason, denied):
    assert denies_what_is_there(reason, DETECTED_OBJECTS) == denied


@pytest.mark.parametrize(
    ("reason", "mixed_up"),
    [
        ("there is no red cup", True),
        ("there is no green cup", False),
        ("there is no purple cup", False),
        ("this cannot be done", False),
        ("", False),
    ],
)
def test_a_refusal_may_not_deny_what_was_not_asked(reason, mixed_up):
    assert denies_what_was_not_asked(reason, "put the red block into the green cup") == mixed_up


class Scripted(PlannerRounds):
    """A planner whose answers are given; one that its grammar forbids would be an error of this test."""

    settings = PlannerSettings()
    known_words = ()

    def __init__(self, *answers: str):
        self.answers, self.grammars = list(answers), []

    def answer(self, question):
        self.grammars.append(question.grammar)
        return self.answers.pop(0)


def test_a_plan_with_something_absent_is_a_refusal_that_names_it():
    steps = " ; ".join(phrasing.pick_and_place_steps("red block", "green cup"))
    plan = Scripted(f"steps : {steps}").plan(PlanRequest("put it there", detected_objects=DETECTED_OBJECTS))
    assert (plan.status, plan.reason) == (PlanStatus.REFUSED, "there is no green cup")
    assert plan.raw == f"steps : {steps}"


def test_a_denial_of_what_is_there_is_asked_again_without_refusals():
    planner = Scripted("refuse : there is no blue cup", language.format_plan(PlanStatus.STEPS, TO_THE_BLUE_CUP))
    plan = planner.plan(PlanRequest("put it there", detected_objects=DETECTED_OBJECTS))
    assert plan.steps == TO_THE_BLUE_CUP
    assert "refuse" in planner.grammars[0] and "refuse" not in planner.grammars[1]


def test_without_a_look_nothing_is_checked():
    plan = Scripted("refuse : there is no blue cup").plan(PlanRequest("put it there"))
    assert plan.reason == "there is no blue cup"


TWICE = ("the robot presses the bell", "the robot lifts the gripper", "the robot presses the bell")


@pytest.mark.parametrize(
    ("steps", "last_step", "done"),
    [
        (TO_THE_BLUE_CUP, TO_THE_BLUE_CUP[-1], True),
        (TO_THE_BLUE_CUP, "The robot places the red block into the blue cup.", True),
        (TO_THE_BLUE_CUP, TO_THE_BLUE_CUP[-2], False),
        (TO_THE_BLUE_CUP, phrasing.pick_and_place_steps("cylinder", "blue cup")[-1], False),
        (TO_THE_BLUE_CUP, INITIAL_STEP, False),
        (TWICE, TWICE[-1], False),
        ((), INITIAL_STEP, False),
    ],
)
def test_a_plan_is_done_when_its_last_step_is(steps, last_step, done):
    assert ends_with_what_is_done(steps, last_step) == done


def test_a_part_that_was_just_done_is_not_begun_again():
    raw = language.format_plan(PlanStatus.STEPS, TO_THE_BLUE_CUP)
    plan = Scripted(raw).plan(PlanRequest("put it there", TO_THE_BLUE_CUP[-1], detected_objects=DETECTED_OBJECTS))
    assert (plan.status, plan.steps, plan.raw) == (PlanStatus.COMPLETE, (), raw)


def test_a_planner_that_is_not_told_the_last_step_plans_the_whole_task_again():
    planner = Scripted(language.format_plan(PlanStatus.STEPS, TO_THE_BLUE_CUP))
    planner.settings = PlannerSettings(last_step=False)
    assert (
        planner.plan(PlanRequest("put it there", TO_THE_BLUE_CUP[-1], detected_objects=DETECTED_OBJECTS)).steps
        == TO_THE_BLUE_CUP
    )


def test_a_plan_that_is_not_begun_is_begun_at_its_start():
    other = phrasing.pick_and_place_steps("cylinder", "red cup")
    assert of_this_plan(other[-1], TO_THE_BLUE_CUP) == INITIAL_STEP
    assert of_this_plan(TO_THE_BLUE_CUP[1], TO_THE_BLUE_CUP) == TO_THE_BLUE_CUP[1]
    assert of_this_plan("The robot lifts the red block.", TO_THE_BLUE_CUP) == "The robot lifts the red block."
    assert of_this_plan(INITIAL_STEP, TO_THE_BLUE_CUP) == INITIAL_STEP


def test_round_two_is_not_told_of_another_sub_task():
    planner, plan = Scripted("no answer that could be read"), Plan(PlanStatus.STEPS, TO_THE_BLUE_CUP)
    told = []
    planner.answer_places = lambda question: told.append(question.text) or ("", None)
    for last_step in (phrasing.OPEN_DRAWER_STEPS[-1], TO_THE_BLUE_CUP[0]):
        with pytest.raises(InvalidPlannerTextError):
            planner.reason(None, plan, last_step)
    prompts = [planner.format.reasoning_prompt(TO_THE_BLUE_CUP, step) for step in (INITIAL_STEP, TO_THE_BLUE_CUP[0])]
    assert told == prompts


def test_a_part_may_not_deny_what_was_not_asked_while_a_refusal_of_the_whole_stays():
    wanted, other = phrasing.pick_and_place_steps("cylinder", "red cup"), TO_THE_BLUE_CUP
    mixed_up = language.format_plan(PlanStatus.STEPS, phrasing.pick_and_place_steps("cylinder", "blue cup"))
    parts = [language.format_plan(PlanStatus.STEPS, steps) for steps in (wanted, other)]
    planner = Scripted(mixed_up, "refuse : there is no red cylinder", *parts, "complete", "complete", mixed_up)
    instruction = "put the cylinder in the red cup and the red block in the blue cup"
    assert planner.plan(PlanRequest(instruction, detected_objects=DETECTED_OBJECTS)).steps == wanted
    assert planner.grammars[2] == planner.format.steps_grammar and planner.answers == []
    planner = Scripted("refuse : there is no red cylinder")
    assert planner.plan(PlanRequest(instruction, detected_objects=DETECTED_OBJECTS)).status is PlanStatus.REFUSED
