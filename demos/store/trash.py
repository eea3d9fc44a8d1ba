"""What was deleted: episodes and discarded takes, kept until the trash is emptied."""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from demos.errors import DamagedFileError, UnknownEpisodeError
from demos.store.durable import Change
from demos.store.episode_record import EpisodeRecord
from demos.store.folder import SetFolder, safe_id
from demos.store.schema import PRIVATE, data_path, meta_path

WHY, DATA, META, JOURNAL = "why.json", "data.parquet", "meta.parquet", "take.journal"


@dataclass(frozen=True)
class TrashEntry:
    """A deleted episode, or (``is_take``) a discarded take. ``when`` is wall time; ``why`` a sentence."""

    id: str
    when: float
    why: str
    task: str
    slot: int
    bytes: int
    is_take: bool = False


def trash_path(identity: str, name: str) -> str:
    """Where a part of a deleted thing lies, relative to the set's folder."""
    return f"{PRIVATE}/trash/{safe_id(identity)}/{name}"


def stage_deletion(change: Change, root: Path, record: EpisodeRecord, why: str) -> None:
    """Put an episode's files into the trash; whoever stages the set's own files drops them from their slot."""
    for name, source in ((DATA, data_path(record.slot)), (META, meta_path(record.slot))):
        if (root / source).exists():
            change.adopt(root / source, trash_path(record.id, name))
    change.write_json(trash_path(record.id, WHY), reason(why, record.task, record.slot))


def reason(why: str, task: str, slot: int) -> dict[str, object]:
    """The content of the note beside deleted files."""
    return {"when": time.time(), "why": why, "task": task, "slot": slot}


def list_trash(folder: SetFolder) -> tuple[TrashEntry, ...]:
    """What lies in the trash, the latest first. What was restored leaves an empty folder."""
    paths = [*folder.trash.iterdir()] if folder.trash.is_dir() else []
    entries = [_entry(path) for path in paths if path.is_dir() and any(path.iterdir())]
    return tuple(sorted(entries, key=lambda entry: -entry.when))


def _entry(path: Path) -> TrashEntry:
    try:
        note = json.loads((path / WHY).read_bytes())
        when, why, task, slot = float(note["when"]), str(note["why"]), str(note["task"]), int(note["slot"])
    except (OSError, ValueError, KeyError, TypeError):
        when, why, task, slot = path.stat().st_mtime, "It is not noted why it was deleted.", "", -1
    size = sum(file.stat().st_size for file in path.iterdir())
    return TrashEntry(path.name, when, why, task, slot, size, (path / JOURNAL).exists())


def find_in_trash(folder: SetFolder, identity: str) -> TrashEntry:
    """Raises UnknownEpisodeError."""
    for entry in list_trash(folder):
        if entry.id == identity:
            return entry
    raise UnknownEpisodeError(f'There is no "{identity}" in the trash.')


def stage_restored(change: Change, folder: SetFolder, entry: TrashEntry) -> tuple[EpisodeRecord, Path]:
    """An episode's entry and data file out of the trash, whose place there is dropped. Raises DamagedFileError."""
    record = EpisodeRecord.from_parquet(folder.trash / entry.id / META)
    data = folder.trash / entry.id / DATA
    if record.id != entry.id or not data.exists():
        raise DamagedFileError(f'The deleted episode "{entry.id}" is not whole.')
    for name in (DATA, META, WHY):
        change.drop(trash_path(entry.id, name))
    return record, data


def empty(folder: SetFolder, identities: list[str]) -> int:
    """Remove for good; returns the bytes that were freed."""
    freed = 0
    for identity in identities:
        freed += find_in_trash(folder, identity).bytes
        # The folder is renamed first: half of an episode is never to be seen in the trash.
        doomed = folder.changes / f"doomed-{identity}"
        shutil.rmtree(doomed, ignore_errors=True)
        (folder.trash / identity).rename(doomed)
        shutil.rmtree(doomed)
    return freed
