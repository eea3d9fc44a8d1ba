"""The eight tasks: what is drawn from a seed, what a condition changes, and what an instruction asks for."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clap.errors import WorldError
from clap.robots.fr3 import ROBOT_BASE
from clap.worlds.tabletop.objects import named_points
from clap.worlds.tabletop.tasks import (
    CONDITIONS,
    OPEN_DRAWER,
    TASK_KEYS,
    Subtask,
    examples,
    sample_task,
    task_infos,
    understand,
)

seeds = st.integers(0, 2**31 - 1)
tasks = st.sampled_from(TASK_KEYS)


@given(tasks, seeds, st.sampled_from(CONDITIONS))
@settings(deadline=None, max_examples=60)
def test_the_same_seed_draws_the_same_episode(task, seed, condition):
    assert sample_task(task, seed, None, condition) == sample_task(task, seed, None, condition)


@given(tasks, seeds)
@settings(deadline=None, max_examples=40)
def test_a_condition_leaves_layout_and_instruction_as_they_are(task, seed):
    plain = sample_task(task, seed)
    for condition in CONDITIONS[1:]:
        changed = sample_task(task, seed, None, condition)
        assert changed.things[: len(plain.things)] == plain.things
        assert changed.instruction == plain.instruction
    assert sample_task(task, seed, None, "table colour").lighting.table_color != plain.lighting.table_color
    assert sample_task(task, seed, None, "light strength").lighting.strength != plain.lighting.strength


@given(tasks, seeds)
@settings(deadline=None, max_examples=60)
def test_what_is_asked_for_stands_on_the_table_within_reach(task, seed):
    setup = sample_task(task, seed)
    names = {name for thing in setup.things for name in named_points(thing)}
    for subtask in setup.subtasks:
        assert set(subtask.objects) <= names
    for thing in setup.things:
        x, y = thing.placement.x - ROBOT_BASE[0], thing.placement.y - ROBOT_BASE[1]
        assert 0.2 < (x * x + y * y) ** 0.5 < 0.95


@given(tasks, seeds)
@settings(deadline=None, max_examples=60)
def test_every_drawn_instruction_is_understood_as_its_own_goal(task, seed):
    setup = sample_task(task, seed)
    assert understand(setup.instruction, setup.things) == setup.subtasks


def test_another_colour_is_really_another_and_its_own_cup_stands_there_too():
    for seed in range(20):
        setup = sample_task("block_in_other_cup", seed)
        subtask = setup.subtasks[0]
        own = subtask.thing.split()[0]
        assert not subtask.container.startswith(own)
        assert f"{own} cup" in {thing.name for thing in setup.things}


def test_the_closed_drawer_needs_two_subtasks():
    setup = sample_task("block_in_closed_drawer", 4)
    assert setup.subtasks[0] == OPEN_DRAWER
    assert setup.subtasks[1].container == "drawer"
    assert next(t for t in setup.things if t.kind == "cabinet").opening == 0


def test_an_instruction_for_something_else_on_the_table_is_understood():
    setup = sample_task("block_in_other_cup", 0)
    blocks = [t.name for t in setup.things if t.kind == "block"]
    cups = [t.name for t in setup.things if t.kind == "cup"]
    for words in (f"Put the {blocks[-1]} in the {cups[0]}!", f"please put the {blocks[-1]} into a {cups[0]}"):
        assert understand(words, setup.things) == (Subtask(blocks[-1], cups[0]),)


@given(tasks, seeds)
@settings(deadline=None, max_examples=40)
def test_examples_begin_with_the_scene_s_own_and_are_all_understood_differently(task, seed):
    setup = sample_task(task, seed)
    texts = examples(setup.things, setup.instruction)
    assert texts[0] == setup.instruction
    goals = [understand(text, setup.things) for text in texts]
    assert None not in goals
    assert len(set(goals)) == len(goals)


def test_absent_things_and_free_prose_are_not_understood():
    things = sample_task("open_drawer", 0).things
    assert understand("put the cylinder in the red cup", things) is None
    assert understand("make me a sandwich", things) is None


def test_four_tasks_are_trained_and_four_are_not():
    infos = task_infos()
    assert [info.trained for info in infos] == [True] * 4 + [False] * 4


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("stack_blocks", 0), "block_in_same_cup"),
        (("open_drawer", 0, 3), "0..2"),
        (("open_drawer", 0, None, "fog"), "light strength"),
    ],
)
def test_unknown_choices_name_those_that_exist(arguments, named):
    with pytest.raises(WorldError, match=named.replace(".", r"\.")):
        sample_task(*arguments)
