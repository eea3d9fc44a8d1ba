"""Export of chosen episodes as a LeRobot v3 set of its own, for other programs to read and to write."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Sequence
from pathlib import Path

from demos.errors import DemonstrationError, explained
from demos.formats.lerobot.export_language import add_language
from demos.store.durable import require_room
from demos.store.episode_record import EpisodeRecord
from demos.store.schema import PRIVATE
from demos.store.store import DemonstrationStore


def export_lerobot(
    store: DemonstrationStore, episodes: Sequence[str], folder: Path, *, language: bool = False
) -> tuple[EpisodeRecord, ...]:
    """Copy the episodes with these ids to ``folder``, in the store's order; returns their entries there.

    ``language`` adds the columns language_persistent and language_events, with the sub-tasks: LeRobot 0.6 and newer
    read them, older versions then refuse the set. The folder appears when all of it has been written.

    Raises UnknownEpisodeError, and DemonstrationError if the folder holds something already or lies in the store's.
    """
    folder = folder.absolute()
    if not episodes:
        raise DemonstrationError("No episode is chosen.", "Choose at least one to export.")
    if folder.resolve().is_relative_to(store.folder.root.resolve()):
        raise DemonstrationError(f"{folder} lies in the demonstrations' own folder.", "Choose a folder outside of it.")
    size = sum(store.get(episode).size for episode in set(episodes))
    part = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}.part")
    with explained(folder, "exporting episodes"):
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise DemonstrationError(f"{folder} holds something already.", "Choose an empty folder, or a new one.")
        folder.parent.mkdir(parents=True, exist_ok=True)
        # Once for the copies, and once more while a file is written anew.
        require_room(folder.parent, 2 * size, "exporting episodes")
        try:
            with DemonstrationStore.open(part) as target:
                made = target.merge(store, episodes)
            shutil.rmtree(part / PRIVATE)
            for path in sorted(part.rglob("*.parquet")):
                _unshare(path)
            if language:
                add_language(part)
            os.replace(part, folder)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    return made


def _unshare(path: Path) -> None:
    """Merging may leave one file under two names; what another program writes into it must not reach the store."""
    if path.stat().st_nlink > 1:
        copy = path.with_suffix(".copy")
        shutil.copyfile(path, copy)
        os.replace(copy, path)
