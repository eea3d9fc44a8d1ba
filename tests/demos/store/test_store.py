"""Demonstrations: what is recorded comes back as it was, and edits change what they say and nothing else."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest

from demos.errors import DemonstrationError, InUseError, ReadOnlyError, SetMismatchError, UnknownEpisodeError
from demos.frames import POLICY, Outcome, TakeInfo
from demos.store import journal_writer
from demos.store.store import DemonstrationStore
from tests.support.demonstration_takes import INFO, make_frame, record


@pytest.fixture
def store(tmp_path):
    with DemonstrationStore.open(tmp_path / "set") as opened:
        yield opened


def places(store):
    return [(r.slot, r.index, r.start, r.length) for r in store.episodes()]


def steps(store, episode):
    return store.read(episode).steps


def assert_opens_clean(store):
    """Closed and opened again the set is the same, and the deep check finds nothing."""
    before = store.episodes()
    store.close()
    with DemonstrationStore.open(store.folder.root, deep_check=True) as again:
        assert again.report.findings == ()
        assert again.episodes() == before
        for entry in before:
            episode = again.read(entry.id)
            assert len(episode) == entry.length
            assert tuple(episode.keyframes) == entry.labels.keyframes
            rows = episode._table
            assert rows["index"].to_pylist() == list(range(entry.start, entry.start + entry.length))
            assert rows["frame_index"].to_pylist() == list(range(entry.length))
            assert set(rows["episode_index"].to_pylist()) == {entry.index}
            assert set(rows["task_index"].to_pylist()) == {entry.task_index}
            episode.frame(entry.length - 1)


def test_every_field_of_a_frame_comes_back(store):
    entry = record(store, 6)
    episode = store.read(entry.id)
    for number in (0, 5):
        sent, got = make_frame(number), episode.frame(number)
        for one, other in zip(sent.observation.frames, got.observation.frames, strict=True):
            assert one.name == other.name and one.timestamp == other.timestamp
            np.testing.assert_array_equal(one.rgb, other.rgb)
            np.testing.assert_allclose(one.depth, other.depth, atol=0.0005001)
            assert other.depth[0, 0] == 0
            np.testing.assert_allclose(one.intrinsics, other.intrinsics)
            np.testing.assert_allclose(one.cam2world, other.cam2world, atol=1e-6)
        np.testing.assert_allclose(
            sent.observation.gripper_pose.position, got.observation.gripper_pose.position, atol=1e-6
        )
        np.testing.assert_allclose(sent.commanded.position, got.commanded.position, atol=1e-6)
        np.testing.assert_allclose(sent.observation.joint_velocities, got.observation.joint_velocities, atol=1e-6)
        assert got.wall_time == sent.wall_time and got.observation.timestamp == sent.observation.timestamp
        for name in ("plan", "subtask", "step", "source", "objects"):
            assert getattr(got, name) == getattr(sent, name)
    assert entry.labels.info == replace(INFO, notes="a note")
    assert (entry.labels.outcome, entry.labels.source) == (Outcome.SUCCESS, "human")
    assert entry.labels.rate == pytest.approx(20)
    assert_opens_clean(store)


def test_keyframes_are_by_the_rule_and_by_hand(store):
    take = store.begin(INFO)
    for number in range(20):
        while not take.add(make_frame(number)):
            time.sleep(0.01)
        if number == 2:
            take.mark_keyframe()
    entry = take.commit()
    # 4 stops, 8 closes the gripper, 12 stops and 17 still does after the cooldown, 19 is the last.
    assert entry.labels.keyframes == (2, 4, 8, 12, 17, 19)


def test_mixed_takes_are_told_from_those_of_one_hand(store):
    take = store.begin(INFO)
    for number in range(4):
        assert take.add(make_frame(number, source=POLICY if number < 2 else "human"))
    assert take.commit().labels.source == "mixed"


def test_trim_keeps_the_range_and_the_original_can_be_restored(store):
    first, second = record(store, 10), record(store, 8, first=20)
    kept = store.trim(first.id, 2, 7)
    assert places(store) == [(0, 0, 0, 5), (1, 1, 5, 8)]
    assert steps(store, kept.id) == [f"move to {n // 4}" for n in range(2, 7)]
    assert kept.labels.parent == first.id and kept.labels.keyframes == (2,)
    with pytest.raises(UnknownEpisodeError):
        store.read(first.id)
    store.restore(first.id)
    assert [r.id for r in store.episodes()] == [kept.id, second.id, first.id]
    np.testing.assert_array_equal(
        store.read(first.id).frame(9).observation.frames[0].rgb, make_frame(9).observation.frames[0].rgb
    )
    assert_opens_clean(store)


def test_split_puts_the_second_part_at_the_end(store):
    first, second = record(store, 10), record(store, 4, first=20)
    one, two = store.split(first.id, 6)
    assert [r.id for r in store.episodes()] == [one.id, second.id, two.id]
    assert places(store) == [(0, 0, 0, 6), (1, 1, 6, 4), (2, 2, 10, 4)]
    assert steps(store, one.id) + steps(store, two.id) == [f"move to {n // 4}" for n in range(10)]
    assert_opens_clean(store)


@pytest.mark.parametrize("start, stop", [(3, 3), (-1, 4), (2, 11)])
def test_an_impossible_range_changes_nothing(store, start, stop):
    entry = record(store, 10)
    with pytest.raises(ValueError, match="frames 0 to 9"):
        store.trim(entry.id, start, stop)
    assert_opens_clean(store)
    assert not list(store.folder.changes.iterdir())


def test_relabelling_changes_task_outcome_and_notes(store):
    first, second = record(store, 4), record(store, 4)
    store.relabel(first.id, outcome=Outcome.FAILURE, notes="missed the block")
    entry = store.relabel(first.id, task="stack the cups")
    assert (entry.labels.outcome, entry.labels.info.notes) == (Outcome.FAILURE, "missed the block")
    assert (entry.task, entry.task_index, store.get(second.id).task_index) == ("stack the cups", 1, 0)
    assert_opens_clean(store)


def test_step_texts_and_keyframes_can_be_edited(store):
    entry = record(store, 6)
    store.set_step(entry.id, 1, 3, "grasp it")
    assert steps(store, entry.id) == ["move to 0", "grasp it", "grasp it", "move to 0", "move to 1", "move to 1"]
    assert store.set_keyframes(entry.id, [5, 1]).labels.keyframes == (1, 5)
    with pytest.raises(ValueError, match="frames 0 to 5"):
        store.set_keyframes(entry.id, [6])
    assert_opens_clean(store)


def test_deleting_closes_the_gap_and_restoring_opens_it_again(store):
    ids = [record(store, 3 + k, first=10 * k).id for k in range(4)]
    store.delete([ids[0], ids[2]])
    assert places(store) == [(1, 0, 0, 4), (3, 1, 4, 6)]
    store.restore(ids[2])
    assert [r.id for r in store.episodes()] == ids[1:]
    assert places(store) == [(1, 0, 0, 4), (2, 1, 4, 5), (3, 2, 9, 6)]
    store.renumber()
    assert places(store) == [(0, 0, 0, 4), (1, 1, 4, 5), (2, 2, 9, 6)]
    assert_opens_clean(store)


def test_deleting_an_unknown_episode_deletes_none(store):
    entry = record(store, 3)
    with pytest.raises(UnknownEpisodeError):
        store.delete([entry.id, "nothing"])
    assert len(store.episodes()) == 1 and store.trash() == ()


def test_the_trash_is_emptied_only_when_asked(store):
    ids = [record(store, 3).id for _ in range(3)]
    store.delete(ids)
    assert store.empty_trash([ids[0]]) > 0
    assert {entry.id for entry in store.trash()} == set(ids[1:])
    store.empty_trash()
    assert store.trash() == ()
    with pytest.raises(UnknownEpisodeError):
        store.restore(ids[1])
    assert_opens_clean(store)


def test_an_empty_set_is_still_a_set(store):
    store.delete([record(store, 3).id])
    assert store.episodes() == ()
    assert_opens_clean(store)


def test_a_discarded_take_can_be_restored_and_resumed(store):
    take = store.begin(INFO)
    for number in range(5):
        take.add(make_frame(number))
    take.discard()
    (entry,) = store.trash()
    assert entry.is_take and entry.task == INFO.task and store.unfinished() == ()
    store.restore(entry.id)
    (waiting,) = store.unfinished()
    assert waiting.frames == 5
    again = store.resume(waiting.id)
    again.add(make_frame(5))
    assert again.commit().length == 6
    assert_opens_clean(store)


def test_merging_copies_what_is_not_there_yet(store, tmp_path):
    mine = record(store, 3)
    with DemonstrationStore.open(tmp_path / "other") as other:
        record(other, 4, replace(INFO, task="something else"))
        record(other, 5)
        merged = store.merge(other)
        assert [r.length for r in merged] == [4, 5] and len(store.merge(other)) == 0
        assert [r.task_index for r in store.episodes()] == [0, 1, 0]
        assert len(other.episodes()) == 2
    assert places(store) == [(0, 0, 0, 3), (1, 1, 3, 4), (2, 2, 7, 5)] and store.episodes()[0].id == mine.id
    assert_opens_clean(store)


def test_sets_of_other_cameras_do_not_mix(store, tmp_path):
    record(store, 3)
    take = store.begin(INFO)
    with pytest.raises(SetMismatchError, match="front 32 x 32"):
        take.add(make_frame(0, size=32))
    take.discard()
    with pytest.raises(SetMismatchError, match="30 frames a second"):
        store.begin(replace(INFO, fps=30))
    with DemonstrationStore.open(tmp_path / "other") as other:
        record(other, 3, cameras=("top",))
        with pytest.raises(SetMismatchError, match="top 24 x 24"):
            store.merge(other)
    assert_opens_clean(store)


@pytest.mark.parametrize(
    "wrong, sentence",
    [
        ({"wall_time": float("nan")}, "finite"),
        ({"source": "ghost"}, "policy"),
        ({"cameras": ("a/b",)}, "name a camera"),
    ],
)
def test_frames_that_could_not_be_read_back_are_not_taken(store, wrong, sentence):
    take = store.begin(INFO)
    with pytest.raises(ValueError, match=sentence):
        take.add(make_frame(0, **wrong))
    assert take.status().frames == 0


def test_a_take_needs_an_instruction():
    with pytest.raises(ValueError, match="instruction"):
        TakeInfo(" ")


def test_a_take_without_frames_is_no_episode(store):
    take = store.begin(INFO)
    with pytest.raises(DemonstrationError, match="no frame"):
        take.commit()
    take.discard()
    assert store.begin(INFO).status().frames == 0


def test_one_take_at_a_time(store):
    store.begin(INFO)
    with pytest.raises(DemonstrationError, match="in progress"):
        store.begin(INFO)


def test_one_process_writes_and_others_look_on(store):
    entry = record(store, 4)
    with pytest.raises(InUseError, match="open elsewhere"):
        DemonstrationStore.open(store.folder.root)
    with DemonstrationStore.open(store.folder.root, read_only=True) as snapshot_renderer:
        assert snapshot_renderer.read(entry.id).steps == steps(store, entry.id)
        for change in (
            lambda: snapshot_renderer.delete([entry.id]),
            lambda: snapshot_renderer.begin(INFO),
            lambda: snapshot_renderer.restore("x"),
            lambda: snapshot_renderer.empty_trash(),
            lambda: snapshot_renderer.renumber(),
        ):
            with pytest.raises(ReadOnlyError, match="viewing only"):
                change()


def test_other_folders_are_left_alone(tmp_path):
    (tmp_path / "holiday.jpg").write_bytes(b"")
    with pytest.raises(DemonstrationError, match="other files"):
        DemonstrationStore.open(tmp_path)
    with pytest.raises(DemonstrationError, match="is a file"):
        DemonstrationStore.open(tmp_path / "holiday.jpg")


def test_a_newer_schema_is_refused_with_a_sentence(tmp_path):
    DemonstrationStore.open(tmp_path / "set").close()
    (tmp_path / "set" / ".clap" / "set.json").write_text('{"schema": 99}')
    with pytest.raises(DemonstrationError, match="schema 99"):
        DemonstrationStore.open(tmp_path / "set")


def test_adding_frames_never_waits_for_the_disk(store, monkeypatch):
    """While the journal cannot keep up frames are dropped and counted, and the take commits what there is."""
    encode = journal_writer.row_of
    monkeypatch.setattr(journal_writer, "row_of", lambda frame: (time.sleep(0.05), encode(frame))[1])
    take = store.begin(INFO)
    started = time.monotonic()
    taken = sum(take.add(make_frame(number)) for number in range(40))
    assert time.monotonic() - started < 0.5
    status = take.status()
    assert taken < 40 and status.dropped == 40 - taken and status.frames == taken
    entry = take.commit()
    assert entry.length == taken and entry.labels.dropped == 40 - taken
