"""The recorder on the simulated table, with the real store; and what stop, undo and reset do to a take."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
from demonstration_takes import INFO, make_frame
from kinematic_world import HOME, STEPS
from staged_episode import wait_for

from clap.episode import Episode, EpisodeState
from clap.events import Moved, PoseUpdated, StepDone
from clap.geometry import Pose
from clap.teleoperation import Jog
from clap.worlds.tabletop.expert import ExpertPolicy
from clap.worlds.tabletop.world import TabletopWorld
from clap.worlds.world import Action
from demos.failures import DemonstrationError
from demos.frames import HUMAN, POLICY, Outcome
from demos.recorder import Recorder
from demos.recorder_pace import Pace
from demos.store import DemonstrationStore


@pytest.fixture(scope="module")
def table():
    episode = Episode(TabletopWorld, {"expert": ExpertPolicy}, "expert", correction=False)
    episode.wait(lambda s: not s.state.busy, 60)
    yield episode
    episode.close()


@pytest.fixture
def store(tmp_path):
    with DemonstrationStore.open(tmp_path / "set") as store:
        yield store


@pytest.fixture
def recorder_of(store):
    """Makes recorders of episodes, and closes them."""
    made = []

    def make(episode):
        made.append(Recorder(episode, store))
        return made[-1]

    yield make
    for one in made:
        one.close()


def rest(episode, state):
    snapshot = episode.wait(lambda s: not s.state.busy, 60)
    assert snapshot.state is state, (snapshot.state, snapshot.failure)
    return snapshot


def set_up(table, seed, speed=1.0, instruction=None):
    table.set_speed(speed)
    assert table.reset("block_in_same_cup", seed)
    assert table.plan(instruction or rest(table, EpisodeState.READY).instruction)
    return rest(table, EpisodeState.PLANNED)


def heights(events):
    return [event.pose.position[2] for event in events if isinstance(event, PoseUpdated)]


def in_order(texts):
    return [text for k, text in enumerate(texts) if k == 0 or text != texts[k - 1]]


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
    due, pace = [], Pace(20)
    set_up(table, 10_003, speed=0.0)
    recorder.begin()
    unwatch = table.watch(lambda world, moving: due.append(pace.due(moving)))
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


@pytest.mark.parametrize("cameras", ["four", "single"])
def test_an_onlooker_sees_on_its_own_thread_what_the_world_saw_at_that_instant(cameras):
    world, found = TabletopWorld(cameras), []
    try:
        world.reset("block_in_same_cup", 4)
        pose, _ = world.state()
        instant, seen, points = world.instant(), world.observe(), world.positions()
        below = Pose(np.asarray(pose.position) - [0, 0, 0.1], pose.quaternion)
        world.execute(Action(below, gripper_open=False))

        def look():
            onlooker = world.onlooker()
            found.extend([onlooker.observe(instant), onlooker.positions(instant)])
            onlooker.close()

        thread = threading.Thread(target=look)
        thread.start()
        thread.join(30)
        assert not np.array_equal(world.observe().frames[0].rgb, seen.frames[0].rgb)
    finally:
        world.close()
    later, places = found
    for ours, theirs in zip(later.frames, seen.frames, strict=True):
        assert np.array_equal(ours.cam2world, theirs.cam2world)
        if cameras == "four":
            assert np.array_equal(ours.rgb, theirs.rgb) and np.array_equal(ours.depth, theirs.depth)
    assert np.array_equal(later.joint_positions, seen.joint_positions) and later.timestamp == seen.timestamp
    assert later.gripper_pose.distance(seen.gripper_pose) == (0, 0)
    assert places == {name: tuple(point) for name, point in points.items()}


# In the world without physics, where every frame can be counted.


def touch(one, count):
    """Carry out so many steps."""
    for _ in range(count):
        assert one.episode.predict()
        one.rest(EpisodeState.AWAITING)
        assert one.episode.approve()
        one.rest()


def ready(stage):
    return stage(tick_seconds=0.02).ready("touch the block")


def test_undo_takes_back_the_frames_of_the_step(stage, store, recorder_of):
    one = ready(stage)
    recorder = recorder_of(one.episode)
    recorder.begin()
    touch(one, 1)
    recorder.mark_keyframe()
    recorder._maker.drain()
    before = recorder.status().take.frames
    touch(one, 1)
    recorder.mark_keyframe()
    assert one.episode.undo()
    one.rest(EpisodeState.PLANNED)
    recorder._maker.drain()
    assert recorder.status().take.frames == before > 0
    touch(one, 1)
    record = recorder.commit()
    episode = store.read(record.id)
    assert in_order(episode.steps) == list(STEPS[:2])
    assert before - 1 in record.labels.keyframes
    assert len([event for event in one.kinds(StepDone) if event.step == STEPS[1]]) == 2
    assert np.linalg.norm(np.diff(episode.state[:, :3], axis=0), axis=1).max() < 0.04


def test_undo_of_a_step_from_before_the_take_leaves_it_empty_and_recording(stage, store, recorder_of):
    one = ready(stage)
    recorder = recorder_of(one.episode)
    touch(one, 1)
    recorder.begin()
    one.episode.home()
    one.rest()
    assert one.episode.undo()
    one.rest(EpisodeState.PLANNED)
    recorder._maker.drain()
    assert (recorder.status().take.frames, recorder.status().ended) == (0, "")
    touch(one, 1)
    record = recorder.commit()
    assert store.read(record.id).state[0, :3] == pytest.approx(HOME.position, abs=0.04)


def test_a_new_scene_and_another_instruction_end_the_recording_and_leave_the_question(stage, store, recorder_of):
    one = ready(stage)
    recorder = recorder_of(one.episode)
    recorder.begin()
    touch(one, 1)
    one.episode.reset("touch", 8)
    one.rest(EpisodeState.READY)
    assert "anew" in recorder.status().ended
    with pytest.raises(DemonstrationError, match="in progress"):
        recorder.begin()
    frames = recorder.status().take.frames
    one.episode.home()
    one.rest()
    assert recorder.commit().length == frames
    one.ready("touch the block")
    recorder.begin()
    touch(one, 1)
    one.episode.plan("touch the cup")
    one.rest(EpisodeState.PLANNED)
    touch(one, 1)
    assert "Another instruction" in recorder.status().ended
    recorder.discard()
    assert recorder.status().take is None and len(store.episodes()) == 1


def test_the_operators_own_targets_count_as_human(stage, store, recorder_of):
    one = ready(stage)
    recorder = recorder_of(one.episode)
    recorder.begin()
    touch(one, 1)
    assert one.episode.set_target(Pose(HOME.position + [0.1, 0, 0], HOME.quaternion), True)
    one.rest(EpisodeState.AWAITING)
    assert one.episode.approve()
    one.rest()
    touch(one, 1)
    episode = store.read(recorder.commit().id)
    assert in_order(episode.sources) == [POLICY, HUMAN, POLICY]


def test_a_take_needs_an_instruction_and_a_mark_needs_a_frame(stage, recorder_of):
    one = stage()
    recorder = recorder_of(one.episode)
    with pytest.raises(DemonstrationError, match="needs an instruction"):
        recorder.begin()
    with pytest.raises(DemonstrationError, match="No take"):
        recorder.mark_keyframe()
    one.ready("touch the block")
    recorder.begin()
    with pytest.raises(DemonstrationError, match="no frame yet"):
        recorder.mark_keyframe()
    with pytest.raises(DemonstrationError, match="no frame yet"):
        recorder.commit()


def test_twenty_frames_are_due_in_a_second_of_fifty_ticks():
    pace = Pace(20)
    due = [pace.due(moving=True) for _ in range(50)]
    assert due[0] and sum(due) == 20
    gaps = np.diff(np.flatnonzero(due))
    assert set(gaps) == {2, 3}
    assert pace.due(moving=False) == (not due[-1])
    assert not pace.due(moving=False)


def test_control_lags_when_its_ticks_come_late_but_not_after_a_rest():
    pace = Pace(20)
    pace.due(moving=True)
    pace.due(moving=True)
    assert not pace.lags
    time.sleep(0.05)
    pace.due(moving=True)
    assert pace.lags
    pace.due(moving=False)
    time.sleep(0.05)
    pace.due(moving=True)
    assert not pace.lags


def test_a_take_is_cut_with_the_marks_of_what_goes_and_those_of_what_stays(store):
    take = store.begin(INFO)
    for number in range(6):
        assert take.add(make_frame(number), wait=True)
        if number in (1, 4):
            take.mark_keyframe()
    take.cut(3)
    take.add(make_frame(10), wait=True)
    with pytest.raises(ValueError, match="4 frames"):
        take.cut(5)
    assert take.status().frames == 4
    record = take.commit()
    assert record.length == 4 and 1 in record.labels.keyframes
    assert store.read(record.id).state[:, 0] == pytest.approx([0.2, 0.21, 0.22, 0.3], abs=1e-6)
    assert bool(store.read(record.id).frame(1).keyframe)
