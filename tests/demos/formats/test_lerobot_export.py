"""Chosen episodes become a set of their own, which other programs may read and write without harm to ours."""

from __future__ import annotations

import json
import os

import numpy as np
import pyarrow.parquet as pq
import pytest

from demos.errors import DemonstrationError, UnknownEpisodeError
from demos.formats.lerobot.export import export_lerobot
from demos.formats.lerobot.import_set import import_lerobot
from demos.frames import Outcome
from demos.store.store import DemonstrationStore
from tests.support.demonstration_takes import INFO, make_frame, record

DATA = "data/chunk-000/file-000.parquet"


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    with DemonstrationStore.open(tmp_path_factory.mktemp("demonstrations") / "set") as opened:
        record(opened, 5)
        take = opened.begin(INFO)
        for number in range(8):
            take.add(make_frame(number, subtask=["", "reach", "grasp"][min(number // 3, 2)]), wait=True)
        take.commit(Outcome.FAILURE)
        record(opened, 6, first=2)
        yield opened


def test_the_chosen_episodes_are_a_whole_set_of_the_same_layout(store, tmp_path):
    _, second, third = store.episodes()
    made = export_lerobot(store, [third.id, second.id], tmp_path / "out")
    assert [entry.id for entry in made] == [second.id, third.id]
    info = json.loads((tmp_path / "out/meta/info.json").read_bytes())
    assert (info["total_episodes"], info["total_frames"], info["total_tasks"]) == (2, 14, 1)
    assert sorted(os.listdir(tmp_path / "out")) == ["data", "meta"]
    assert os.listdir(tmp_path) == ["out"]
    table = pq.read_table(tmp_path / "out/data/chunk-000/file-001.parquet")
    assert table["episode_index"].to_pylist() == [1] * 6 and table["index"].to_pylist() == [*range(8, 14)]
    with DemonstrationStore.open(tmp_path / "out", read_only=True, deep_check=True) as opened:
        np.testing.assert_array_equal(opened.read(third.id).state, store.read(third.id).state)
        assert [entry.labels.outcome for entry in opened.episodes()] == [Outcome.FAILURE, Outcome.SUCCESS]


def test_what_is_written_into_the_export_does_not_reach_the_store(store, tmp_path):
    first = store.episodes()[0]
    export_lerobot(store, [first.id], tmp_path / "out")
    with (tmp_path / "out" / DATA).open("r+b") as file:
        file.write(b"overwritten in place")
    assert len(store.read(first.id).frame(4).observation.frames) == 2


def test_the_language_columns_tell_each_sub_task_from_its_moment_on(store, tmp_path):
    second = store.episodes()[1]
    export_lerobot(store, [second.id], tmp_path / "out", language=True)
    info = json.loads((tmp_path / "out/meta/info.json").read_bytes())
    assert info["features"]["language_persistent"] == {"dtype": "language", "shape": [1], "names": None}
    parquet = pq.ParquetFile(tmp_path / "out" / DATA)
    assert set(parquet.schema_arrow.names) == set(info["features"])
    table = parquet.read(columns=["language_persistent", "language_events"])
    rows = table["language_persistent"].to_pylist()
    assert len(rows) == 8 and all(row == rows[0] for row in rows)
    told = [(row["role"], row["style"], row["content"], round(row["timestamp"], 4)) for row in rows[0]]
    assert told == [("assistant", "subtask", "reach", 0.15), ("assistant", "subtask", "grasp", 0.3)]
    assert all(row["camera"] is None and row["tool_calls"] is None for row in rows[0])
    assert table["language_events"].to_pylist() == [[]] * 8
    # It has columns that ours do not have, and comes back as a set of others.
    with DemonstrationStore.open(tmp_path / "again") as again:
        (made,) = import_lerobot(again, tmp_path / "out")
        np.testing.assert_array_equal(again.read(made.id).action, store.read(second.id).action)
        assert made.labels.outcome is Outcome.FAILURE


def test_what_cannot_be_exported_is_refused_and_leaves_nothing(store, tmp_path):
    first = store.episodes()[0]
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("mine")
    for episodes, folder, error in [
        ([], tmp_path / "out", "No episode is chosen"),
        ([first.id, "no-such"], tmp_path / "out", "no-such"),
        ([first.id], tmp_path / "full", "holds something already"),
        ([first.id], tmp_path / "full" / "thesis.txt", "holds something already"),
        ([first.id], store.folder.root / "out", "own folder"),
    ]:
        with pytest.raises(DemonstrationError, match=error):
            export_lerobot(store, episodes, folder)
    with pytest.raises(UnknownEpisodeError):
        export_lerobot(store, ["no-such"], tmp_path / "out")
    assert os.listdir(tmp_path) == ["full"] and os.listdir(tmp_path / "full") == ["thesis.txt"]
    assert not (store.folder.root / "out").exists()


def test_a_damaged_episode_is_not_exported(store, tmp_path):
    with DemonstrationStore.open(tmp_path / "set") as own:
        entry = record(own, 5)
        (tmp_path / "set" / DATA).unlink()
        with pytest.raises(DemonstrationError):
            export_lerobot(own, [entry.id], tmp_path / "out")
    assert os.listdir(tmp_path) == ["set"]
