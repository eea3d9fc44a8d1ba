"""The start-up check finds, explains and repairs damage; what cannot be repaired goes to the trash, nothing else."""

from __future__ import annotations

import json
import shutil
import zlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from demos.errors import DamagedFileError, DemonstrationError
from demos.store.journal import HEAD, pack
from demos.store.startup_check import ForeignSetError
from demos.store.store import DemonstrationStore
from tests.support.demonstration_takes import INFO, make_frame, record

DATA = "data/chunk-000/file-{:03d}.parquet"
META = "meta/episodes/chunk-000/file-{:03d}.parquet"


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A set of three episodes of 4, 5 and 6 frames, and a take that was left in its middle."""
    root = tmp_path_factory.mktemp("prepared") / "set"
    with DemonstrationStore.open(root) as store:
        for frames in (4, 5, 6):
            record(store, frames)
        take = store.begin(INFO)
        for number in range(7):
            take.add(make_frame(number))
    return root


@pytest.fixture
def root(prepared, tmp_path):
    return Path(shutil.copytree(prepared, tmp_path / "set"))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 0xFF
    path.write_bytes(content)


def repaired(root: Path, finding: str, sentence: str, lengths=(4, 5, 6), deep=False, takes=1):
    """Open the damaged set: one finding of that name; then it is clean, and can be looked at by its tools."""
    with DemonstrationStore.open(root, deep_check=deep) as store:
        assert [one.name for one in store.report.findings] == [finding], store.report.findings
        assert sentence in store.report.findings[0].sentence
        assert tuple(r.length for r in store.episodes()) == lengths
        assert len(store.unfinished()) == takes == store.report.unfinished
        for entry in store.episodes():
            store.read(entry.id).frame(0)
    info = json.loads((root / "meta/info.json").read_text())
    assert (info["total_episodes"], info["total_frames"]) == (len(lengths), sum(lengths))
    with DemonstrationStore.open(root, deep_check=True) as store:
        assert store.report.clean
        return store.trash()


def test_a_whole_set_is_not_touched(root):
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*") if path.is_file() and path.name != "lock"}
    with DemonstrationStore.open(root, deep_check=True) as store:
        assert store.report.clean and store.report.episodes == 3
    after = {path: path.stat().st_mtime_ns for path in root.rglob("*") if path.is_file() and path.name != "lock"}
    assert before == after


@pytest.mark.parametrize("name", ["meta/info.json", "meta/stats.json"])
@pytest.mark.parametrize("damage", [Path.unlink, cut, flip])
def test_the_sets_own_files_are_rebuilt(root, name, damage):
    original = (root / name).read_bytes()
    damage(root / name)
    repaired(root, "set files", name)
    assert (root / name).read_bytes() == original


@pytest.mark.parametrize("damage", [Path.unlink, cut])
def test_the_table_of_tasks_is_rebuilt(root, damage):
    damage(root / "meta/tasks.parquet")
    repaired(root, "tasks", "rebuilt from the episodes")
    assert pq.read_table(root / "meta/tasks.parquet")["task"].to_pylist() == [INFO.task]


@pytest.mark.parametrize("damage", [Path.unlink, cut])
def test_a_lost_meta_file_is_rebuilt_from_the_frames(root, damage):
    before = pq.read_table(root / META.format(1)).to_pylist()
    damage(root / META.format(1))
    repaired(root, "meta file", "missing or damaged")
    assert pq.read_table(root / META.format(1)).to_pylist() == before


@pytest.mark.parametrize("damage", [Path.unlink, cut, lambda path: path.write_bytes(b"")])
def test_an_episode_whose_frames_are_lost_goes_to_the_trash(root, damage):
    damage(root / DATA.format(1))
    (entry,) = repaired(root, "damaged episode", "moved to the trash", lengths=(4, 6))
    assert entry.slot == 1
    with DemonstrationStore.open(root) as store, pytest.raises((DamagedFileError, DemonstrationError)):
        store.restore(entry.id)


def test_flipped_bits_are_found_by_the_deep_check(root):
    flip(root / DATA.format(2))
    with DemonstrationStore.open(root) as store:
        assert store.report.clean
    repaired(root, "damaged episode", "not those that were written", lengths=(4, 5), deep=True)


def test_when_nothing_is_whole_everything_goes_to_the_trash(root):
    for number in range(3):
        cut(root / DATA.format(number))
    (root / "meta/info.json").unlink()
    with DemonstrationStore.open(root) as store:
        assert len(store.trash()) == 3 and store.episodes() == ()
    with DemonstrationStore.open(root) as store:
        assert store.report.clean
        record(store, 3) if not store.unfinished() else store.resume(store.unfinished()[0].id).commit()
        assert len(store.episodes()) == 1


def test_a_gap_in_the_numbers_is_closed(root):
    (root / DATA.format(0)).unlink()
    (root / META.format(0)).unlink()
    repaired(root, "numbers", "renumbered", lengths=(5, 6))


def test_the_torn_end_of_a_journal_is_cut_off(root):
    (journal,) = (root / ".clap/takes").iterdir()
    with journal.open("ab") as file:
        file.write(pack({"wall_time": 1.0, "x": bytes(500)})[:-50])
    repaired(root, "torn take", "7 whole frames are safe")
    with DemonstrationStore.open(root) as store:
        take = store.resume(store.unfinished()[0].id)
        assert take.commit().length == 7
        assert store.episodes()[-1].labels.recovered


@pytest.mark.parametrize("content", [b"", b"CLPJ", b"nonsense " * 9, HEAD.pack(b"CLPJ", 2**32 - 1, 2**32 - 1, 0)])
def test_a_journal_without_a_beginning_is_put_aside(root, content):
    (root / ".clap/takes/20200101.journal").write_bytes(content)
    repaired(root, "empty take", "nothing that can be read")


def test_every_cut_of_a_journal_gives_its_whole_frames(root):
    """At whatever byte the last write ended, the frames before it are there."""
    (path,) = (root / ".clap/takes").iterdir()
    whole, found = path.read_bytes(), []
    with DemonstrationStore.open(root) as store:
        for length in range(len(whole) // 2, len(whole), 397):
            path.write_bytes(whole[:length])
            found.append(store.unfinished()[0].frames)
    assert found == sorted(found) and found[-1] == 6 and found[0] >= 2


def test_the_note_of_the_schema_is_written_again(root):
    (root / ".clap/set.json").write_text("{")
    repaired(root, "marker", "written again")


def test_a_copy_without_its_private_folder_is_a_set(root):
    shutil.rmtree(root / ".clap")
    repaired(root, "marker", "written again", takes=0)


def test_an_onlooker_is_told_and_changes_nothing(root):
    (root / META.format(1)).unlink()
    with DemonstrationStore.open(root, read_only=True) as store:
        assert "opened for writing" in store.report.findings[0].sentence
        assert len(store.episodes()) == 3
    assert not (root / META.format(1)).exists()


def test_sets_of_other_programs_are_refused_and_left_alone(root):
    target = root / DATA.format(3)
    pq.write_table(pq.read_table(root / DATA.format(2)).replace_schema_metadata(None), target)
    with pytest.raises(ForeignSetError, match="another program"):
        DemonstrationStore.open(root)
    assert target.exists()


@pytest.mark.parametrize("path", ["../../outside", "/outside", "a/../../outside"])
def test_a_planted_change_cannot_leave_the_folder(root, path):
    folder = root / ".clap/changes/planted"
    folder.mkdir(parents=True)
    (folder / "00000").write_bytes(b"evil")
    (folder / "intent.json").write_text(json.dumps({"put": {path: "00000"}, "drop": []}))
    with pytest.raises(DamagedFileError, match="out of the demonstrations' folder"):
        DemonstrationStore.open(root)
    assert not (root.parent / "outside").exists() and not Path("/outside").exists()


def test_a_small_file_that_unfolds_to_gigabytes_is_not_read(root):
    """A long text, repeated by a dictionary: 2 GB out of some hundred kilobytes."""
    words = pa.DictionaryArray.from_arrays(pa.array(np.zeros(512, np.int32)), pa.array(["x" * (4 << 20)]))
    labels = pq.read_schema(root / DATA.format(1)).metadata
    pq.write_table(pa.table({"step": words}).replace_schema_metadata(labels), root / DATA.format(1))
    assert (root / DATA.format(1)).stat().st_size < 1 << 20
    repaired(root, "damaged episode", "would unfold to more than 1024 MB", lengths=(4, 6))


def test_columns_that_are_not_the_sets_are_not_read(root):
    table = pq.read_table(root / DATA.format(1))
    pq.write_table(table.drop_columns(["keyframe"]), root / DATA.format(1))
    repaired(root, "damaged episode", "not the set's columns: keyframe", lengths=(4, 6))


def test_a_damaged_plan_of_a_change_is_no_plan(root):
    folder = root / ".clap/changes/damaged"
    folder.mkdir()
    (folder / "intent.json").write_bytes(b"\0" * 40)
    repaired(root, "undone", "Nothing of it remains")


def test_a_journal_of_something_else_ends_where_that_begins(root):
    (journal,) = (root / ".clap/takes").iterdir()
    body = b"[" * 200_000
    with journal.open("ab") as file:
        file.write(HEAD.pack(b"CLPJ", len(body), 0, zlib.crc32(body)) + body)
    repaired(root, "torn take", "7 whole frames are safe")
