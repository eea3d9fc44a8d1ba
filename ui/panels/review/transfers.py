"""Demonstrations out and in, as the page asks for them: a zip file of what is chosen, and a staged set of an upload.

Both are made in a folder of the server's own choosing; the reader's process does the work.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from demos.errors import DemonstrationError
from demos.formats.gembench import export_keysteps
from demos.formats.import_any import import_any
from demos.formats.lerobot.export import export_lerobot
from demos.store.episode_record import EpisodeRecord
from demos.store.store import DemonstrationStore
from ui.panels.review.archives import pack_folder, unpack

FORMATS = ("lerobot", "lerobot-language", "gembench")


def export(store: DemonstrationStore, episodes: Sequence[str], kind: str, workplace: Path) -> Path:
    """Write the episodes, all if none is named, as a zip file into ``workplace``; its path.

    Raises DemonstrationError.
    """
    records = [store.get(one) for one in episodes] if episodes else list(store.episodes())
    if not records:
        raise DemonstrationError("There is nothing to export.", "Record something first.")
    folder = workplace / f"demonstrations-{kind}"
    if kind == "gembench":
        folder.mkdir()
        for taskvar, chosen in by_taskvar(records).items():
            export_keysteps([store.read(record.id) for record in chosen], folder, taskvar)
        for lock in folder.glob("*/lock.mdb"):
            lock.unlink()
    else:
        export_lerobot(store, [record.id for record in records], folder, language=kind == "lerobot-language")
    target = workplace / f"{folder.name}.zip"
    pack_folder(folder, target)
    return target


def by_taskvar(records: Sequence[EpisodeRecord]) -> dict[str, list[EpisodeRecord]]:
    """The episodes by names such as "open_drawer+0": the task, and its instructions counted from 0."""
    instructions: dict[str, list[str]] = {}
    found: dict[str, list[EpisodeRecord]] = {}
    for record in records:
        key = re.sub(r"[^A-Za-z0-9_]+", "_", record.labels.info.task_key or record.task).strip("_")[:80] or "task"
        key = key.split("+")[0]
        known = instructions.setdefault(key, [])
        if record.task not in known:
            known.append(record.task)
        found.setdefault(f"{key}+{known.index(record.task)}", []).append(record)
    return found


def stage(archive: Path, task: str, workplace: Path) -> int:
    """Read an upload into the set ``workplace/staged``; how many episodes. ``task``: the instruction of keysteps.

    Raises DemonstrationError, with a sentence that says what was expected, for what cannot be read.
    """
    unpacked = workplace / "unpacked"
    unpacked.mkdir()
    unpack(archive, unpacked)
    with DemonstrationStore.open(workplace / "staged") as staged:
        return len(import_any(staged, unpacked, task))
