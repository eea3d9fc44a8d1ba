"""What the operator writes and corrects: steps, keypoints, targets, and approval of each step."""

from __future__ import annotations

import numpy as np
import pytest

from clap.episode.episode import EpisodeState
from clap.episode.events import Approved, Moved, Planned, Refused, StepDone
from clap.geometry.frames import Pose
from clap.rollout.safety import Decision
from tests.support.kinematic_world import BOXES, DOWN, HOME, STEPS, SUBTASKS, KinematicArm, TouchPolicy
from tests.support.staged_episode import wait_for

ABOVE_CUP, TOUCH_CUP = SUBTASKS[1]
PUSH = "the robot pushes the red block aside"


def pending(one):
    """A prediction that waits for approval."""
    assert one.episode.predict()
    return one.rest(EpisodeState.AWAITING)


def lines(snapshot):
    return [(line.text, line.status, line.by) for line in snapshot.plan]


def test_the_operators_steps_are_followed_to_their_end_and_then_the_planner_is_asked(staged):
    one = staged().ready("touch the block")
    assert one.episode.edit_plan(["moves above the red cup", STEPS[1]])
    edited = one.rest(EpisodeState.PLANNED)
    assert lines(edited) == [(ABOVE_CUP, "current", "human"), (STEPS[1], "todo", "policy")]
    assert one.kinds(Planned)[-1].plan.by == "human"
    for step in (ABOVE_CUP, STEPS[1]):
        assert pending(one).prediction.step == step
        assert one.episode.approve()
        one.rest(EpisodeState.PLANNED)
    after = one.rest()
    assert [line[1] for line in lines(after)] == ["done", "done", "current", "todo"]
    assert [line.subtask for line in after.plan] == [0, 0, 1, 1]
    assert one.episode.run()
    assert one.rest(EpisodeState.DONE).success is True
    assert [event.step for event in one.kinds(StepDone)] == [ABOVE_CUP, STEPS[1], ABOVE_CUP, TOUCH_CUP]


def test_an_edit_replaces_only_what_is_not_done_and_a_step_may_come_twice(staged):
    one = staged().ready("touch the block")
    pending(one)
    assert one.episode.approve()
    one.rest(EpisodeState.PLANNED)
    assert one.episode.edit_plan([STEPS[0], STEPS[1], STEPS[1], STEPS[1]])
    assert [line[1] for line in lines(one.rest(EpisodeState.PLANNED))] == ["done", "current", "todo", "todo", "todo"]
    assert one.episode.run()
    done = one.rest(EpisodeState.DONE)
    assert done.steps_done == 1 + 4 + 2


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ([], "1 to 8 steps"),
        ([""], "Step 1 is empty"),
        ([STEPS[0], "the robot touch the tea pot"], 'Step 2: I do not know the words "touch" (did you mean touches'),
        (["the robot does 2 things"], "“2”"),
    ],
)
def test_steps_that_cannot_be_read_are_refused_and_nothing_changes(staged, steps, words):
    one = staged().ready("touch the block")
    before = pending(one)
    assert not one.episode.edit_plan(steps)
    assert words in one.refusal()
    assert one.episode.snapshot() == before


def test_plan_again_drops_the_operators_steps_and_keeps_what_is_done(staged):
    one = staged().ready("touch the block")
    pending(one)
    one.episode.approve()
    one.rest(EpisodeState.PLANNED)
    one.episode.edit_plan([PUSH])
    one.rest(EpisodeState.PLANNED)
    assert one.episode.replan()
    assert lines(one.rest(EpisodeState.PLANNED)) == [(STEPS[0], "done", "policy"), (STEPS[1], "current", "policy")]
    assert pending(one).prediction.step == STEPS[1]


