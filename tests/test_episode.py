"""The episode: its order, what it refuses, and that stop wins over everything."""

from __future__ import annotations

import itertools
import threading
import time

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
from kinematic_world import BOXES, HOME, STEPS, SUBTASKS, KinematicWorld, TouchPolicy

from clap.correction import MAX_PER_STEP
from clap.episode import Episode, EpisodeState
from clap.events import (
    Approved,
    Failed,
    Finished,
    Looked,
    Moved,
    Planned,
    PoseUpdated,
    Predicted,
    Refused,
    Reset,
    SceneUpdated,
    StateChanged,
    StepDone,
    Stopped,
)
from clap.failures import CheckpointError
from clap.policy import INITIAL_STEP
from clap.rollout import MAX_REPEATS
from clap.safety import Decision
from clap.worlds.world import MotionOutcome


class Stage:
    """An episode with its world, its policies and all its events at hand."""

    def __init__(self, policies=None, policy="touch", correction=True, **world):
        self.worlds: list[KinematicWorld] = []
        self.policies: list[TouchPolicy] = []
        self.events: list = []

        def make_world():
            self.worlds.append(KinematicWorld(**world))
            return self.worlds[0]

        def make_policy(world):
            self.policies.append(TouchPolicy(world))
            return self.policies[-1]

        choice = {"touch": make_policy, **(policies or {})}
        self.episode = Episode(make_world, choice, policy, speed=0.0, correction=correction)
        self.episode.subscribe(self.events.append)
        self.rest()

    def rest(self, state=None):
        """Wait until nothing is under way, and check the state reached."""
        snapshot = self.episode.wait(lambda s: not s.state.busy, 20)
        assert state is None or snapshot.state is state, (snapshot.state, snapshot.failure)
        return snapshot

    def ready(self, instruction=None):
        assert self.episode.reset("touch", 7)
        self.rest(EpisodeState.READY)
        if instruction is not None:
            assert self.episode.plan(instruction)
            self.rest(EpisodeState.PLANNED)
        return self

    def kinds(self, *kinds):
        return [event for event in self.events if isinstance(event, kinds)]

    def refusal(self):
        wait_for(lambda: self.kinds(Refused))
        return self.kinds(Refused)[-1].sentence


@pytest.fixture
def stage():
    stages = []

    def make(**keywords):
        stages.append(Stage(**keywords))
        return stages[-1]

    yield make
    for one in stages:
        one.episode.close()
        assert all(world.closed for world in one.worlds)


def wait_for(condition, timeout=5.0):
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "nothing happened in time"
        time.sleep(0.002)


def test_a_reset_shows_the_scene_and_the_worlds_own_instruction(stage):
    one = stage().ready()
    snapshot = one.episode.snapshot()
    assert (snapshot.instruction, snapshot.task, snapshot.seed) == ("touch the block", "touch", 7)
    assert snapshot.scene is not None
    assert len(snapshot.scene.cloud) > 1000
    assert snapshot.policy_is_expert
    assert one.kinds(Reset)[0].instruction == "touch the block"


def test_step_by_step_the_operator_brings_an_instruction_to_its_end(stage):
    one = stage().ready("touch the block")
    assert [(step.text, step.status) for step in one.episode.snapshot().plan] == [
        (SUBTASKS[0][0], "current"),
        (SUBTASKS[0][1], "todo"),
    ]
    for count, step in enumerate(STEPS):
        assert one.episode.predict()
        pending = one.rest(EpisodeState.AWAITING)
        assert pending.prediction.step == step
        assert pending.verdict.decision is Decision.ALLOW
        assert pending.scene.views is pending.prediction.views
        assert pending.last_step == (STEPS[count - 1] if count else INITIAL_STEP)
        assert one.episode.approve()
        after = one.rest()
        assert (after.last_step, after.steps_done, after.prediction) == (step, count + 1, None)
    assert after.state is EpisodeState.DONE
    assert after.success is True
    assert [(step.text, step.status, step.subtask) for step in after.plan] == [
        (text, "done", subtask) for subtask, steps in enumerate(SUBTASKS) for text in steps
    ]
    wait_for(lambda: one.kinds(Finished))
    story = one.kinds(Planned, Predicted, Approved, Moved, StepDone, Finished)
    per_step = [Predicted, Approved, Moved, StepDone, Planned]
    assert [type(event) for event in story] == [Planned, *per_step * len(STEPS), Finished]


