"""What undo, a new scene, another instruction and the operator's own targets do to a take, counted frame by frame."""

from __future__ import annotations

import numpy as np
import pytest

from clap.episode.episode import EpisodeState
from clap.episode.events import StepDone
from clap.geometry.frames import Pose
from demos.errors import DemonstrationError
from demos.frames import HUMAN, POLICY
from tests.support.demonstration_takes import INFO, make_frame
from tests.support.kinematic_world import HOME, STEPS
from tests.support.recorded_takes import in_order


def touch(one, count):
    """Carry out so many steps."""
    for _ in range(count):
        assert one.episode.predict()
        one.rest(EpisodeState.AWAITING)
        assert one.episode.approve()
        one.rest()


def ready(staged):
    return staged(tick_seconds=0.02).ready("touch the block")


def test_control_that_lags_costs_no_frame_while_none_waits(staged, store, recorder_of):
    one = staged(tick_seconds=0.05).ready("touch the block")
    recorder = recorder_of(one.episode)
    recorder.begin()
    touch(one, 1)
    record = recorder.commit()
    assert record.length > 3 and record.labels.dropped == 0


def test_undo_takes_back_the_frames_of_the_step(staged, store, recorder_of):
    one = ready(staged)
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
    # Three ticks of a centimetre at most, and what a busy machine dropped.
    assert np.linalg.norm(np.diff(episode.state[:, :3], axis=0), axis=1).max() < 0.04 + 0.03 * record.labels.dropped


def test_undo_of_a_step_from_before_the_take_leaves_it_empty_and_recording(staged, store, recorder_of):
    one = ready(staged)
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


def test_a_new_scene_and_another_instruction_end_the_recording_and_leave_the_question(staged, store, recorder_of):
    one = ready(staged)
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


def test_the_operators_own_targets_count_as_human(staged, store, recorder_of):
    one = ready(staged)
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


def test_a_take_needs_an_instruction_and_a_mark_needs_a_frame(staged, recorder_of):
    one = staged()
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


def test_the_keyframes_so_far_are_those_that_the_episode_will_have(staged, store, recorder_of):
    one = ready(staged)
    recorder = recorder_of(one.episode)
    recorder.begin()
    assert (recorder.status().keyframes, recorder.status().marked) == (0, 0)
    touch(one, 2)
    recorder._maker.drain()
    recorder.mark_keyframe()
    touch(one, 1)
    recorder.end()
    told = recorder.status()
    assert told.marked == 1
    assert len(recorder.commit().labels.keyframes) == told.keyframes > 2


def test_an_interrupted_take_is_taken_up_with_its_keyframes_and_records_no_more(staged, store, recorder_of):
    one = ready(staged)
    first = recorder_of(one.episode)
    first.begin("Ann")
    touch(one, 2)
    first._maker.drain()
    first.mark_keyframe()
    first.end()
    before = first.status()
    store._takes.leave()
    (left,) = store.unfinished()
    second = recorder_of(one.episode)
    second.resume(left.id)
    touch(one, 1)
    now = second.status()
    assert (now.take.frames, now.keyframes, now.marked) == (before.take.frames, before.keyframes, 1)
    assert now.ended and now.info.operator == "Ann"
    record = second.commit()
    assert record.length == before.take.frames and record.labels.recovered
