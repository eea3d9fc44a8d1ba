"""Import of a set that this program wrote: its episodes come as they are, with their ids and labels."""

from __future__ import annotations

import shutil
from dataclasses import fields
from pathlib import Path

from demos.errors import DamagedFileError, DemonstrationError
from demos.frames import TakeInfo
from demos.store.data_file import open_any
from demos.store.durable import inside, require_room
from demos.store.episode_record import EpisodeRecord, Labels
from demos.store.schema import PRIVATE
from demos.store.store import DemonstrationStore

PLACES = ("data/chunk-*/file-*.parquet", "meta/episodes/chunk-*/file-*.parquet")
"""What is copied; all else follows from it."""

NUMBERS = ("fps", "seed", "variation")


def import_own(store: DemonstrationStore, folder: Path, staging: Path) -> tuple[EpisodeRecord, ...]:
    """Copy the set to ``staging``, look at each of its frames, and merge it into the store.

    A copy, since a file that two sets share would change in both. Raises DamagedFileError if any episode is not whole,
    ForeignSetError if another program has written into the set, SetMismatchError for other cameras or rate.
    """
    files = [inside(folder, path.relative_to(folder).as_posix()) for place in PLACES for path in folder.glob(place)]
    files = [path for path in files if path.is_file()]
    require_room(store.folder.root, sum(path.stat().st_size for path in files), "importing a set")
    (staging / PRIVATE).mkdir(parents=True)
    for path in files:
        open_any(path)
        target = staging / path.relative_to(folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    with DemonstrationStore.open(staging) as staged:
        for entry in staged.trash():
            raise DamagedFileError(f"{folder.name} is not whole. {entry.why}")
        for record in staged.episodes():
            _check_labels(record.labels)
            episode = staged.read(record.id)
            if record.labels.info.fps != episode.fps:
                raise DamagedFileError(f"“{record.task[:80]}” tells two rates.")
            for number in range(len(episode)):
                episode.frame(number)
        if not staged.episodes():
            raise DemonstrationError(f"{folder.name} has no episodes.", "Choose another set.")
        return store.merge(staged)


def _check_labels(labels: Labels) -> None:
    """Raises DamagedFileError for values of other kinds than a recording gives: JSON holds what it likes."""
    texts = [labels.id, labels.source, labels.parent]
    texts += [getattr(labels.info, field.name) for field in fields(TakeInfo) if field.name not in NUMBERS]
    numbers = [labels.recorded, labels.rate, labels.dropped, *(getattr(labels.info, name) or 0 for name in NUMBERS)]
    if not all(isinstance(text, str) for text in texts) or not all(isinstance(n, (int, float)) for n in numbers):
        raise DamagedFileError("The labels of an episode are of the wrong kinds.")
