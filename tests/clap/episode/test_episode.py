"""The episode: its order, and what it tells of itself."""

from __future__ import annotations

import itertools

from clap.episode.episode import EpisodeState
from clap.episode.events import (
    Approved,
    Finished,
    Moved,
    Planned,
    PoseUpdated,
    Predicted,
    Reset,
    SceneUpdated,
    StateChanged,
    StepDone,
)
from clap.policies.base import INITIAL_STEP
from clap.rollout.safety import Decision
from tests.support.kinematic_world import STEPS, SUBTASKS
from tests.support.staged_episode import wait_for


def test_a_reset_shows_the_scene_and_the_worlds_own_instruction(staged):
    one = staged().ready()
    snapshot = one.episode.snapshot()
    assert (snapshot.instruction, snapshot.task, snapshot.seed) == ("touch the block", "touch", 7)
    assert snapshot.scene is not None
    assert len(snapshot.scene.cloud) > 1000
    assert snapshot.policy_is_expert
    assert one.kinds(Reset)[0].instruction == "touch the block"


def test_step_by_step_the_operator_brings_an_instruction_to_its_end(staged):
    one = staged().ready("touch the block")
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


def test_run_does_the_same_by_itself(staged):
    one = staged().ready()
    assert one.episode.run()
    assert one.rest(EpisodeState.DONE).success is True
    assert [event.step for event in one.kinds(StepDone)] == list(STEPS)
    assert {event.by for event in one.kinds(Approved)} == {"verdict"}


def test_events_come_in_order_and_states_are_told(staged):
    one = staged().ready()
    one.episode.run()
    one.rest(EpisodeState.DONE)
    wait_for(lambda: one.kinds(Finished))
    assert [event.seq for event in one.events] == list(range(one.events[0].seq, one.events[0].seq + len(one.events)))
    received = [event.state for event in one.kinds(StateChanged)]
    assert all(a is not b for a, b in itertools.pairwise(received))
    assert one.kinds(PoseUpdated)
    assert one.kinds(SceneUpdated)


def test_a_subscriber_that_fails_stops_nothing(staged):
    one = staged()

    def fails(event):
        raise RuntimeError("not my day")

    unsubscribe = one.episode.subscribe(fails)
    one.ready().episode.run()
    assert one.rest(EpisodeState.DONE).success
    unsubscribe()


def test_a_second_approval_of_the_same_prediction_is_refused(staged):
    one = staged(tick_seconds=0.005).ready("touch the block")
    one.episode.predict()
    one.rest(EpisodeState.AWAITING)
    assert one.episode.approve()
    assert not one.episode.approve()
    assert "moving" in one.refusal()
    one.rest(EpisodeState.PLANNED)
    assert len(one.kinds(Approved)) == 1


def test_a_run_waits_where_the_views_disagree_and_goes_on_once_approved(staged):
    one = staged().ready("touch the block")
    one.policies[0].keypoint_shift = 10
    assert one.episode.run()
    for step in STEPS:
        asked = one.rest(EpisodeState.AWAITING)
        assert asked.verdict.decision is Decision.ASK
        assert asked.prediction.step == step
        assert one.episode.approve()
    assert one.rest(EpisodeState.DONE).success is True
    assert {event.by for event in one.kinds(Approved)} == {"operator"}


def test_skip_counts_a_step_without_moving(staged):
    one = staged().ready("touch the block")
    one.episode.predict()
    one.rest(EpisodeState.AWAITING)
    assert one.episode.skip()
    after = one.rest(EpisodeState.PLANNED)
    assert after.last_step == STEPS[0]
    assert [step.status for step in after.plan] == ["skipped", "current"]
    assert one.worlds[0].ticks == 0


def test_home_drops_the_pending_prediction(staged):
    one = staged().ready("touch the block")
    one.episode.predict()
    one.rest(EpisodeState.AWAITING)
    assert one.episode.home()
    assert one.rest(EpisodeState.PLANNED).prediction is None
    assert not one.episode.approve()