def test_run_does_the_same_by_itself(stage):
    one = stage().ready()
    assert one.episode.run()
    assert one.rest(EpisodeState.DONE).success is True
    assert [event.step for event in one.kinds(StepDone)] == list(STEPS)
    assert {event.by for event in one.kinds(Approved)} == {"verdict"}


def test_events_come_in_order_and_states_are_told(stage):
    one = stage().ready()
    one.episode.run()
    one.rest(EpisodeState.DONE)
    wait_for(lambda: one.kinds(Finished))
    assert [event.seq for event in one.events] == list(range(one.events[0].seq, one.events[0].seq + len(one.events)))
    told = [event.state for event in one.kinds(StateChanged)]
    assert all(a is not b for a, b in itertools.pairwise(told))
    assert one.kinds(PoseUpdated)
    assert one.kinds(SceneUpdated)


def test_a_subscriber_that_fails_stops_nothing(stage):
    one = stage()

    def fails(event):
        raise RuntimeError("not my day")

    unsubscribe = one.episode.subscribe(fails)
    one.ready().episode.run()
    assert one.rest(EpisodeState.DONE).success
    unsubscribe()


def test_stop_halts_a_motion_at_the_next_tick_and_the_arm_stays_there(stage):
    one = stage(tick_seconds=0.02).ready("touch the block")
    one.episode.predict()
    one.rest(EpisodeState.AWAITING)
    one.episode.approve()
    wait_for(lambda: len(one.kinds(PoseUpdated)) >= 5)
    ticks = one.worlds[0].ticks
    threading.Thread(target=one.episode.stop).start()
    wait_for(lambda: one.kinds(Moved))
    assert one.kinds(Moved)[0].report.outcome is MotionOutcome.STOPPED
    assert one.worlds[0].ticks <= ticks + 3
    assert one.episode.snapshot().state is EpisodeState.STOPPED
    assert one.kinds(Stopped)
    held = one.worlds[0].pose.position.copy()
    assert not np.allclose(held, HOME.position)
    time.sleep(0.1)
    assert np.array_equal(one.worlds[0].pose.position, held)
    assert not one.kinds(StepDone)
    assert one.episode.snapshot().last_step == INITIAL_STEP


def test_after_a_stop_the_run_can_go_on_from_where_it_was(stage):
    one = stage(tick_seconds=0.002).ready()
    one.episode.run()
    wait_for(lambda: one.kinds(StepDone) and one.episode.snapshot().state is EpisodeState.MOVING)
    one.episode.stop()
    done = one.episode.snapshot().steps_done
    assert one.episode.snapshot().state is EpisodeState.STOPPED
    assert one.episode.run()
    after = one.rest(EpisodeState.DONE)
    assert after.success is True
    assert after.steps_done == len(STEPS)
    assert done >= 1


def test_a_command_after_stop_does_not_revive_what_was_stopped(stage):
    one = stage(tick_seconds=0.02).ready("touch the block")
    one.episode.predict()
    one.rest(EpisodeState.AWAITING)
    one.episode.approve()
    wait_for(lambda: one.kinds(PoseUpdated))
    one.episode.stop()
    assert one.episode.predict()
    assert one.rest(EpisodeState.AWAITING).prediction.step == STEPS[0]
    assert [event.report.outcome for event in one.kinds(Moved)] == [MotionOutcome.STOPPED]


def test_stop_drops_what_was_queued(stage):
    one = stage(tick_seconds=0.02).ready("touch the block")
    with one.episode._board.lock:  # the worker cannot pick anything up before the stop
        assert one.episode.home()
        one.episode.stop()
    time.sleep(0.05)
    assert one.worlds[0].ticks == 0
    assert one.episode.snapshot().state is EpisodeState.STOPPED


def test_a_second_approval_of_the_same_prediction_is_refused(stage):
    one = stage(tick_seconds=0.005).ready("touch the block")
    one.episode.predict()
    one.rest(EpisodeState.AWAITING)
    assert one.episode.approve()
    assert not one.episode.approve()
    assert "moving" in one.refusal()
    one.rest(EpisodeState.PLANNED)
    assert len(one.kinds(Approved)) == 1


