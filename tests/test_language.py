"""Planner text: what is written can be read back, what breaks the grammar is refused."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clap import language
from clap.failures import InvalidPlannerTextError
from clap.prediction import PlanStatus
from clap.worlds.tabletop import phrasing

STEPS = phrasing.pick_and_place_steps("red block", "red cup")
names = st.sampled_from(language.mentioned_objects(STEPS))
pixels = st.lists(st.integers(0, 223), min_size=6, max_size=6).map(lambda v: np.array(v).reshape(3, 2))
named = st.builds(language.NamedPixels, names, pixels)
objects = st.lists(named, min_size=1, max_size=2, unique_by=lambda thing: thing.name)


@given(objects, st.sampled_from(STEPS), pixels)
def test_reasoning_survives_writing_and_reading(things, step, keypoint):
    text = language.format_reasoning(things, step, keypoint)
    read = language.parse_reasoning(text, STEPS)
    assert [thing.name for thing in read.objects] == [thing.name for thing in things]
    assert all((a.pixels == b.pixels).all() for a, b in zip(read.objects, things, strict=True))
    assert read.step == step
    assert (read.keypoint_pixels == keypoint).all()


@pytest.mark.parametrize("steps", [STEPS, phrasing.OPEN_DRAWER_STEPS])
def test_plan_survives_writing_and_reading(steps):
    assert language.parse_plan(language.format_plan(PlanStatus.STEPS, steps)).steps == steps


@pytest.mark.parametrize("status", [PlanStatus.COMPLETE, PlanStatus.UNCLEAR])
def test_plan_without_steps_survives(status):
    plan = language.parse_plan(language.format_plan(status))
    assert plan.status is status
    assert plan.steps == ()


@pytest.mark.parametrize("text", ["", "steps :", "steps : red", "complete it", "the robot moves"])
def test_broken_plan_is_refused_with_its_text_kept(text):
    with pytest.raises(InvalidPlannerTextError) as caught:
        language.parse_plan(text)
    assert caught.value.raw == text


GOOD = language.format_reasoning([language.NamedPixels("red block", np.ones((3, 2), int))], STEPS[0], np.ones((3, 2)))


@pytest.mark.parametrize(
    "text",
    [
        GOOD.replace("top 1 1", "top 1 224"),
        GOOD.replace(STEPS[0], "the robot dances"),
        GOOD.replace(" keypoint : ", " "),
        GOOD[:-2],
        GOOD.replace("left", "right"),
    ],
)
def test_broken_reasoning_is_refused(text):
    with pytest.raises(InvalidPlannerTextError):
        language.parse_reasoning(text, STEPS)


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("Put the RED-block, in the cup!", "put the red block in the cup"),
        ("  open\tthe drawer.\n", "open the drawer"),
        ("the drawer\u2019s handle", "the drawer handle"),
        ("plan : last ; task", "plan last task"),
        ("", ""),
    ],
)
def test_normalise(typed, shown):
    assert language.normalise(typed) == shown


@given(st.text(max_size=30))
def test_normalise_is_idempotent_and_leaves_no_prompt_marks(text):
    shown = language.normalise(text)
    assert language.normalise(shown) == shown
    assert not re.search(r"[:;<>|]", shown)


@pytest.mark.parametrize(
    ("steps", "names"),
    [
        (phrasing.pick_and_place_steps("red block", "shape sorter"), ("red block", "shape sorter")),
        (phrasing.OPEN_DRAWER_STEPS, ("drawer handle", "drawer")),
        (("wipe slowly",), ()),
    ],
)
def test_a_plan_s_objects_are_what_its_steps_mention(steps, names):
    assert language.mentioned_objects(steps) == names


def test_round_two_may_only_speak_of_the_plan_s_objects():
    steps = phrasing.pick_and_place_steps("red block", "blue cup")
    pixels = np.full((3, 2), 7)
    for names, accepted in ((("red block", "blue cup"), True), (("red block", "red cup"), False)):
        found = [language.NamedPixels(name, pixels) for name in names]
        text = language.format_reasoning(found, steps[0], pixels)
        assert bool(re.fullmatch(language.reasoning_grammar(steps), text)) is accepted
    twice = [language.NamedPixels("red block", pixels)] * 2
    assert not re.fullmatch(language.reasoning_grammar(steps), language.format_reasoning(twice, steps[0], pixels))


def test_the_step_just_carried_out_is_not_the_next_one_again():
    pixels = np.full((3, 2), 7)
    texts = [language.format_reasoning([language.NamedPixels("red block", pixels)], step, pixels) for step in STEPS]
    grammar = language.reasoning_grammar(STEPS, STEPS[1])
    assert [bool(re.fullmatch(grammar, text)) for text in texts] == [True, False, True, True]
    assert re.fullmatch(language.reasoning_grammar(STEPS[:1], STEPS[0]), texts[0])
