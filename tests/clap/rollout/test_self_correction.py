"""Self-correction on the simulated table: mistakes that a policy can make are noticed, and what can be done is done."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from clap.geometry.frames import Pose
from clap.policies.base import INITIAL_STEP
from clap.policies.expert import ExpertPolicy
from clap.policies.prediction import Plan, PlanStatus
from clap.rollout.errors import StepMissedError
from clap.rollout.rollout import Rollout
from clap.rollout.self_correction import (
    EMPTY_BELOW,
    MAX_PER_STEP,
    RecoveryAction,
    Situation,
    check_motion,
    recovery_action_for,
)
from clap.rollout.unattended import run_unattended
from clap.worlds.base import Action, MotionContext, MotionOutcome, MotionReport
from clap.worlds.tabletop.world import TabletopWorld

TASK, SEED = "block_in_same_cup", 1
SOMEWHERE = Pose(np.array([0.3, 0.0, 1.0]), np.array([1.0, 0, 0, 0]))


@pytest.fixture(scope="module")
def table():
    world = TabletopWorld()
    yield world
    world.close()


class Clumsy(ExpertPolicy):
    """The expert, who makes a mistake the first few ``times`` that a step comes up."""

    def __init__(self, world, at, mistake, times=1):
        super().__init__(world)
        self.world, self.at, self.mistake, self.times = world, at, mistake, times

    def predict(self, request):
        right = super().predict(request)
        if self.at not in right.step or self.times == 0:
            return right
        self.times -= 1
        return self.mistake(self.world, right)


def shifted(by):
    def mistake(world, right):
        pose = right.action.pose
        return replace(right, action=replace(right.action, pose=Pose(pose.position + by, pose.quaternion)))

    return mistake


def upside_down(world, right):
    pose = Pose(right.action.pose.position, np.array([0.0, 0, 0, 1]))
    return replace(right, action=replace(right.action, pose=pose))


def block_is_knocked_out(world, right):
    """Something hits the carried block: it falls back to the table, where it was at the beginning."""
    (thing,) = {thing for thing in world.things if thing.name == world.goal[0].thing}
    joint = world.data.joint(f"{thing.body}_joint")
    joint.qpos[:3] = [thing.placement.x, thing.placement.y, joint.qpos[2] - world.arm.pose().position[2] + 0.79]
    return right


def still_closed(world, right):
    return replace(right, action=replace(right.action, gripper_open=False))


def misses(times=1):
    return "grasps", shifted([-0.05, 0, 0]), times


def play(world, at, mistake, times=1, correction=True):
    instruction = world.reset(TASK, SEED)
    return run_unattended(world, Clumsy(world, at, mistake, times), instruction, correction)


def test_a_missed_grasp_fails_without_correction(table):
    result = play(table, *misses(), correction=False)
    assert not result.success and not result.goal_holds
    assert result.corrections == ()


@pytest.mark.parametrize(
    ("at", "mistake", "detected_fault", "recovery_action"),
    [
        ("grasps", shifted([-0.05, 0, 0]), "nothing grasped", RecoveryAction.RETRY),
        ("places", block_is_knocked_out, "lost on the way", RecoveryAction.RETRY),
        ("places", shifted([0.045, 0, 0]), "not in its place", RecoveryAction.RETRY),
        ("places", still_closed, "not let go", RecoveryAction.RELEASE),
        ("moves above", upside_down, "unreachable pose", RecoveryAction.REPREDICT),
        ("places", shifted([0, 0, -0.4]), "out of the workspace", RecoveryAction.REPREDICT),
    ],
)
def test_with_correction_the_block_still_ends_in_the_cup(table, at, mistake, detected_fault, recovery_action):
    result = play(table, at, mistake)
    assert [(one.detected_fault, one.recovery_action) for one in result.corrections] == [
        (detected_fault, recovery_action)
    ]
    assert result.success, (result.failure, [step.step for step in result.log])


def test_a_policy_that_always_misses_ends_with_what_was_tried(table):
    result = play(table, *misses(times=99))
    assert result.failure.name == "nothing grasped"
    assert [one.detected_fault for one in result.corrections] == ["nothing grasped"] * MAX_PER_STEP
    assert [one.attempt for one in result.corrections] == list(range(MAX_PER_STEP))


class OneAfterAnother(ExpertPolicy):
    """The expert, who follows several sentences in their order."""

    def plan(self, request):
        parts = (replace(request, instruction=part) for part in request.instruction.split(" and "))
        plans = (super(OneAfterAnother, self).plan(part) for part in parts)
        return next((plan for plan in plans if plan.status is PlanStatus.STEPS), Plan(PlanStatus.COMPLETE))


def two_blocks(table, second_cup):
    table.reset(TASK, 41000)
    sentence = f"put the red block in the red cup and put the yellow block in the {second_cup}"
    return run_unattended(table, OneAfterAnother(table), sentence)


def test_a_cup_that_is_full_is_told_and_not_tried_again(table):
    result = two_blocks(table, "red cup")
    assert (result.failure.name, result.corrections) == ("no room left", ())
    assert "it lies on what was put there before" in result.failure.sentence
    assert "another place" in result.failure.next_move


def test_what_was_let_go_late_is_looked_for_in_its_place_too(table):
    def beside_and_closed(world, right):
        return still_closed(world, shifted([0.045, 0, 0])(world, right))

    result = play(table, "places", beside_and_closed)
    assert [one.detected_fault for one in result.corrections] == ["not let go", "not in its place"]
    assert result.success


def test_two_blocks_in_two_cups_have_room(table):
    result = two_blocks(table, "green cup")
    assert result.failure is None and result.goal_holds and not result.corrections


def test_a_missed_step_is_not_done_and_stop_halts_the_remedy(table):
    rollout = Rollout(table, Clumsy(table, *misses()), table.reset(TASK, SEED))
    rollout.ask_plan()
    rollout.execute(rollout.decide().prediction)
    rollout.ask_plan()
    with pytest.raises(StepMissedError, match="fingers met") as missed:
        rollout.execute(rollout.decide().prediction)
    assert (rollout.state.steps_done, rollout.state.last_step) == (1, rollout.plan.steps[0])
    correction = rollout.propose(missed.value)
    assert "begins this part of the task again" in correction.sentence
    polled = itertools.count()
    reports = list(rollout.correct(correction, MotionContext(lambda: next(polled) > 40)))
    assert reports[-1].outcome is MotionOutcome.STOPPED
    assert next(polled) < 60
    assert (rollout.state.last_step, rollout.state.corrections) == (INITIAL_STEP, (correction,))


def report(opening):
    return MotionReport(MotionOutcome.REACHED, SOMEWHERE, opening, 0.0, 0.0, 1.0)


@pytest.mark.parametrize(
    ("closes", "before", "least", "after", "detected_fault"),
    [
        (True, 1.0, 0.05, 0.05, "nothing grasped"),
        (True, 1.0, 0.94, 0.94, "nothing grasped"),  # stopped by a touch before it could close
        (True, 1.0, 0.137, 0.137, None),  # the thinnest handle
        (True, 0.287, 0.287, 0.287, None),
        (True, 0.287, 0.0, 0.0, "lost on the way"),
        (False, 0.287, 0.0, 0.94, "lost on the way"),  # a pull that slipped off, then opened
        (False, 0.287, 0.287, 0.94, None),
        (False, 1.0, 0.94, 1.0, None),
        (True, 0.0, 0.0, 0.0, None),  # the gripper was empty before
    ],
)
def test_what_the_hand_feels(closes, before, least, after, detected_fault):
    found = check_motion(Action(SOMEWHERE, gripper_open=not closes), before, least, report(after))
    assert (found and found.name) == detected_fault


def test_the_threshold_lies_well_between_nothing_and_the_thinnest_handle(table):
    table.reset("open_drawer", 0, variation=0)
    pose, _ = table.state()
    empty = table.execute(Action(pose, gripper_open=False)).gripper_open
    table.reset("open_drawer", 0, variation=0)
    rollout = Rollout(table, ExpertPolicy(table), table.setup.instruction)
    for _ in range(2):
        rollout.ask_plan()
        handle = rollout.execute(rollout.decide().prediction).gripper_open
    assert empty + 0.03 < EMPTY_BELOW < handle - 0.03


@pytest.mark.parametrize(
    ("failure", "situation", "recovery_action"),
    [
        ("nothing grasped", Situation(False, False), RecoveryAction.RETRY),
        ("pose not reached", Situation(True, True), RecoveryAction.REPREDICT),
        ("pose not reached", Situation(True, False), RecoveryAction.RETRY),
        ("views disagree", Situation(False, False), RecoveryAction.REPREDICT),
        ("views disagree", Situation(False, False, 1), RecoveryAction.REPLAN),
        ("views disagree", Situation(True, True, 1), RecoveryAction.REPREDICT),
        ("step repeated without change", Situation(False, False), RecoveryAction.REPLAN),
        ("planner text invalid", Situation(False, False), RecoveryAction.REPREDICT),
        ("views disagree", Situation(False, False, MAX_PER_STEP), None),
        ("step limit reached", Situation(False, False), None),
        ("not let go", Situation(True, True), RecoveryAction.RELEASE),
        ("not let go", Situation(False, False), None),
        ("stale frame", Situation(False, False), None),
        ("instruction not understood", Situation(False, False), None),
    ],
)
def test_every_failure_has_its_remedy_and_nothing_lifted_is_let_go_on_the_way(failure, situation, recovery_action):
    assert recovery_action_for(failure, situation) is recovery_action