def test_pause_lets_the_motion_end_and_run_goes_on(stage):
    one = stage(tick_seconds=0.002).ready()
    one.episode.run()
    wait_for(lambda: one.kinds(PoseUpdated))
    assert one.episode.pause()
    paused = one.rest(EpisodeState.PAUSED)
    assert [event.report.outcome for event in one.kinds(Moved)] == [MotionOutcome.REACHED] * paused.steps_done
    assert paused.steps_done < len(STEPS)
    assert one.episode.run()
    assert one.rest(EpisodeState.DONE).steps_done == len(STEPS)


def test_a_run_waits_where_the_views_disagree_and_goes_on_once_approved(stage):
    one = stage().ready("touch the block")
    one.policies[0].keypoint_shift = 10
    assert one.episode.run()
    for step in STEPS:
        asked = one.rest(EpisodeState.AWAITING)
        assert asked.verdict.decision is Decision.ASK
        assert asked.prediction.step == step
        assert one.episode.approve()
    assert one.rest(EpisodeState.DONE).success is True
    assert {event.by for event in one.kinds(Approved)} == {"operator"}


def test_a_refused_prediction_cannot_be_approved_but_made_again(stage):
    one = stage().ready("touch the block")
    one.policies[0].offset = np.array([0, 0, 1.5])
    one.episode.predict()
    assert one.rest(EpisodeState.AWAITING).verdict.decision is Decision.REFUSE
    assert not one.episode.approve()
    assert "outside the workspace" in one.refusal()
    one.policies[0].offset = np.zeros(3)
    assert one.episode.redo()
    assert one.rest(EpisodeState.AWAITING).verdict.decision is Decision.ALLOW
    assert one.worlds[0].ticks == 0


def test_a_run_fails_on_a_refused_prediction_and_nothing_moves(stage):
    one = stage(reach=0.1).ready()
    one.episode.run()
    failed = one.rest(EpisodeState.FAILED)
    assert failed.failure.name == "unreachable pose"
    assert failed.failure.next_move
    assert failed.prediction is not None
    assert one.worlds[0].ticks == 0


def test_a_motion_that_falls_short_is_a_failure_that_can_be_tried_again(stage):
    one = stage().ready("touch the block")
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


def test_skip_counts_a_step_without_moving(stage):
    one = stage().ready("touch the block")
    one.episode.predict()
    one.rest(EpisodeState.AWAITING)
    assert one.episode.skip()
    after = one.rest(EpisodeState.PLANNED)
    assert after.last_step == STEPS[0]
    assert [step.status for step in after.plan] == ["skipped", "current"]
    assert one.worlds[0].ticks == 0


def test_the_same_step_three_times_in_a_row_is_a_failure(stage):
    one = stage().ready()
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
def test_an_instruction_without_a_plan_is_a_named_failure_and_the_episode_goes_on(stage, words, name, sentence):
    one = stage().ready()
    assert one.episode.plan(words)
    failure = one.rest(EpisodeState.FAILED).failure
    assert (failure.name, failure.sentence) == (name, sentence)
    wait_for(lambda: one.kinds(Failed))
    assert one.episode.plan("touch the block")
    one.rest(EpisodeState.PLANNED)


def test_an_unknown_task_is_a_named_failure(stage):
    one = stage()
    assert one.episode.reset("fold the towel", 0)
    assert one.rest(EpisodeState.FAILED).failure.name == "world error"
    assert not one.episode.plan("touch the block")
    assert "reset" in one.refusal()


@pytest.mark.parametrize(
    ("verb", "words"),
    [
        ("predict", "no plan"),
        ("approve", "no prediction"),
        ("skip", "no predicted step"),
        ("pause", "Nothing is under way"),
    ],
)
def test_verbs_out_of_their_turn_are_refused_with_a_sentence(stage, verb, words):
    one = stage().ready()
    assert not getattr(one.episode, verb)()
    assert words in one.refusal()
    assert one.episode.snapshot().state is EpisodeState.READY


def test_home_drops_the_pending_prediction(stage):
    one = stage().ready("touch the block")
    one.episode.predict()
    one.rest(EpisodeState.AWAITING)
    assert one.episode.home()
    assert one.rest(EpisodeState.PLANNED).prediction is None
    assert not one.episode.approve()


def test_an_instruction_begins_with_a_look_and_keeps_what_was_seen(stage):
    one = stage().ready("touch the block")
    names = tuple(BOXES)
    snapshot = one.episode.snapshot()
    assert snapshot.seen == names
    assert snapshot.round_texts["look"] == " ; ".join(names)
    assert snapshot.seconds["look"] >= 0
    assert [event.seen for event in one.kinds(Looked)] == [names]
    assert one.episode.run()
    assert one.rest(EpisodeState.DONE).seen == names
    assert one.policies[0].looks == 1
    assert one.episode.plan("touch the block")
    one.rest(EpisodeState.PLANNED)
    assert one.policies[0].looks == 2
    assert one.episode.reset("touch", 7)
    assert one.rest(EpisodeState.READY).seen is None


