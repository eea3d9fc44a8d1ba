"""The loop of one instruction: the look before it, what is told of a refusal, and the end of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from clap.errors import InvalidInstructionError
from clap.geometry.frames import Pose
from clap.policies.base import PredictRequest
from clap.policies.prediction import Plan, PlanStatus
from clap.rollout.errors import MotionFailedError, RefusedPredictionError, StepRepeatedError
from clap.rollout.operator import Operator
from clap.rollout.refusals import RefusedInstructionError, refusal
from clap.rollout.rollout import MAX_REPEATS, Rollout, Turn
from clap.rollout.self_correction import RecoveryAction
from clap.rollout.unattended import run_unattended
from tests.support.kinematic_world import BOXES, STEPS, KinematicWorld, TouchPolicy

TOUCH = "touch the block"


class Refusing(TouchPolicy):
    """Sees the boxes, and refuses whatever it is asked for."""

    reason = "there is no green block"

    def plan(self, request):
        return Plan(PlanStatus.REFUSED, reason=self.reason)


class CountingWorld(KinematicWorld):
    """Counts the observations that are taken of it."""

    observed = 0

    def observe(self):
        self.observed += 1
        return super().observe()


def begun(kind=TouchPolicy):
    world = CountingWorld()
    return Rollout(world, kind(world), TOUCH)


def test_the_look_is_taken_once_and_every_plan_is_told_of_it():
    rollout = begun()
    for step in STEPS[:3]:
        rollout.policy.told = None
        rollout.ask_plan()
        assert rollout.policy.told == rollout.state.detected_objects == tuple(BOXES)
        rollout.state = rollout.state.after_skip(step)
    assert rollout.policy.looks == 1


def test_the_first_decision_is_made_from_the_observation_of_the_look():
    rollout = begun()
    rollout.ask_plan()
    rollout.decide()
    assert rollout.world.observed == 1
    rollout.decide()  # predicting again is for another look
    assert rollout.world.observed == 2


def test_after_a_motion_the_first_decision_looks_again():
    rollout = begun()
    rollout.ask_plan()
    rollout.execute(rollout.policy.predict(PredictRequest(rollout.world.observe(), rollout.plan)))
    rollout.ask_plan()
    seen_before = rollout.world.observed
    assert rollout.decide().observation.gripper_pose is rollout.world.pose
    assert rollout.world.observed == seen_before + 1


def test_a_real_table_is_always_observed_anew():
    world = CountingWorld(clock=lambda: 0.0)
    rollout = Rollout(world, TouchPolicy(world), TOUCH)
    rollout.ask_plan()
    rollout.decide()
    assert world.observed == 2


def test_another_policy_looks_for_itself_only_if_nothing_was_named():
    rollout = begun()
    rollout.ask_plan()
    other = TouchPolicy(rollout.world)
    rollout.use(other)
    rollout.ask_plan()
    assert (other.looks, other.told) == (0, tuple(BOXES))
    rollout.state = replace(rollout.state, detected_objects=None)
    rollout.use(other)
    rollout.ask_plan()
    assert (other.looks, other.told) == (1, tuple(BOXES))


def test_a_refusal_says_why_and_what_is_there():
    with pytest.raises(RefusedInstructionError) as caught:
        begun(Refusing).ask_plan()
    assert isinstance(caught.value, InvalidInstructionError)
    assert caught.value.name == "instruction refused"
    assert caught.value.sentence == "There is no green block."
    assert caught.value.next_move == "Detected on the table: red block, red cup. Rephrase, or reset the scene."


@pytest.mark.parametrize(
    ("reason", "detected_objects", "next_move"),
    [
        ("there is no drawer", (), "Detected on the table: nothing."),
        ("several blocks match", ("red block", "blue block"), "Detected on the table: red block, blue block."),
        ("there is no drawer", None, "examples"),
        ("there is no such thing here", ("red cup",), "Detected on the table: red cup."),
        ("it is not known what is on the table", None, "with its colour"),
        ("it is not said where to put it", ("red cup",), "where it goes"),
        ("that is not something the robot can do", ("red cup",), "container"),
        ("that cannot be picked up", ("red cup",), "block"),
        ("nothing can be put there", ("red cup",), "cup"),
        ("the request says not to do it", ("red cup",), "instead"),
        ("a reason that nobody foresaw", ("red cup",), "examples"),
    ],
)
def test_every_refusal_has_a_next_move_that_fits(reason, detected_objects, next_move):
    error = refusal(reason, detected_objects)
    assert error.sentence == reason.capitalize() + "."
    assert next_move in error.next_move


def test_an_unattended_run_tells_of_the_refusal():
    world = KinematicWorld()
    result = run_unattended(world, Refusing(world), TOUCH)
    assert not result.success
    assert (result.failure.name, result.steps_done) == ("instruction refused", 0)


@pytest.mark.parametrize(("knows", "steps"), [(True, len(STEPS)), (False, 1)])
def test_the_goal_ends_a_run_only_for_a_policy_that_does_not_know_its_end(knows, steps, monkeypatch):
    world = KinematicWorld()
    policy = TouchPolicy(world)
    policy.knows_completion = knows
    monkeypatch.setattr(world, "success", lambda: True)
    result = run_unattended(world, policy, TOUCH)
    assert result.success
    assert result.steps_done == steps


@pytest.mark.parametrize("knows", [True, False])
def test_only_a_policy_that_names_steps_can_repeat_one(knows):
    rollout = begun()
    rollout.policy.knows_completion, rollout.policy.stuck = knows, True
    for _ in range(MAX_REPEATS - 1):
        rollout.ask_plan()
        rollout.execute(rollout.decide().prediction)
    rollout.ask_plan()
    if knows:
        with pytest.raises(StepRepeatedError):
            rollout.decide()
    else:
        assert rollout.decide().prediction.step == STEPS[0]


@pytest.mark.parametrize("shift", [np.zeros(4), np.array([0, 0, 0.1, 0])])
def test_a_hand_that_only_turned_is_looked_at_anew(shift):
    rollout = begun()
    rollout.ask_plan()
    pose = rollout.world.pose
    rollout.world.pose = Pose(pose.position.copy(), pose.quaternion + shift)
    rollout.decide()
    assert rollout.world.observed == 1 + shift.any()


def test_a_goal_that_holds_from_the_start_is_no_excuse_for_doing_nothing(monkeypatch):
    rollout = begun()
    rollout.policy.knows_completion = False
    monkeypatch.setattr(rollout.world, "success", lambda: True)
    assert rollout.ask_plan().status is PlanStatus.STEPS


class Present(Operator):
    """Is asked before every step and every recovery action, and keeps what it was asked."""

    absent = False

    def __init__(self):
        self.asked, self.proposals, self.states = [], [], []

    def approves(self, decided):
        self.asked.append(decided)
        return False

    def proposed(self, correction):
        self.proposals.append(correction)

    def executing(self, decided, state):
        self.states.append(state)


def test_with_nobody_to_ask_turns_lead_to_the_end():
    rollout, turns = begun(), []
    while not rollout.complete:
        turns.append(rollout.advance(Operator()))
    assert turns == [Turn.PLANNED, Turn.EXECUTED] * len(STEPS) + [Turn.COMPLETE]
    assert rollout.state.executed == STEPS


def test_a_step_waits_for_the_operator_and_is_carried_out_once_it_is_approved():
    rollout, operator = begun(), Present()
    assert [rollout.advance(operator) for _ in range(3)] == [Turn.PLANNED, Turn.WAITING, Turn.WAITING]
    assert (rollout.world.ticks, rollout.state.steps_done) == (0, 0)
    assert rollout.advance(operator, operator.asked[-1]) is Turn.EXECUTED
    assert rollout.state.last_step == STEPS[0]
    assert rollout.plan is None


def test_what_is_approved_is_judged_again_and_may_be_refused():
    rollout, operator = begun(), Present()
    rollout.advance(operator)
    rollout.advance(operator)
    rollout.world.reach = 0.1
    with pytest.raises(RefusedPredictionError):
        rollout.advance(operator, operator.asked[-1])
    assert (rollout.world.ticks, operator.states) == (0, [])


def test_a_remedy_is_made_at_once_or_proposed_to_who_is_there():
    for operator in (Operator(), Present()):
        rollout = begun()
        rollout.advance(operator)
        decided, rollout.world.blocked = rollout.decide(), True
        if operator.absent:
            with pytest.raises(MotionFailedError):  # the recovery action's own motion is blocked too, and has its share
                rollout.advance(operator, decided)
            assert len(rollout.state.corrections) > 1
            continue
        with pytest.raises(MotionFailedError):
            rollout.advance(operator, decided)
        rollout.world.blocked = False
        assert (rollout.state.corrections, operator.proposals[0].recovery_action) == ((), RecoveryAction.RETRY)
        assert rollout.advance(operator, operator.proposals[0]) is Turn.CORRECTED
        assert rollout.state.corrections == tuple(operator.proposals)


def test_a_state_that_was_kept_is_gone_on_from_the_same_way():
    rollout, operator = begun(), Present()
    rollout.advance(operator)
    rollout.advance(operator)
    rollout.advance(operator, operator.asked[-1])
    after, kept = rollout.state, operator.states[0]
    assert (kept.steps_done, kept.task.next_step) == (0, STEPS[0])
    rollout.state = kept
    rollout.advance(operator, operator.asked[-1])
    assert rollout.state == after
