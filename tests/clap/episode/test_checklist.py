"""The plan as a checklist: what is behind, what is to come, and who wrote it."""

from __future__ import annotations

from clap.episode.checklist import Checklist
from clap.policies.prediction import Plan, PlanStatus

FIRST, SECOND = ("above", "grasp"), ("carry", "release")


def plan(*steps, by="policy"):
    return Plan(PlanStatus.STEPS, steps, by=by)


def told(checklist, **options):
    return [(line.text, line.status, line.subtask, line.by) for line in checklist.lines(**options)]


def test_sub_tasks_follow_each_other_and_steps_that_were_passed_over_are_skipped():
    checklist = Checklist().show(plan(*FIRST)).mark("grasp", "done").show(plan(*FIRST)).show(plan(*SECOND))
    assert told(checklist) == [
        ("above", "skipped", 0, "policy"),
        ("grasp", "done", 0, "policy"),
        ("carry", "current", 1, "policy"),
        ("release", "todo", 1, "policy"),
    ]
    assert (checklist.current(), checklist.done()) == ("carry", ())
    assert [line[1] for line in told(checklist, complete=True)][2:] == ["skipped", "skipped"]


def test_the_operators_steps_stand_where_those_to_come_were_and_old_ones_keep_their_author():
    checklist = Checklist().show(plan("above", "grasp", "lift")).mark("above", "done").edit(["push", "lift"])
    assert told(checklist) == [
        ("above", "done", 0, "policy"),
        ("push", "current", 0, "human"),
        ("lift", "todo", 0, "policy"),
    ]
    assert checklist.show(plan("above", "push", "lift", by="human")) is checklist
    after = checklist.mark("push", "done").mark("lift", "done").show(plan(*SECOND))
    assert [line[2] for line in told(after)] == [0, 0, 0, 1, 1]


def test_of_two_equal_steps_the_first_that_is_to_come_is_marked():
    checklist = Checklist().show(plan("above")).edit(["push", "push"]).mark("push", "done")
    assert [line[1] for line in told(checklist)] == ["done", "current"]
    assert [line[1] for line in told(checklist.mark("push", "done"))] == ["done", "done"]


def test_planned_again_a_part_goes_on_where_it_was_or_another_begins():
    checklist = Checklist().show(plan(*FIRST)).mark("above", "done").edit(["push"]).cut()
    assert told(checklist) == [("above", "done", 0, "policy")]
    assert [line[1:3] for line in told(checklist.show(plan(*FIRST)))] == [("done", 0), ("current", 0)]
    assert [line[2] for line in told(checklist.show(plan(*SECOND)))] == [0, 1, 1]
    assert told(Checklist().show(plan(*FIRST)).cut()) == []


def test_a_part_that_begins_again_has_no_marks():
    assert [line[1] for line in told(Checklist().show(plan(*FIRST)).mark("above", "done").set_back())] == [
        "current",
        "todo",
    ]
