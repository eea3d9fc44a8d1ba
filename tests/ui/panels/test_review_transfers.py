"""Demonstrations out and in as zip files: round trips, and archives that nobody should unpack."""

from __future__ import annotations

import stat
import zipfile
from pathlib import Path

import pytest

from demos.errors import DamagedFileError, DemonstrationError
from demos.frames import TakeInfo
from demos.store.store import DemonstrationStore
from tests.support.demonstration_takes import INFO, record
from tests.support.rlbench_files import write_demo
from ui.panels.review import archives
from ui.panels.review.archives import unpack
from ui.panels.review.transfers import by_taskvar, export, stage

CAMERAS = ("left_shoulder", "right_shoulder", "wrist", "front")


def archive(path: Path, files: dict[str, bytes], mode: int = 0, method: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", method) as made:
        for name, content in files.items():
            info = zipfile.ZipInfo(name)
            info.external_attr, info.compress_type = mode << 16, method
            made.writestr(info, content)
    return path


@pytest.mark.parametrize(
    "name", ["../evil", "/evil", "a/../../evil", "..\\evil", "C:/evil", "a/" + 300 * "b", "//evil", "a\\..\\..\\evil"]
)
def test_names_that_lead_out_of_the_folder_are_refused(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "in" / "here"
    folder.mkdir(parents=True)
    with pytest.raises(DamagedFileError, match="leads out"):
        unpack(archive(tmp_path / "x.zip", {name: b"evil"}), folder)
    assert not [path for path in tmp_path.rglob("evil*") if path.is_file()]


def test_links_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DamagedFileError, match="link"):
        unpack(archive(tmp_path / "x.zip", {"a": b"/etc/passwd"}, stat.S_IFLNK | 0o777), tmp_path / "in")


def test_a_file_that_unfolds_to_far_more_than_it_is_is_refused(tmp_path: Path) -> None:
    bomb = archive(tmp_path / "x.zip", {"a": bytes(20 << 20)}, method=zipfile.ZIP_DEFLATED)
    assert bomb.stat().st_size < 100_000
    with pytest.raises(DamagedFileError, match="far more"):
        unpack(bomb, tmp_path / "in")


def test_an_archive_of_too_much_or_too_many_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = archive(tmp_path / "x.zip", {"a": bytes(600), "b": bytes(600)})
    monkeypatch.setattr(archives, "MOST_UNFOLDED", 1000)
    with pytest.raises(DamagedFileError, match="unfold to more"):
        unpack(made, tmp_path / "in")
    monkeypatch.setattr(archives, "MOST_FILES", 1)
    with pytest.raises(DamagedFileError, match="2 files"):
        unpack(made, tmp_path / "in")


def test_a_size_that_lies_is_found_while_unpacking(tmp_path: Path) -> None:
    made = archive(tmp_path / "x.zip", {"a": bytes(5000)}, method=zipfile.ZIP_DEFLATED)
    content = bytearray(made.read_bytes())
    at = content.rindex(b"PK\x01\x02") + 24  # the size that the directory tells
    content[at : at + 4] = (10).to_bytes(4, "little")
    made.write_bytes(content)
    (tmp_path / "in").mkdir()
    with pytest.raises(DamagedFileError):
        unpack(made, tmp_path / "in")
    assert sum(path.stat().st_size for path in (tmp_path / "in").iterdir()) <= 10


@pytest.mark.parametrize("content", [b"", b"no zip at all", b"PK\x03\x04" + bytes(40)])
def test_what_is_no_archive_is_refused_with_a_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "upload.zip").write_bytes(content)
    with pytest.raises(DamagedFileError, match="no zip file"):
        stage(tmp_path / "upload.zip", "", tmp_path)


def test_an_archive_of_other_things_says_what_was_expected(tmp_path: Path) -> None:
    with pytest.raises(DamagedFileError, match="neither a LeRobot set"):
        stage(archive(tmp_path / "upload.zip", {"a/notes.txt": b"hello"}), "", tmp_path)


def test_one_name_in_two_spellings_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DamagedFileError, match="twice"):
        unpack(archive(tmp_path / "x.zip", {"a/B": b"1", "A/b": b"2"}), tmp_path / "in")


@pytest.mark.parametrize("kind", ["lerobot", "lerobot-language"])
def test_an_exported_lerobot_set_comes_back_as_it_was(tmp_path: Path, kind: str) -> None:
    with DemonstrationStore.open(tmp_path / "set") as store:
        first, _ = record(store, 12), record(store, 12)
        (tmp_path / "out").mkdir()
        path = export(store, [first.id], kind, tmp_path / "out")
        (tmp_path / "in").mkdir()
        assert stage(path, "", tmp_path / "in") == 1
        with DemonstrationStore.open(tmp_path / "in" / "staged", read_only=True) as staged:
            (found,) = staged.episodes()
            assert (found.task, found.length) == (first.task, 12)
            assert staged.read(found.id).state == pytest.approx(store.read(first.id).state)
            assert found.id == first.id or kind == "lerobot-language"


def test_exported_keysteps_come_back_with_the_instruction_that_is_given(tmp_path: Path) -> None:
    with DemonstrationStore.open(tmp_path / "set") as store:
        kept = record(store, 20, cameras=CAMERAS[::-1])
        (tmp_path / "out").mkdir()
        path = export(store, [], "gembench", tmp_path / "out")
        for workplace, task in (("one", " "), ("two", "take it")):
            (tmp_path / workplace).mkdir()
            if not task.strip():
                with pytest.raises(DemonstrationError, match="no instruction"):
                    stage(path, task, tmp_path / workplace)
        assert stage(path, "take it", tmp_path / "two") == 1
        with DemonstrationStore.open(tmp_path / "two" / "staged", read_only=True) as staged:
            (found,) = staged.episodes()
            assert (found.task, found.length) == ("take it", len({0, *kept.labels.keyframes}))
            pictures = {frame.name: frame.rgb for frame in staged.read(found.id).observation(0).frames}
        for frame in store.read(kept.id).observation(0).frames:
            assert (pictures[frame.name] == frame.rgb).all()


def test_stored_demonstrations_of_rlbench_come_as_a_zip(tmp_path: Path) -> None:
    write_demo(tmp_path / "rlbench" / "close_jar" / "variation0" / "episodes" / "episode0")
    archives.pack_folder(tmp_path / "rlbench", tmp_path / "upload.zip")
    assert stage(tmp_path / "upload.zip", "", tmp_path) == 1
    with DemonstrationStore.open(tmp_path / "staged", read_only=True) as staged:
        assert [one.task for one in staged.episodes()] == ["close the red jar"]


def test_episodes_are_grouped_by_task_and_instruction(tmp_path: Path) -> None:
    with DemonstrationStore.open(tmp_path / "set") as store:
        for task, key in (("open the drawer", "open_drawer"), ("open it", "open_drawer"), ("Take + give!", "")):
            record(store, 4, TakeInfo(task, task_key=key, robot=INFO.robot))
        names = {name: [one.task for one in found] for name, found in by_taskvar(store.episodes()).items()}
    assert names == {
        "open_drawer+0": ["open the drawer"],
        "open_drawer+1": ["open it"],
        "Take_give+0": ["Take + give!"],
    }
    with DemonstrationStore.open(tmp_path / "empty") as store, pytest.raises(DemonstrationError, match="nothing"):
        export(store, [], "lerobot", tmp_path)
