"""The reader of demonstrations: what another process changes is read again, however soon after the last reading."""

from __future__ import annotations

from pathlib import Path

from demos.store.store import DemonstrationStore
from tests.support.demonstration_takes import record
from ui.panels.review.library import Shelf


def test_a_set_read_in_the_middle_of_a_change_is_read_again_though_its_times_say_nothing(tmp_path: Path) -> None:
    with DemonstrationStore.open(tmp_path) as store:
        one = record(store, 4).id
        store.relabel(one, notes="before")
        old = {path: path.read_bytes() for path in tmp_path.glob("meta/episodes/**/*.parquet")}
        store.relabel(one, notes="after")
        new = {path: path.read_bytes() for path in old}
        for path, former in old.items():  # a change that has come as far as this
            path.write_bytes(former)
        shelf = Shelf(tmp_path)
        assert shelf.store().get(one).labels.info.notes == "before"
        for path, latter in new.items():  # and ends within one tick of the file system's clock
            path.write_bytes(latter)
        assert shelf.store().get(one).labels.info.notes == "after"
