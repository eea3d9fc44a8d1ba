"""The reader of demonstrations: what another process changes is read again, however soon after the last reading."""

from __future__ import annotations

import os
from pathlib import Path

from demos.store.schema import INFO
from demos.store.store import DemonstrationStore
from tests.support.demonstration_takes import record
from ui.panels.review.library import Shelf


def test_a_change_within_one_tick_of_the_clock_is_read(tmp_path: Path) -> None:
    with DemonstrationStore.open(tmp_path) as store:
        one = record(store, 4).id
        shelf = Shelf(tmp_path)
        store.relabel(one, notes="before")
        told_by = [tmp_path / INFO, shelf.folder.changes, shelf.folder.trash, shelf.folder.takes]
        times = {path: path.stat() for path in told_by if path.exists()}
        assert shelf.store().get(one).labels.info.notes == "before"
        store.relabel(one, notes="after")
        for path, known in times.items():  # as where the clock has not moved on meanwhile
            os.utime(path, ns=(known.st_atime_ns, known.st_mtime_ns))
        assert shelf.store().get(one).labels.info.notes == "after"
