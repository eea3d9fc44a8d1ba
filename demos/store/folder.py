"""The folder of a demonstration set: where its private parts lie, and who may write it."""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import dataclass
from pathlib import Path

from demos.errors import DamagedFileError, DemonstrationError, InUseError, explained
from demos.store.durable import write_whole
from demos.store.schema import INFO, PRIVATE, SCHEMA_VERSION


@dataclass(frozen=True)
class SetFolder:
    """The paths of a set."""

    root: Path

    @property
    def private(self) -> Path:
        """What LeRobot does not look at."""
        return self.root / PRIVATE

    @property
    def takes(self) -> Path:
        """Journals of takes that are neither committed nor discarded."""
        return self.private / "takes"

    @property
    def trash(self) -> Path:
        """What was deleted and may be restored."""
        return self.private / "trash"

    @property
    def changes(self) -> Path:
        """Changes that are being made."""
        return self.private / "changes"

    @property
    def marker(self) -> Path:
        """Says that the folder is a set, and which schema it follows."""
        return self.private / "set.json"

    def journal(self, take: str) -> Path:
        """The journal of a take."""
        return self.takes / f"{take}.journal"

    def check_kind(self) -> None:
        """Raises DemonstrationError unless the folder is empty, absent, or a set of a schema that is known here."""
        if self.marker.exists():
            try:
                schema = json.loads(self.marker.read_bytes())["schema"]
            except (ValueError, KeyError, TypeError):
                return  # written again by the start-up check
            if schema != SCHEMA_VERSION:
                raise DemonstrationError(
                    f"The set {self.root} follows schema {schema}, this program knows {SCHEMA_VERSION}.",
                    "Open it with the program that made it, or with a newer one.",
                )
        elif self.root.exists() and not self.root.is_dir():
            raise DemonstrationError(f"{self.root} is a file.", "Choose a folder.")
        elif self.root.exists() and not self._is_known and any(self.root.iterdir()):
            raise DemonstrationError(f"The folder {self.root} holds other files.", "Choose an empty folder.")

    @property
    def _is_known(self) -> bool:
        """A set, or one that was copied without its private folder."""
        return self.private.exists() or (self.root / INFO).exists()

    def prepare(self) -> None:
        """Make what is missing of the private folders."""
        with explained(self.root, "opening the demonstrations"):
            for folder in (self.takes, self.trash, self.changes):
                folder.mkdir(parents=True, exist_ok=True)
            if not os.access(self.root, os.W_OK) or not os.access(self.takes, os.W_OK):
                raise PermissionError(13, "not writable", str(self.root))

    def mark(self) -> bool:
        """Write the marker if it is missing or damaged; True if it was."""
        content = json.dumps({"schema": SCHEMA_VERSION}).encode()
        if self.marker.exists() and self.marker.read_bytes() == content:
            return False
        write_whole(self.marker, content)
        return True


class WriteLock:
    """Only one process writes a set; the lock goes with its process, however that ends."""

    def __init__(self, folder: SetFolder):
        """Raises InUseError if another process holds it."""
        with explained(folder.root, "opening the demonstrations"):
            self._file = (folder.private / "lock").open("wb")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.close()
            raise InUseError(f"The demonstrations in {folder.root} are open elsewhere.") from error

    def release(self) -> None:
        """Let others write."""
        self._file.close()


def safe_id(name: str) -> str:
    """The id, which may become a file's name. Raises DamagedFileError if it could lead elsewhere."""
    if not (0 < len(name) <= 64 and all(c.isascii() and (c.isalnum() or c == "-") for c in name)):
        raise DamagedFileError(f"{name[:80]!r} cannot be the id of an episode.")
    return name