def test_an_instruction_is_needed_for_all_of_it(staged):
    one = staged().ready()
    for verb in (
        lambda: one.episode.edit_plan([PUSH]),
        one.episode.replan,
        lambda: one.episode.set_target(HOME, True),
        lambda: one.episode.set_keypoint([0.2, 0, 0.8]),
        one.episode.revert,
    ):
        assert not verb()
    wait_for(lambda: len(one.kinds(Refused)) == 5)
    assert one.episode.snapshot().state is EpisodeState.READY


def test_skip_needs_no_prediction(staged):
    one = staged().ready("touch the block")
    assert one.episode.skip()
    after = one.rest(EpisodeState.PLANNED)
    assert (after.last_step, [line.status for line in after.plan]) == (STEPS[0], ["skipped", "current"])


def test_where_the_planner_fails_there_is_nothing_to_skip_but_the_operator_may_write_the_steps(staged):
    one = staged().ready()
    one.episode.plan("sing a song")
    one.rest(EpisodeState.FAILED)
    assert not one.episode.skip()
    assert "no step to skip" in one.refusal()
    assert one.episode.edit_plan([PUSH])
    assert lines(one.rest(EpisodeState.PLANNED)) == [(PUSH, "current", "human")]
    assert pending(one).prediction.step == PUSH


def test_around_the_operators_keypoint_the_fine_stage_predicts_again_and_it_can_be_taken_back(staged):
    one = staged().ready("touch the block")
    own = pending(one).prediction
    keypoint = BOXES["red cup"]
    assert one.episode.set_keypoint(keypoint)
    corrected = one.rest(EpisodeState.AWAITING)
    assert corrected.prediction.source == "human keypoint"
    assert np.allclose(corrected.prediction.keypoint.position, keypoint)
    assert np.allclose(corrected.prediction.action.pose.position, keypoint + [0, 0, 0.02])
    assert (corrected.prediction.step, corrected.prediction.objects) == (own.step, own.objects)
    assert corrected.own is own
    assert one.episode.set_target(Pose(np.array([0.3, 0.1, 0.9]), DOWN), False)
    assert one.rest(EpisodeState.AWAITING).own is own
    assert one.episode.revert()
    reverted = one.rest(EpisodeState.AWAITING)
    assert (reverted.prediction, reverted.own) == (own, None)
    assert not one.episode.revert()
    assert "no correction" in one.refusal()


def test_the_operators_target_is_judged_carried_out_and_recorded_as_human(staged):
    one = staged().ready("touch the block")
    own = pending(one).prediction
    outside = Pose(np.array([0.2, 0.0, 1.9]), DOWN)
    assert one.episode.set_target(outside, True)
    assert one.rest(EpisodeState.AWAITING).verdict.worst.failure == "out of the workspace"
    assert not one.episode.approve()
    target = Pose(np.array([0.3, 0.1, 0.9]), DOWN)
    assert one.episode.set_target(target, False)
    judged = one.rest(EpisodeState.AWAITING)
    assert judged.verdict.decision is Decision.ALLOW
    assert judged.prediction.source == "human"
    assert one.episode.approve()
    one.rest()
    wait_for(lambda: one.kinds(Approved))
    assert one.worlds[0].pose.distance(target)[0] < 1e-6
    approved = one.kinds(Approved)[-1]
    assert (approved.prediction.source, approved.by, approved.own) == ("human", "operator", own)
    assert approved.prediction.action.pose.distance(target)[0] < 1e-9


def test_where_the_views_disagree_too_much_the_operator_says_where_it_is(staged):
    one = staged().ready("touch the block")
    one.policies[0].keypoint_shift = 60
    assert pending(one).verdict.decision is Decision.REFUSE
    assert one.episode.set_target(Pose(np.array([0.3, 0.1, 0.9]), DOWN), True)
    assert one.rest(EpisodeState.AWAITING).verdict.decision is Decision.ALLOW


