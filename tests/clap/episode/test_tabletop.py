"""The episode on the simulated table, with the scripted expert: the whole path, and stop in real time."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from clap.episode.episode import Episode, EpisodeState
from clap.episode.events import Moved, PoseUpdated, SceneUpdated, StepDone
from clap.policies.expert import ExpertPolicy
from clap.worlds.base import MotionOutcome
from clap.worlds.tabletop.world import TabletopWorld


@pytest.fixture(scope="module")
def table():
    episode = Episode(TabletopWorld, {"expert": ExpertPolicy}, "expert", speed=0.0)
    episode.wait(lambda s: not s.state.busy, 60)
    yield episode
    episode.close()


@pytest.fixture
def events(table):
    seen = []
    unsubscribe = table.subscribe(seen.append)
    yield seen
    unsubscribe()


def rest(episode, state):
    snapshot = episode.wait(lambda s: not s.state.busy, 60)
    assert snapshot.state is state, (snapshot.state, snapshot.failure)
    return snapshot


def of(events, kind):
    return [event for event in events if isinstance(event, kind)]


def test_the_expert_brings_the_block_into_the_cup_and_the_physics_agrees(table, events):
    assert table.reset("block_in_same_cup", seed=10_001)
    before = rest(table, EpisodeState.READY)
    assert table.plan(before.instruction)
    planned = rest(table, EpisodeState.PLANNED)
    plan = planned.plan
    assert len(plan) == 4
    assert table.predict()
    pending = rest(table, EpisodeState.AWAITING)
    assert {thing.name for thing in pending.prediction.objects} >= {
        plan[0].text.removeprefix("the robot moves above the ")
    }
    assert {thing.name for thing in pending.prediction.objects} < set(planned.detected_objects)
    assert table.run()
    after = rest(table, EpisodeState.DONE)
    assert after.success is True
    assert [event.step for event in of(events, StepDone)] == [step.text for step in plan]
    assert not np.array_equal(after.scene.views.rgb, before.scene.views.rgb)


def test_stop_halts_the_moving_arm_and_it_stays_where_it_is(table, events):
    table.set_speed(1.0)
    table.reset("block_in_same_cup", seed=10_002)
    instruction = rest(table, EpisodeState.READY).instruction
    table.plan(instruction)
    rest(table, EpisodeState.PLANNED)
    table.predict()
    target = rest(table, EpisodeState.AWAITING).prediction.action.pose
    table.approve()
    deadline = time.monotonic() + 20
    while len(of(events, PoseUpdated)) < 4 and time.monotonic() < deadline:
        time.sleep(0.005)
    pressed = time.monotonic()
    threading.Thread(target=table.stop).start()
    table.wait(lambda s: s.state is EpisodeState.STOPPED, 5)
    while not of(events, Moved) and time.monotonic() < pressed + 5:
        time.sleep(0.005)
    report = of(events, Moved)[0].report
    assert report.outcome is MotionOutcome.STOPPED
    assert report.reached.distance(target)[0] > 0.02

    def after() -> list:
        return events[events.index(of(events, Moved)[0]) :]

    while not of(after(), SceneUpdated) and time.monotonic() < pressed + 20:
        time.sleep(0.01)
    assert not of(after(), PoseUpdated)
    held = of(events, SceneUpdated)[-1].scene.observation.gripper_pose
    assert held.distance(report.reached)[0] < 1e-6
    table.set_speed(0.0)
    assert table.run()
    assert rest(table, EpisodeState.DONE).success is True
