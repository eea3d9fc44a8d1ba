"""Folders for what goes out and comes in: gone with the server, and those of a killed one with the next server."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from pathlib import Path

PREFIX, LOCK = "clap-demonstrations-", "lock"


class Workplaces:
    """Makes folders within one that this server holds locked for as long as it lives."""

    def __init__(self) -> None:
        self._root = Path(tempfile.mkdtemp(prefix=PREFIX))
        # Locked before it has the name by which others look for it.
        part = self._root / f"{LOCK}.part"
        self._lock = part.open("w")
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        part.rename(self._root / LOCK)
        _sweep(self._root.parent)

    def new(self) -> Path:
        """An empty folder; who asked for it removes it."""
        return Path(tempfile.mkdtemp(dir=self._root))

    def close(self) -> None:
        """Remove all of them."""
        shutil.rmtree(self._root, ignore_errors=True)
        self._lock.close()


def _sweep(folder: Path) -> None:
    """Remove what servers have left that were killed."""
    for lock in folder.glob(f"{PREFIX}*/{LOCK}"):
        try:
            if lock.parent.lstat().st_uid != os.getuid():
                continue
            with lock.open("r+") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(lock.parent, ignore_errors=True)
        except OSError:  # its server lives, or has just removed it
            continue
