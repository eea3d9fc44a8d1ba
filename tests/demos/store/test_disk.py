"""Full disks and read-only folders: a sentence before anything is lost. On real small file systems where root may
mount them; else those tests are skipped."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from demos.errors import DiskFullError, ReadOnlyError
from demos.store import takes as takes_module
from demos.store.store import DemonstrationStore
from tests.support.demonstration_takes import INFO, make_frame, record

MEGABYTE = 1 << 20


def mounted(folder: Path, megabytes: int):
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", folder]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("file systems cannot be mounted here")


@pytest.fixture
def small_disk(tmp_path, monkeypatch):
    """A disk of 24 MB."""
    disk = tmp_path / "disk"
    mounted(disk, 24)
    monkeypatch.setattr(takes_module, "ROOM_TO_BEGIN", 4 * MEGABYTE)
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)


def fill(disk: Path, leave: int) -> Path:
    """A file that leaves so many bytes free."""
    free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
    path = disk / "ballast"
    path.write_bytes(bytes(free - leave))
    return path


def test_recording_ends_while_the_take_can_still_be_committed(small_disk):
    with DemonstrationStore.open(small_disk / "set") as store:
        take = store.begin(INFO)
        number, problem = 0, None
        while problem is None:
            number += take.add(make_frame(number, size=256, noise=True))
            problem = take.status().problem
            time.sleep(0.02)
        assert isinstance(problem, DiskFullError) and "Commit the take" in str(problem)
        assert not take.add(make_frame(0, size=256))
        entry = take.commit()
        assert 4 <= entry.length <= number
        store.read(entry.id).frame(entry.length - 1)
    with DemonstrationStore.open(small_disk / "set", deep_check=True) as store:
        assert store.report.clean


def test_no_take_begins_on_a_disk_that_is_nearly_full(small_disk):
    with DemonstrationStore.open(small_disk / "set") as store:
        fill(small_disk, 6 * MEGABYTE)
        with pytest.raises(DiskFullError, match=r"8 MB, and the disk .* has 6 MB left"):
            store.begin(INFO)


def test_a_commit_that_finds_no_room_can_be_repeated(small_disk):
    with DemonstrationStore.open(small_disk / "set") as store:
        take = store.begin(INFO)
        for number in range(5):
            while not take.add(make_frame(number, size=256, noise=True)):
                time.sleep(0.02)
        time.sleep(0.5)
        ballast = fill(small_disk, 1 * MEGABYTE)
        with pytest.raises(DiskFullError, match="Committing the take needs"):
            take.commit()
        assert store.episodes() == ()
        ballast.unlink()
        assert take.commit().length == 5


@pytest.mark.parametrize("leave", [0, 4096, 40960, 163840])
def test_a_disk_that_fills_in_the_middle_of_a_change_loses_nothing(small_disk, monkeypatch, leave):
    """The check beforehand is passed, and another program then takes the room."""
    with DemonstrationStore.open(small_disk / "set") as store:
        ids = [record(store, 6).id for _ in range(3)]
        ballast = fill(small_disk, leave)
        monkeypatch.setattr("demos.store.catalog.require_room", lambda *_: None)
        monkeypatch.setattr("demos.store.edits.require_room", lambda *_: None)
        with pytest.raises(DiskFullError, match="became full while"):
            for _ in range(50):
                store.trim(store.episodes()[0].id, 0, 6)
        ballast.unlink()
    with DemonstrationStore.open(small_disk / "set", deep_check=True) as store:
        assert [r.length for r in store.episodes()] == [6, 6, 6] and {ids[1], ids[2]} < {r.id for r in store.episodes()}
        store.trim(ids[1], 0, 3)
        assert sum(r.length for r in store.episodes()) == 15


def test_a_read_only_disk_can_be_viewed(tmp_path):
    disk = tmp_path / "disk"
    mounted(disk, 96)
    try:
        with DemonstrationStore.open(disk / "set") as store:
            entry = record(store, 4)
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        with pytest.raises(ReadOnlyError, match="cannot be written"):
            DemonstrationStore.open(disk / "set")
        with pytest.raises(ReadOnlyError):
            DemonstrationStore.open(disk / "new")
        with DemonstrationStore.open(disk / "set", read_only=True) as store:
            assert store.report.clean and len(store.read(entry.id)) == 4
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)


UNPRIVILEGED = """
import os, sys
from demos.errors import ReadOnlyError
from demos.store.store import DemonstrationStore
if os.geteuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
try:
    DemonstrationStore.open(sys.argv[1])
except ReadOnlyError as error:
    print(error)
"""


def test_a_folder_without_permission_is_refused():
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "set"
        with DemonstrationStore.open(folder) as store:
            record(store, 3)
        for path in (folder, *folder.rglob("*")):
            path.chmod(0o555 if path.is_dir() else 0o444)
        Path(place).chmod(0o755)
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
        command = [sys.executable, "-c", UNPRIVILEGED, folder]
        ran = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert "cannot be written" in ran.stdout and "viewing only" in ran.stdout, ran.stderr
        for path in (folder, *folder.rglob("*")):
            path.chmod(0o755)
