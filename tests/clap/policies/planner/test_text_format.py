"""Planner text: what is written can be read back, what breaks the grammar is refused, in every format."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clap.errors import InvalidPlannerTextError
from clap.policies.planner import text_format as language
from clap.policies.planner.text_format import FULL_FORMAT, Format
from clap.policies.prediction import PlanStatus
from clap.worlds.tabletop import phrasing

STEPS = phrasing.pick_and_place_steps("red block", "red cup")
names = st.sampled_from(language.mentioned_objects(STEPS))
pixels = st.lists(st.integers(0, 223), min_size=6, max_size=6).map(lambda v: np.array(v).reshape(3, 2))
named = st.builds(language.NamedPixels, names, pixels)
objects = st.lists(named, min_size=1, max_size=2, unique_by=lambda thing: thing.name)


FORMATS = [Format(*parts) for parts in itertools.product((True, False), repeat=3)]
objects_detected = st.lists(st.sampled_from(phrasing.CATALOGUE), max_size=16, unique=True)


@pytest.mark.parametrize("form", FORMATS, ids=str)
@settings(max_examples=15)
@given(objects, st.sampled_from(STEPS), pixels)
def test_reasoning_survives_writing_and_reading(form, things, step, keypoint):
    read = form.parse_reasoning(form.format_reasoning(things, step, keypoint), STEPS)
    written = things if form.objects else []
    assert [thing.name for thing in read.objects] == [thing.name for thing in written]
    assert all((a.pixels == b.pixels).all() for a, b in zip(read.objects, written, strict=True))
    assert read.step == step
    assert (read.keypoint_pixels == keypoint).all()


def test_a_format_leaves_out_what_it_has_not():
    steps, last = ("the robot a", "the robot b"), "the robot a"
    asked = {form: form.reasoning_prompt(steps, last) for form in FORMATS}
    assert asked[FULL_FORMAT] == "plan : the robot a ; the robot b last : the robot a"
    assert asked[Format(last=False)] == "plan : the robot a ; the robot b"
    assert Format(plan=False).reasoning_prompt(("put it there",), last) == "task : put it there last : the robot a"
    assert Format(plan=False, last=False).reasoning_prompt(("put it there",), last) == "task : put it there"
    assert Format(last=False).plan_prompt("Go!", last, ["red cup"]) == "task : go seen : red cup"
    answer = Format(objects=False).format_reasoning([], "the robot a", np.ones((3, 2), int))
    assert answer == "step : the robot a keypoint : top 1 1 front 1 1 left 1 1"


@given(objects_detected)
def test_names_survive_writing_and_reading(names):
    assert language.parse_detected_objects(language.format_detected_objects(names)) == tuple(names)


@pytest.mark.parametrize(
    ("detected_objects", "told"),
    [
        (("red block", "open drawer"), "red block ; open drawer"),
        ((), "nothing"),
        (None, "unknown"),
    ],
)
def test_round_one_is_told_what_was_seen(detected_objects, told):
    asked = language.plan_prompt("Put it there!", STEPS[0], detected_objects)
    assert asked == f"task : put it there seen : {told} last : the robot moves above the red block"


def test_a_name_written_twice_is_one_thing():
    assert language.parse_detected_objects("seen : red block ; blue cup ; red block") == ("red block", "blue cup")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "seen :",
        "red block",
        "seen : red block ;",
        "seen : block 7",
        "seen : a b c d e",
        "seen : " + "x ; " * 16 + "x",
    ],
)
def test_a_broken_list_of_names_is_refused_with_its_text_kept(text):
    with pytest.raises(InvalidPlannerTextError) as caught:
        language.parse_detected_objects(text)
    assert caught.value.raw == text


@pytest.mark.parametrize("steps", [STEPS, phrasing.OPEN_DRAWER_STEPS])
def test_plan_survives_writing_and_reading(steps):
    assert language.parse_plan(language.format_plan(PlanStatus.STEPS, steps)).steps == steps


@pytest.mark.parametrize(
    ("status", "reason"), [(PlanStatus.COMPLETE, ""), (PlanStatus.REFUSED, "there is no green block")]
)
def test_plan_without_steps_survives(status, reason):
    plan = language.parse_plan(language.format_plan(status, reason=reason))
    assert (plan.status, plan.steps, plan.reason) == (status, (), reason)


def test_without_the_last_step_a_plan_is_as_long_as_a_whole_task():
    whole = language.format_plan(PlanStatus.STEPS, STEPS * 4)
    assert re.fullmatch(Format(last=False).plan_grammar, whole)
    assert not re.fullmatch(language.PLAN_GRAMMAR, whole)
    assert language.parse_plan(whole).steps == STEPS * 4


@pytest.mark.parametrize(
    "text",
    [
        "",
        "steps :",
        "steps : red",
        "complete it",
        "the robot moves",
        "refuse",
        "refuse :",
        "refuse : No 7",
        "unclear",
        "refuse : " + " ".join(["why"] * 11),
    ],
)
def test_broken_plan_is_refused_with_its_text_kept(text):
    with pytest.raises(InvalidPlannerTextError) as caught:
        language.parse_plan(text)
    assert caught.value.raw == text


GOOD = FULL_FORMAT.format_reasoning(
    [language.NamedPixels("red block", np.ones((3, 2), int))], STEPS[0], np.ones((3, 2))
)


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
        FULL_FORMAT.parse_reasoning(text, STEPS)


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
        text = FULL_FORMAT.format_reasoning(found, steps[0], pixels)
        assert bool(re.fullmatch(FULL_FORMAT.reasoning_grammar(steps), text)) is accepted
    twice = [language.NamedPixels("red block", pixels)] * 2
    assert not re.fullmatch(FULL_FORMAT.reasoning_grammar(steps), FULL_FORMAT.format_reasoning(twice, steps[0], pixels))


def test_the_step_just_carried_out_is_not_the_next_one_again():
    pixels = np.full((3, 2), 7)
    texts = [FULL_FORMAT.format_reasoning([language.NamedPixels("red block", pixels)], step, pixels) for step in STEPS]
    grammar = FULL_FORMAT.reasoning_grammar(STEPS, STEPS[1])
    assert [bool(re.fullmatch(grammar, text)) for text in texts] == [True, False, True, True]
    assert re.fullmatch(FULL_FORMAT.reasoning_grammar(STEPS[:1], STEPS[0]), texts[0])
    untold = Format(last=False).reasoning_grammar(STEPS, STEPS[1])
    assert all(re.fullmatch(untold, text) for text in texts)


def test_a_step_that_is_wanted_is_the_only_answer_even_if_it_was_the_last():
    pixels = np.full((3, 2), 7)
    texts = [FULL_FORMAT.format_reasoning([language.NamedPixels("red block", pixels)], step, pixels) for step in STEPS]
    for form in (FULL_FORMAT, Format(last=False)):
        grammar = form.reasoning_grammar(STEPS, STEPS[2], STEPS[2])
        assert [bool(re.fullmatch(grammar, text)) for text in texts] == [False, False, True, False]


def test_without_a_plan_the_step_and_the_names_are_free():
    pixels = np.full((3, 2), 7)
    text = FULL_FORMAT.format_reasoning([language.NamedPixels("odd thing", pixels)], "the robot hums", pixels)
    assert re.fullmatch(Format(plan=False).reasoning_grammar(("put it there",)), text)
    assert not re.fullmatch(FULL_FORMAT.reasoning_grammar(STEPS), text)
