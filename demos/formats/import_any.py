"""Import of a folder that other programs wrote, whichever of the known kinds it holds. All of it comes, or nothing."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from demos.errors import DamagedFileError, DemonstrationError, explained
from demos.formats.gembench import TASKVAR, import_keysteps
from demos.formats.lerobot.import_set import import_lerobot
from demos.formats.rlbench import import_rlbench
from demos.store.episode_record import EpisodeRecord
from demos.store.schema import INFO
from demos.store.store import DemonstrationStore

KEYSTEPS, STATES = "data.mdb", "low_dim_obs.pkl"
DEEPEST = 5
"""Folders down to a set: RLBench's demonstrations lie in task/variation0/episodes/episode0, perhaps in one more."""


def import_any(
    store: DemonstrationStore, folder: Path, task: str = "", cameras: Sequence[str] | None = None
) -> tuple[EpisodeRecord, ...]:
    """Import the one LeRobot v3 set with depth, all GemBench keysteps, or all stored demonstrations of RLBench.

    ``task``: the instruction of keysteps, which hold none. ``cameras`` chooses among those of a LeRobot set. Raises
    what the importers raise, and DamagedFileError if there is none of these.
    """
    lerobot = [path.parent.parent for path in _found(folder, INFO)]
    if len(lerobot) > 1:
        raise DamagedFileError("There are several LeRobot sets.", "Import them one by one.")
    if lerobot:
        return import_lerobot(store, lerobot[0], cameras=cameras)
    with explained(folder, "importing demonstrations"):
        # Where a crash leaves it, the next start-up check removes it.
        staging = Path(tempfile.mkdtemp(prefix="import-", dir=store.folder.changes))
        try:
            with DemonstrationStore.open(staging / "set") as staged:
                _import(staged, folder, task.strip())
                return store.merge(staged)
        finally:
            shutil.rmtree(staging, ignore_errors=True)


def _import(staged: DemonstrationStore, folder: Path, task: str) -> None:
    keysteps = [path.parent for path in _found(folder, KEYSTEPS)]
    stored = [path.parent for path in _found(folder, STATES)]
    if not keysteps and not stored:
        raise DamagedFileError(
            f"There is neither a LeRobot set ({INFO}) nor GemBench keysteps ({KEYSTEPS}) nor a stored demonstration of "
            f"RLBench ({STATES}).",
            "Choose one of those.",
        )
    if keysteps and not task:
        raise DemonstrationError("GemBench keysteps hold no instruction.", "Write it, then import them again.")
    for place in keysteps:
        if not TASKVAR.fullmatch(place.name):
            raise DamagedFileError(f"The folder of keysteps {place.name[:80]!r} is not named like “close_jar+15”.")
        import_keysteps(staged, place, task)
    for place in stored:
        import_rlbench(staged, place)


def _found(folder: Path, name: str) -> list[Path]:
    depth = len(Path(name).parts)
    paths = [path for path in folder.rglob(Path(name).name) if path.parts[-depth:] == Path(name).parts]
    return sorted(path for path in paths if len(path.relative_to(folder).parts) - depth <= DEEPEST)
