"""Files that survive: synced to the disk, whole or not there at all, and changed several at a time or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import uuid
from pathlib import Path, PurePosixPath
from typing import Any

from demos.errors import DamagedFileError, DiskFullError, explained

INTENT = "intent.json"
SPARE = 4 << 20
"""Bytes that are to stay free beyond what a change needs."""


def sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_whole(path: Path, content: bytes) -> None:
    """Replace a file by ``content`` such that a reader finds the old or the new one, whole."""
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(content)
    sync(part)
    os.replace(part, path)
    sync(path.parent)


def sha256(path: Path) -> str:
    """The checksum of a file, as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def link_or_copy(source: Path, target: Path) -> None:
    """The same content under another name; a copy where the file system knows no hard links."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


class Change:
    """Several files of a set, replaced and dropped together.

    New content is staged beside the set. ``apply`` writes down what is to be done, then does it by renames alone. A
    crash before that line is written changes nothing; after it, ``finish_changes`` completes what was begun. Every
    single rename may be repeated without harm.
    """

    def __init__(self, root: Path, changes: Path):
        self._root = root
        self._folder = changes / uuid.uuid4().hex
        self._put: dict[str, str] = {}
        self._drop: dict[str, None] = {}
        self._folder.mkdir(parents=True)

    def stage(self, target: str) -> Path:
        """Where to write the new content of ``target``, a path relative to the set's folder."""
        name = self._put.setdefault(target, f"{len(self._put):05d}")
        self._drop.pop(target, None)
        return self._folder / name

    def write(self, target: str, content: bytes) -> None:
        """New content for a file."""
        self.stage(target).write_bytes(content)

    def write_json(self, target: str, content: Any) -> None:
        """New content for a JSON file."""
        self.write(target, json.dumps(content, indent=2, ensure_ascii=False).encode())

    def adopt(self, file: Path, target: str) -> None:
        """The content of ``file`` is to be found under ``target``; if it was staged it is only renamed."""
        staged = self.stage(target)
        if file.parent == self._folder:
            os.replace(file, staged)
        else:
            link_or_copy(file, staged)

    def aside(self, name: str) -> Path:
        """Where to write a file that is staged, and adopted later."""
        return self._folder / f"aside-{name}"

    def drop(self, target: str) -> None:
        """Remove a file, unless this change also puts one there."""
        if target not in self._put:
            self._drop[target] = None

    def retain(self, target: str) -> None:
        """Do not remove this file after all."""
        self._drop.pop(target, None)

    def apply(self) -> None:
        """Make the change. If it raises, either nothing has changed, or it is completed at the next start-up check."""
        for name in self._put.values():
            sync(self._folder / name)
        write_whole(self._folder / INTENT, json.dumps({"put": self._put, "drop": list(self._drop)}).encode())
        sync(self._folder.parent)
        _finish(self._root, self._folder)

    @property
    def decided(self) -> bool:
        """It has been written down what is to be done, and it is not done yet."""
        return (self._folder / INTENT).exists()

    def abandon(self) -> None:
        """Throw the staged files away, unless the change was decided on."""
        if self._folder.exists() and not self.decided:
            shutil.rmtree(self._folder, ignore_errors=True)


def finish_changes(root: Path, changes: Path) -> tuple[int, int]:
    """Complete the changes that a crash interrupted, remove those that were not decided on: how many of each.

    Raises DamagedFileError for an intent that points out of the set's folder.
    """
    completed = dropped = 0
    for folder in sorted(changes.iterdir()) if changes.is_dir() else ():
        if _is_json(folder / INTENT):
            _finish(root, folder)
            completed += 1
        else:
            # A folder without anything in it is what is left of a change that was completed.
            dropped += any(folder.iterdir())
            shutil.rmtree(folder)
    return completed, dropped


def _is_json(path: Path) -> bool:
    """There is a plan that can be read; what a damaged disk made of one is treated as if there were none."""
    try:
        json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError, ValueError, RecursionError):
        return False
    return True


def _finish(root: Path, folder: Path) -> None:
    try:
        intent = json.loads((folder / INTENT).read_bytes())
        put = {inside(root, target): folder / PurePosixPath(name).name for target, name in intent["put"].items()}
        drop = [inside(root, target) for target in intent["drop"]]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DamagedFileError(f"The plan of a change, {folder / INTENT}, cannot be read.") from error
    parents = {path.parent for path in (*put, *drop)}
    for parent in parents:
        parent.mkdir(parents=True, exist_ok=True)
    for target, staged in put.items():
        if staged.exists():
            os.replace(staged, target)
    for target in drop:
        target.unlink(missing_ok=True)
    for parent in parents:
        sync(parent)
    (folder / INTENT).unlink()
    shutil.rmtree(folder)


def inside(root: Path, relative: str) -> Path:
    """The path below ``root``. Raises DamagedFileError if it would leave it."""
    path = PurePosixPath(relative)
    outward = path.is_absolute() or ".." in path.parts or not path.parts or "\0" in relative or "\\" in relative
    # A link inside the folder may lead out of it too.
    if outward or not (root / path).resolve().is_relative_to(root.resolve()):
        raise DamagedFileError(f"The path {relative!r} leads out of the demonstrations' folder.")
    return root / path


def require_room(folder: Path, needed: int, doing: str) -> None:
    """Raises DiskFullError, before anything is written, unless ``needed`` bytes and some to spare are free."""
    with explained(folder, doing):
        free = shutil.disk_usage(folder).free
    if free < needed + SPARE:
        raise DiskFullError(
            f"{doing[0].upper()}{doing[1:]} needs {(needed + SPARE) / 1e6:.0f} MB, and the disk that holds {folder} "
            f"has {free / 1e6:.0f} MB left."
        )