def test_without_a_prediction_the_target_stands_for_the_current_step(staged):
    one = staged().ready("touch the block")
    one.episode.edit_plan([PUSH, STEPS[1]])
    one.rest(EpisodeState.PLANNED)
    assert one.episode.set_target(Pose(np.array([0.3, 0.1, 0.9]), DOWN), True)
    authored = one.rest(EpisodeState.AWAITING)
    assert (authored.prediction.step, authored.prediction.source, authored.own) == (PUSH, "human", None)
    assert authored.prediction.views is not None
    assert not one.episode.revert()
    assert one.episode.approve()
    assert one.rest(EpisodeState.PLANNED).last_step == PUSH
    wait_for(lambda: one.kinds(StepDone))
    assert one.kinds(StepDone)[-1].source == "human"
    assert pending(one).prediction.step == STEPS[1]


def test_a_keypoint_that_cannot_be_used_leaves_the_prediction(staged):
    one = staged().ready("touch the block")
    before = pending(one)
    assert one.episode.set_keypoint([5.0, 0, 0])
    after = one.rest(EpisodeState.AWAITING)
    assert (after.prediction, after.verdict) == (before.prediction, before.verdict)
    assert "outside the workspace" in one.refusal()
    assert not one.episode.set_keypoint([np.nan, 0, 0])


class OneStage(TouchPolicy):
    """Has no fine stage."""

    has_fine_action = False


def test_a_policy_without_a_fine_stage_says_so(staged):
    one = staged(policies={"one": OneStage}, policy="one").ready("touch the block")
    pending(one)
    assert not one.episode.set_keypoint([0.2, 0, 0.8])
    assert "no fine stage" in one.refusal()


def test_with_approval_of_each_step_a_run_waits_at_every_one_and_goes_on(staged):
    one = staged().ready("touch the block")
    assert one.episode.set_approve_each(True)
    assert one.episode.run()
    for count, step in enumerate(STEPS):
        waits = one.rest(EpisodeState.AWAITING)
        assert (waits.prediction.step, waits.verdict.decision, waits.running) == (step, Decision.ALLOW, True)
        if count == 1:
            assert one.episode.set_target(waits.prediction.action.pose, False)
            waits = one.rest(EpisodeState.AWAITING)
            assert waits.running
        if count == 2:
            one.episode.set_approve_each(False)
        assert one.episode.approve()
        if count == 2:
            break
    assert one.rest(EpisodeState.DONE).success is True
    wait_for(lambda: len(one.kinds(Approved)) == 4)
    assert [event.by for event in one.kinds(Approved)] == ["operator"] * 3 + ["verdict"]


def test_a_correction_in_a_run_never_starts_by_itself(staged):
    one = staged().ready("touch the block")
    one.policies[0].keypoint_shift = 10
    assert one.episode.run()
    assert one.rest(EpisodeState.AWAITING).verdict.decision is Decision.ASK
    assert one.episode.set_target(Pose(np.array([0.3, 0.1, 0.9]), DOWN), True)
    waits = one.rest(EpisodeState.AWAITING)
    assert (waits.verdict.decision, waits.running) == (Decision.ALLOW, True)
    assert one.worlds[0].ticks == 0


@pytest.mark.parametrize("real", [True, False])
def test_approval_of_each_step_is_the_rule_on_a_real_robot(staged, real):
    one = staged(kind=KinematicArm, clock=(lambda: 0.0) if real else None)
    assert one.episode.snapshot().approve_each is real


def test_after_a_stop_the_target_is_judged_from_where_the_arm_is(staged):
    one = staged(tick_seconds=0.01).ready("touch the block")
    own = pending(one).prediction
    one.episode.approve()
    wait_for(lambda: one.worlds[0].ticks > 5)
    one.episode.stop()
    wait_for(lambda: one.kinds(Moved))
    here = one.worlds[0].pose
    assert one.episode.set_target(here, True)
    aimed = one.rest(EpisodeState.AWAITING)
    assert (aimed.prediction.step, aimed.own) == (own.step, None)
    assert "0 cm" in next(check.sentence for check in aimed.verdict.checks if check.name == "distance")
