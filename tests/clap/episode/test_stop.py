"""Stop wins over everything; pause lets the motion end."""

from __future__ import annotations

import threading
import time

import hypothesis
import hypothesis.strategies as st
import numpy as np

from clap.episode.episode import EpisodeState
from clap.episode.events import (
    Failed,
    Moved,
    PoseUpdated,
    StepDone,
    Stopped,
)
from clap.policies.base import INITIAL_STEP
from clap.worlds.base import MotionOutcome
from tests.support.kinematic_world import HOME, STEPS
from tests.support.staged_episode import StagedEpisode, wait_for


def test_stop_halts_a_motion_at_the_next_tick_and_the_arm_stays_there(staged):
    one = staged(tick_seconds=0.02).ready("touch the block")
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


def test_after_a_stop_the_run_can_go_on_from_where_it_was(staged):
    one = staged(tick_seconds=0.002).ready()
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


def test_a_command_after_stop_does_not_revive_what_was_stopped(staged):
    one = staged(tick_seconds=0.02).ready("touch the block")
    one.episode.predict()
    one.rest(EpisodeState.AWAITING)
    one.episode.approve()
    wait_for(lambda: one.kinds(PoseUpdated))
    one.episode.stop()
    assert one.episode.predict()
    assert one.rest(EpisodeState.AWAITING).prediction.step == STEPS[0]
    assert [event.report.outcome for event in one.kinds(Moved)] == [MotionOutcome.STOPPED]


def test_stop_drops_what_was_queued(staged):
    one = staged(tick_seconds=0.02).ready("touch the block")
    with one.episode._event_bus.lock:  # the worker cannot pick anything up before the stop
        assert one.episode.home()
        one.episode.stop()
    time.sleep(0.05)
    assert one.worlds[0].ticks == 0
    assert one.episode.snapshot().state is EpisodeState.STOPPED


def test_pause_lets_the_motion_end_and_run_goes_on(staged):
    one = staged(tick_seconds=0.002).ready()
    one.episode.run()
    wait_for(lambda: one.kinds(PoseUpdated))
    assert one.episode.pause()
    paused = one.rest(EpisodeState.PAUSED)
    assert [event.report.outcome for event in one.kinds(Moved)] == [MotionOutcome.REACHED] * paused.steps_done
    assert paused.steps_done < len(STEPS)
    assert one.episode.run()
    assert one.rest(EpisodeState.DONE).steps_done == len(STEPS)


VERBS = ("predict", "redo", "approve", "skip", "run", "pause", "stop", "home")


@hypothesis.settings(max_examples=15, deadline=None)
@hypothesis.given(st.lists(st.tuples(st.sampled_from(VERBS), st.sampled_from([0.0, 0.001, 0.01])), max_size=15))
def test_whatever_the_operator_presses_the_episode_still_finishes_an_instruction(presses):
    one = StagedEpisode(tick_seconds=0.0005)
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
