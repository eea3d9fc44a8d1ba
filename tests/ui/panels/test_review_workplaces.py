"""Folders of exports and uploads: a server that is killed leaves them, and the next one removes them."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ui.panels.review.workplaces import Workplaces

SERVER = """
import sys
from ui.panels.review.workplaces import Workplaces
places = Workplaces()
folder = places.new()
(folder / "upload.zip").write_bytes(b"half of it")
print(folder, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def other(temporary: Path) -> Iterator[subprocess.Popen[str]]:
    """Another server, which lives until its input is closed."""
    with subprocess.Popen(
        [sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as p:
        yield p


def test_what_a_killed_server_left_goes_and_what_a_living_one_needs_stays(
    temporary: Path, other: subprocess.Popen[str]
) -> None:
    assert other.stdout is not None
    left = Path(other.stdout.readline().strip()) / "upload.zip"
    (temporary / "clap-demonstrations-of-somebody-else").mkdir()
    Workplaces().close()
    assert left.exists(), "its server lives"
    other.kill()
    other.wait()
    own = Workplaces()
    mine = own.new()
    assert not left.exists()
    assert {path.name for path in temporary.iterdir()} == {mine.parent.name, "clap-demonstrations-of-somebody-else"}
    own.close()
    assert not mine.parent.exists()
