"""What an episode refuses, and the failures that it names."""

from __future__ import annotations

import time

import numpy as np
import pytest

from clap.episode.episode import Episode, EpisodeState
from clap.episode.events import (
    Failed,
)
from clap.errors import CheckpointError
from clap.rollout.rollout import MAX_REPEATS
from clap.rollout.safety import Decision
from clap.rollout.self_correction import MAX_PER_STEP
from tests.support.kinematic_world import KinematicArm, TouchPolicy
from tests.support.staged_episode import StagedEpisode, wait_for


def test_a_refused_prediction_cannot_be_approved_but_made_again(staged):
    one = staged().ready("touch the block")
    one.policies[0].offset = np.array([0, 0, 1.5])
    one.episode.predict()
    assert one.rest(EpisodeState.AWAITING).verdict.decision is Decision.REFUSE
    assert not one.episode.approve()
    assert "outside the workspace" in one.refusal()
    one.policies[0].offset = np.zeros(3)
    assert one.episode.redo()
    assert one.rest(EpisodeState.AWAITING).verdict.decision is Decision.ALLOW
    assert one.worlds[0].ticks == 0


def test_a_run_fails_on_a_refused_prediction_and_nothing_moves(staged):
    one = staged(reach=0.1).ready()
    one.episode.run()
    failed = one.rest(EpisodeState.FAILED)
    assert failed.failure.name == "unreachable pose"
    assert failed.failure.next_move
    assert failed.prediction is not None
    assert one.worlds[0].ticks == 0


def test_a_motion_that_falls_short_is_a_failure_that_can_be_tried_again(staged):
    one = staged().ready("touch the block")
    one.worlds[0].blocked = True
    one.episode.predict()
    one.rest(EpisodeState.AWAITING)
    one.episode.approve()
    failed = one.rest(EpisodeState.FAILED)
    assert failed.failure.name == "pose not reached"
    assert "in the way" in failed.failure.sentence
    assert failed.steps_done == 0
    one.worlds[0].blocked = False
    assert one.episode.run()
    assert one.rest(EpisodeState.DONE).success is True


def test_the_same_step_three_times_in_a_row_is_a_failure(staged):
    one = staged().ready()
    one.policies[0].stuck = True
    one.episode.run()
    failed = one.rest(EpisodeState.FAILED)
    assert failed.failure.name == "step repeated without change"
    assert failed.corrections == MAX_PER_STEP
    assert failed.steps_done == (MAX_REPEATS - 1) * (1 + MAX_PER_STEP)


@pytest.mark.parametrize(
    ("words", "name", "sentence"),
    [
        ("", "instruction not understood", "The instruction is empty."),
        ("   ", "instruction not understood", "The instruction is empty."),
        ("sing a song", "instruction refused", "That is not something the robot can do."),
    ],
)
def test_an_instruction_without_a_plan_is_a_named_failure_and_the_episode_goes_on(staged, words, name, sentence):
    one = staged().ready()
    assert one.episode.plan(words)
    failure = one.rest(EpisodeState.FAILED).failure
    assert (failure.name, failure.sentence) == (name, sentence)
    wait_for(lambda: one.kinds(Failed))
    assert one.episode.plan("touch the block")
    one.rest(EpisodeState.PLANNED)


def test_an_unknown_task_is_a_named_failure(staged):
    one = staged()
    assert one.episode.reset("fold the towel", 0)
    assert one.rest(EpisodeState.FAILED).failure.name == "world error"
    assert not one.episode.plan("touch the block")
    assert "reset" in one.refusal()


@pytest.mark.parametrize(
    ("verb", "words"),
    [
        ("predict", "no plan"),
        ("approve", "no prediction"),
        ("skip", "no plan"),
        ("pause", "Nothing is under way"),
    ],
)
def test_verbs_out_of_their_turn_are_refused_with_a_sentence(staged, verb, words):
    one = staged().ready()
    assert not getattr(one.episode, verb)()
    assert words in one.refusal()
    assert one.episode.snapshot().state is EpisodeState.READY


def test_a_world_that_cannot_start_is_a_named_failure():
    def no_world():
        raise CheckpointError("There is no world today.")

    episode = Episode(no_world, {"touch": TouchPolicy}, "touch")
    try:
        snapshot = episode.wait(lambda s: not s.state.busy, 5)
        assert snapshot.state is EpisodeState.FAILED
        assert not episode.reset("touch", 0)
    finally:
        episode.close()


def test_on_a_real_table_a_prediction_grows_stale_while_it_waits(staged):
    late = [0.0]
    one = staged(kind=KinematicArm, clock=lambda: time.time() - late[0]).ready("touch the block")
    late[0] = 5.0
    one.episode.predict()
    assert one.rest(EpisodeState.AWAITING).verdict.decision is Decision.ASK
    late[0] = 60.0
    one.episode.redo()
    assert one.rest(EpisodeState.AWAITING).verdict.worst.failure == "stale frame"
    assert not one.episode.approve()


def test_another_speed_is_judged_before_approval(staged):
    one = staged(kind=KinematicArm, clock=time.time).ready("touch the block")
    one.worlds[0].tool_speed = 3.0
    assert one.episode.set_speed(0.05)
    one.episode.predict()
    slow = one.rest(EpisodeState.AWAITING)
    assert one.episode.set_speed(1.0)
    fast = one.rest(EpisodeState.AWAITING)
    assert fast.prediction is slow.prediction
    assert [verdict.decision for verdict in (slow.verdict, fast.verdict)] == [Decision.ALLOW, Decision.ASK]
    assert fast.verdict.worst.failure == "too fast"


@pytest.mark.parametrize("speed", [-1.0, float("nan"), float("inf")])
def test_a_senseless_speed_is_refused(staged, speed):
    one = staged()
    assert not one.episode.set_speed(speed)
    assert one.episode.set_speed(0.5)
    assert one.episode.snapshot().speed == 0.5


def test_a_closed_episode_refuses_everything():
    one = StagedEpisode()
    one.episode.close()
    assert not one.episode.reset("touch", 0)
    assert one.worlds[0].closed
