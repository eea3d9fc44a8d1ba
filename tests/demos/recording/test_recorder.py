"""The recorder on the simulated table, with the real store: runs of the expert, driving by hand, stop, fast motions."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from clap.episode.episode import Episode, EpisodeState
from clap.episode.events import Moved, PoseUpdated
from clap.policies.expert import ExpertPolicy
from clap.worlds.tabletop.world import TabletopWorld
from clap.worlds.teleoperation import Jog
from demos.frames import HUMAN, POLICY, Outcome
from demos.recording.frame_clock import FrameClock
from demos.recording.idle_detector import STILL_FRAMES
from tests.support.recorded_takes import in_order, rest
from tests.support.staged_episode import wait_for


@pytest.fixture(scope="module")
def table():
    episode = Episode(TabletopWorld, {"expert": ExpertPolicy}, "expert", correction=False)
    episode.wait(lambda s: not s.state.busy, 60)
    yield episode
    episode.close()


def set_up(table, seed, speed=1.0, instruction=None):
    table.set_speed(speed)
    assert table.reset("block_in_same_cup", seed)
    assert table.plan(instruction or rest(table, EpisodeState.READY).instruction)
    return rest(table, EpisodeState.PLANNED)


def heights(events):
    return [event.pose.position[2] for event in events if isinstance(event, PoseUpdated)]


def test_a_run_of_the_expert_becomes_an_episode_with_its_steps_keyframes_and_end(table, store, recorder_of):
    recorder, events, ticks = recorder_of(table), [], []
    planned = set_up(table, 10_001, speed=2.0)
    stop_watching, stop_listening = (
        table.watch(lambda world, moving: ticks.append(moving)),
        table.subscribe(events.append),
    )
    recorder.begin(operator="test", notes="by the expert")
    table.run()
    done = rest(table, EpisodeState.DONE)
    stop_watching(), stop_listening()
    record = recorder.commit()
    labels = record.labels
    assert (labels.outcome, labels.source, labels.info.task) == (Outcome.SUCCESS, POLICY, done.instruction)
    assert (labels.info.task_key, labels.info.seed, labels.info.policy) == ("block_in_same_cup", 10_001, "expert")
    assert record.length + labels.dropped == pytest.approx(0.4 * ticks.count(True), abs=2 * ticks.count(False) + 1)
    episode = store.read(record.id)
    steps = [line.text for line in planned.plan]
    assert [text for text in in_order(episode.steps) if text] == steps
    moved = [event.report for event in events if isinstance(event, Moved)]
    places = episode.state[list(episode.keyframes), :3]
    for report in moved[: len(steps)]:
        assert np.linalg.norm(places - report.reached.position, axis=1).min() < 0.01
    last = episode.observation(record.length - 1)
    assert last.gripper_pose.position == pytest.approx(moved[-1].reached.position, abs=1e-5)
    assert [frame.name for frame in last.frames] == ["front", "left_shoulder", "right_shoulder", "wrist"]
    seen = done.scene.observation.frames[0]
    assert np.array_equal(last.frames[0].rgb, seen.rgb)
    assert last.frames[0].depth == pytest.approx(seen.depth, abs=6e-4)
    ahead = np.linalg.norm(episode.action[:, :3] - episode.state[:, :3], axis=1)
    assert 0.003 < ahead.max() < 0.1
    assert "blue block into the matching cup" in done.instruction
    block, cup = (episode.objects[-1][name] for name in ("blue block", "blue cup"))
    assert np.linalg.norm(np.subtract(block, cup)[:2]) < 0.04


def test_a_take_that_the_operator_drives_in_is_mixed_and_stop_keeps_it(table, store, recorder_of):
    recorder, events = recorder_of(table), []
    unsubscribe = table.subscribe(events.append)
    planned = set_up(table, 10_002)
    recorder.begin()
    table.predict()
    rest(table, EpisodeState.AWAITING)
    table.approve()
    wait_for(lambda: recorder.status().take.frames >= 5, 20)
    threading.Thread(target=table.stop).start()
    wait_for(lambda: any(isinstance(event, Moved) for event in events), 20)
    rest(table, EpisodeState.STOPPED)
    assert recorder.status().ended == ""
    assert table.drive(True)
    table.wait(lambda s: s.state is EpisodeState.DRIVING)
    begun = heights(events)[-1]

    def risen():
        table.jog(Jog((0, 0, 1)))
        return heights(events)[-1] > begun + 0.06

    wait_for(risen, 30)
    recorder.mark_keyframe()
    table.drive(False)
    rest(table, EpisodeState.PLANNED)
    unsubscribe()
    status = recorder.status()
    assert 0 < status.rate < 25 and status.take.bytes > 10_000 and status.worst_tick_ms >= status.tick_ms > 0
    record = recorder.commit(Outcome.PARTIAL, "driven up")
    assert (record.labels.source, record.labels.outcome) == ("mixed", Outcome.PARTIAL)
    episode = store.read(record.id)
    assert in_order(episode.sources) == [POLICY, HUMAN]
    assert set(episode.steps) == {planned.plan[0].text}
    driven = episode.state[[k for k, source in enumerate(episode.sources) if source == HUMAN], 2]
    assert driven[-1] - driven[0] > 0.03
    assert any(0 < k < record.length - 1 and episode.sources[k] == HUMAN for k in record.labels.keyframes)


def test_frames_that_come_too_fast_are_dropped_and_counted_and_the_end_is_kept(table, store, recorder_of):
    recorder = recorder_of(table)
    due, frame_clock = [], FrameClock(20)
    set_up(table, 10_003, speed=0.0)
    recorder.begin()
    unwatch = table.watch(lambda world, moving: due.append(frame_clock.due(moving)))
    table.home()
    rest(table, EpisodeState.PLANNED)
    table.predict()
    reached = []
    unsubscribe = table.subscribe(lambda event: reached.append(event.report.reached) if isinstance(event, Moved) else 0)
    rest(table, EpisodeState.AWAITING)
    table.approve()
    rest(table, EpisodeState.PLANNED)
    unwatch(), unsubscribe()
    record = recorder.commit()
    assert record.labels.dropped > 0
    assert record.length + record.labels.dropped == sum(due)
    last = store.read(record.id).state[-1, :3]
    assert last == pytest.approx(reached[-1].position, abs=1e-5)


def test_while_the_operator_drives_and_holds_still_there_are_no_frames_and_the_world_judges(table, store, recorder_of):
    recorder = recorder_of(table)
    set_up(table, 10_004)
    recorder.begin()
    assert table.drive(True)
    table.wait(lambda s: s.state is EpisodeState.DRIVING)
    wait_for(lambda: recorder.status().take.frames > STILL_FRAMES, 20)

    def moves(way, until):
        def done():
            table.jog(Jog((0, 0, way)))
            return until()

        wait_for(done, 30)

    moves(1, lambda: recorder.status().take.frames >= 30)
    assert recorder.status().success is None, "it is judged at rest"
    wait_for(lambda: recorder.status().success is False, 20)
    still = recorder.status()
    threading.Event().wait(1.0)
    now = recorder.status()
    assert now.take.frames <= still.take.frames + STILL_FRAMES + 1, "a second at rest would have been twenty frames"
    assert now.rate == pytest.approx(still.rate, rel=0.35)
    moves(-1, lambda: recorder.status().take.frames >= now.take.frames + 10)
    table.drive(False)
    rest(table, EpisodeState.PLANNED)
    counted = recorder.status()
    record = recorder.commit()
    assert record.labels.outcome is Outcome.FAILURE
    episode = store.read(record.id)
    pause = np.argmax(np.diff(episode.wall_time))
    before, after = episode.state[pause : pause + 2, :3]
    assert np.linalg.norm(after - before) < 0.03, "what is left out leaves no jump"
    assert abs(len(record.labels.keyframes) - counted.keyframes) <= 1
