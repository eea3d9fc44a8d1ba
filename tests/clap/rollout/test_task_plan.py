"""The plan as a checklist: what is behind, what is to come, who wrote it, and what is followed now."""

from __future__ import annotations

from clap.policies.base import INITIAL_STEP
from clap.policies.prediction import Plan, PlanStatus
from clap.rollout.task_plan import TaskPlan

FIRST, SECOND = ("above", "grasp"), ("carry", "release")
COMPLETE = Plan(PlanStatus.COMPLETE, raw="complete")


def plan(*steps):
    return Plan(PlanStatus.STEPS, steps)


def asked(*steps):
    return TaskPlan().answered(plan(*steps), INITIAL_STEP)


def told(task, **options):
    return [(line.text, line.status, line.subtask, line.by) for line in task.lines(**options)]


def test_sub_tasks_follow_each_other_and_steps_that_were_passed_over_are_skipped():
    task = asked(*FIRST).mark("grasp", "done").answered(plan(*FIRST), "grasp").answered(plan(*SECOND), "grasp")
    assert told(task) == [
        ("above", "skipped", 0, "policy"),
        ("grasp", "done", 0, "policy"),
        ("carry", "current", 1, "policy"),
        ("release", "todo", 1, "policy"),
    ]
    assert (task.next_step, task.before, task.current) == ("carry", "grasp", plan(*SECOND))
    complete = task.answered(COMPLETE, "grasp")
    assert complete.current is COMPLETE
    assert [line[1] for line in told(complete)][2:] == ["skipped", "skipped"]


def test_round_one_is_due_at_first_and_after_every_step():
    assert TaskPlan().current is None
    task = asked(*FIRST)
    assert task.current == plan(*FIRST)
    assert task.mark("above", "done").current is None
    assert task.mark("something else", "done").current is None
    assert task.cut().current is None
    assert task.set_back().current is None


def test_the_operators_steps_stand_where_those_to_come_were_and_old_ones_keep_their_author():
    task = asked("above", "grasp", "lift").mark("above", "done").edit(["push", "lift"], "above")
    assert told(task) == [
        ("above", "done", 0, "policy"),
        ("push", "current", 0, "human"),
        ("lift", "todo", 0, "policy"),
    ]
    assert (task.current.steps, task.current.by) == (("above", "push", "lift"), "human")
    after = task.mark("push", "done").mark("lift", "done").answered(plan(*SECOND), "lift")
    assert [line[2] for line in told(after)] == [0, 0, 0, 1, 1]


def test_the_operators_steps_are_followed_until_none_is_to_come():
    task = asked(*FIRST).edit(["push", "pull"], INITIAL_STEP)
    assert task.operator_step == "push"
    task = task.mark("push", "done")
    assert (task.operator_step, task.current) == ("pull", None)
    assert task.follow_operator().current.steps == ("push", "pull")
    assert task.set_back().operator_step == "push"
    assert task.mark("another name for it", "done").operator_step is None
    assert task.mark("pull", "done").operator_step is None
    assert asked(*FIRST).operator_step is None


def test_of_two_equal_steps_the_first_that_is_to_come_is_marked():
    task = asked("above").edit(["push", "push"], INITIAL_STEP).mark("push", "done")
    assert [line[1] for line in told(task)] == ["done", "current"]
    assert [line[1] for line in told(task.mark("push", "done"))] == ["done", "done"]


def test_planned_again_a_part_goes_on_where_it_was_or_another_begins():
    task = asked(*FIRST).mark("above", "done").edit(["push"], "above").cut()
    assert told(task) == [("above", "done", 0, "policy")]
    assert [line[1:3] for line in told(task.answered(plan(*FIRST), "above"))] == [("done", 0), ("current", 0)]
    assert [line[2] for line in told(task.answered(plan(*SECOND), "above"))] == [0, 1, 1]
    assert told(asked(*FIRST).cut()) == []


def test_planned_again_with_the_same_steps_a_part_began_where_it_did():
    task = asked(*FIRST).mark("above", "done").cut()
    assert task.answered(plan(*FIRST), "above").before == INITIAL_STEP
    assert task.answered(plan("above", "push"), "above").before == "above"


def test_a_part_that_begins_again_has_no_marks():
    assert [line[1] for line in told(asked(*FIRST).mark("above", "done").set_back())] == ["current", "todo"]