class Unseeing(TouchPolicy):
    """Names nothing, like a planner of one round, and never says that it is done."""

    def __init__(self, world):
        super().__init__(world)
        self.knows_completion = False

    def look(self, observation, on_text=None):
        return None


def test_a_policy_that_names_nothing_and_knows_no_end_is_ended_by_the_world(stage):
    one = stage(policies={"unseeing": Unseeing}, policy="unseeing").ready("touch the block")
    assert one.episode.snapshot().seen is None
    assert not one.kinds(Looked)
    assert one.episode.run()
    done = one.rest(EpisodeState.DONE)
    assert done.success is True
    assert done.steps_done == len(STEPS)


def test_the_policy_can_be_changed_on_the_way(stage):
    one = stage(policies={"other": TouchPolicy}).ready("touch the block")
    one.episode.predict()
    one.rest(EpisodeState.AWAITING)
    assert one.episode.set_policy("other")
    assert one.rest(EpisodeState.PLANNED).policy == "other"
    assert one.episode.run()
    assert one.rest(EpisodeState.DONE).success is True
    assert not one.episode.set_policy("none such")
    assert "touch, other" in one.refusal()


def no_checkpoint(world):
    raise CheckpointError("There is no checkpoint at nowhere.")


def test_a_policy_that_cannot_be_loaded_leaves_the_present_one(stage):
    one = stage(policies={"broken": no_checkpoint}).ready()
    assert one.episode.set_policy("broken")
    failed = one.rest(EpisodeState.FAILED)
    assert failed.failure.name == "checkpoint not usable"
    assert failed.policy == "touch"
    assert one.episode.run()
    assert one.rest(EpisodeState.DONE).success is True


def test_an_episode_whose_first_policy_is_broken_still_offers_the_others(stage):
    one = stage(policies={"broken": no_checkpoint}, policy="broken")
    assert one.episode.snapshot().failure.name == "checkpoint not usable"
    one.ready()
    assert not one.episode.plan("touch the block")
    assert one.episode.set_policy("touch")
    one.rest(EpisodeState.READY)
    assert one.episode.run()
    assert one.rest(EpisodeState.DONE).success is True


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


def test_on_a_real_table_a_prediction_grows_stale_while_it_waits(stage):
    late = [0.0]
    one = stage(clock=lambda: time.time() - late[0]).ready("touch the block")
    late[0] = 5.0
    one.episode.predict()
    assert one.rest(EpisodeState.AWAITING).verdict.decision is Decision.ASK
    late[0] = 60.0
    one.episode.predict()
    assert one.rest(EpisodeState.AWAITING).verdict.worst.failure == "stale frame"
    assert not one.episode.approve()


@pytest.mark.parametrize("speed", [-1.0, float("nan"), float("inf")])
def test_a_senseless_speed_is_refused(stage, speed):
    one = stage()
    assert not one.episode.set_speed(speed)
    assert one.episode.set_speed(0.5)
    assert one.episode.snapshot().speed == 0.5


def test_a_closed_episode_refuses_everything():
    one = Stage()
    one.episode.close()
    assert not one.episode.reset("touch", 0)
    assert one.worlds[0].closed


VERBS = ("predict", "redo", "approve", "skip", "run", "pause", "stop", "home")


@hypothesis.settings(max_examples=15, deadline=None)
@hypothesis.given(st.lists(st.tuples(st.sampled_from(VERBS), st.sampled_from([0.0, 0.001, 0.01])), max_size=15))
def test_whatever_the_operator_presses_the_episode_still_finishes_an_instruction(presses):
    one = Stage(tick_seconds=0.0005)
    try:
        one.ready("touch the block")
        for verb, wait in presses:
            getattr(one.episode, verb)()
            time.sleep(wait)
        one.episode.stop()
        assert one.episode.snapshot().state is EpisodeState.STOPPED
        one.ready()
        assert one.episode.run()
        assert one.rest(EpisodeState.DONE).success is True
        assert not [event for event in one.kinds(Failed) if event.failure.name == "internal error"]
    finally:
        one.episode.close()
