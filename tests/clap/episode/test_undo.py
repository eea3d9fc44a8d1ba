"""Undo: the world, the plan and the last step are again what they were, step by step."""

from __future__ import annotations

import time

import numpy as np

from clap.episode.episode import EpisodeState
from clap.episode.events import StepDone, Undone
from clap.episode.undo import MOST_MOMENTS
from tests.support.kinematic_world import HOME, STEPS, KinematicArm, TouchPolicy
from tests.support.staged_episode import wait_for

SAME = ("instruction", "plan", "last_step", "steps_done", "detected_objects", "corrections", "success")


def shown(snapshot):
    return [getattr(snapshot, name) for name in SAME]


def step(one):
    assert one.episode.predict()
    one.rest(EpisodeState.AWAITING)
    assert one.episode.approve()
    return one.rest()


def test_undo_goes_back_step_by_step_to_the_beginning_and_forward_again_the_same_way(staged):
    one = staged().ready("touch the block")
    before = [(shown(one.rest()), one.worlds[0].pose)]
    for _ in STEPS:
        before.append((shown(step(one)), one.worlds[0].pose))
    assert one.rest(EpisodeState.DONE).undo == len(STEPS)
    for count in reversed(range(len(STEPS))):
        assert one.episode.undo()
        after = one.rest(EpisodeState.PLANNED)
        assert (shown(after), one.worlds[0].pose) == before[count]
        assert (after.undo, after.prediction, after.failure) == (count, None, None)
    assert not one.episode.undo()
    assert "no step to undo" in one.refusal()
    wait_for(lambda: len(one.kinds(Undone)) == len(STEPS))
    assert [event.step for event in one.kinds(Undone)] == list(reversed(STEPS))
    assert one.episode.run()
    assert one.rest(EpisodeState.DONE).steps_done == len(STEPS)


def test_a_skipped_step_and_an_edited_plan_come_back_too(staged):
    one = staged().ready("touch the block")
    one.episode.edit_plan(["the robot pushes the red block", STEPS[1]])
    edited = shown(one.rest(EpisodeState.PLANNED))
    assert one.episode.skip()
    one.rest(EpisodeState.PLANNED)
    assert one.episode.undo()
    assert shown(one.rest(EpisodeState.PLANNED)) == edited
    assert one.episode.predict()
    assert one.rest(EpisodeState.AWAITING).prediction.step == "the robot pushes the red block"


def test_a_step_that_was_stopped_can_be_undone(staged):
    one = staged(tick_seconds=0.01).ready("touch the block")
    one.episode.predict()
    one.rest(EpisodeState.AWAITING)
    one.episode.approve()
    wait_for(lambda: one.worlds[0].ticks > 3)
    one.episode.stop()
    wait_for(lambda: one.rest().state is EpisodeState.STOPPED)
    assert not np.allclose(one.worlds[0].pose.position, HOME.position)
    wait_for(one.episode.undo)
    one.rest(EpisodeState.PLANNED)
    assert one.worlds[0].pose is HOME
    assert not one.kinds(StepDone)


def test_the_policy_chosen_meanwhile_stays_and_another_instruction_is_taken_back(staged):
    one = staged(policies={"other": TouchPolicy}).ready("touch the block")
    step(one)
    assert one.episode.set_policy("other")
    one.rest(EpisodeState.PLANNED)
    one.episode.plan("touch the cup")
    one.rest(EpisodeState.PLANNED)
    assert one.episode.undo()
    after = one.rest(EpisodeState.PLANNED)
    assert (after.instruction, after.policy, after.steps_done) == ("touch the block", "other", 0)
    assert one.episode.run()
    assert one.rest(EpisodeState.DONE).success is True


def test_another_scene_forgets_what_could_be_undone(staged):
    one = staged().ready("touch the block")
    step(one)
    assert one.ready().episode.snapshot().undo == 0
    assert not one.episode.undo()


def test_a_real_robot_cannot_be_set_back(staged):
    one = staged(kind=KinematicArm, clock=time.time).ready("touch the block")
    step(one)
    assert one.episode.snapshot().undo == 0
    assert not one.episode.undo()


def test_the_moments_are_bounded(staged):
    one = staged().ready("touch the block")
    for _ in range(MOST_MOMENTS + 3):
        one.episode.edit_plan([STEPS[0], STEPS[0]])
        one.rest(EpisodeState.PLANNED)
        one.episode.skip()
        one.rest(EpisodeState.PLANNED)
    assert one.episode.snapshot().undo == MOST_MOMENTS
