"""What a crash, or a damaged disk, can leave of a set: found, explained and repaired without a person."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, replace

from demos.errors import DamagedFileError, DemonstrationError
from demos.store.catalog import Catalog, Entry, read_tasks, stage_set
from demos.store.data_file import carried, measure, open_any, open_data, place_of
from demos.store.durable import Change, finish_changes, sha256
from demos.store.episode_record import EpisodeRecord
from demos.store.folder import SetFolder, safe_id
from demos.store.journal import Journal
from demos.store.schema import CHUNK, INFO, TASKS, SetShape, data_path, meta_path
from demos.store.trash import DATA, META, WHY, reason, trash_path

ONLOOKER = "It will be mended when the set is opened for writing."


@dataclass(frozen=True)
class Finding:
    """One thing that was found: a stable ``name``, and a ``sentence`` that says what it was and what became of it."""

    name: str
    sentence: str


@dataclass(frozen=True)
class CheckReport:
    """What the start-up check found; ``episodes`` that open, and ``unfinished`` takes that wait to be resumed."""

    findings: tuple[Finding, ...] = ()
    episodes: int = 0
    unfinished: int = 0

    @property
    def clean(self) -> bool:
        """Nothing was wrong."""
        return not self.findings


class StartupCheck:
    """One run of the check over a folder. ``deep`` compares every checksum, which reads all files."""

    def __init__(self, folder: SetFolder, repair: bool, deep: bool):
        self._folder, self._repair, self._deep = folder, repair, deep
        self._findings: list[Finding] = []
        self._shape: SetShape | None = None
        self._bad: list[tuple[int, str, str]] = []

    def run(self) -> tuple[Catalog, CheckReport]:
        """The set as it is after the repair. Raises DemonstrationError only where another program's files lie in it."""
        folder = self._folder
        if self._repair:
            completed, dropped = finish_changes(folder.root, folder.changes)
            if completed:
                self._note("completed", "A change that had been decided on was interrupted.", "It has been completed.")
            if dropped:
                self._note("undone", "A change was interrupted before it was decided on.", "Nothing of it remains.")
            self._remove_parts()
            if folder.mark() and (folder.root / "meta").exists():
                self._note("marker", "The note on the set's schema was missing.", "It has been written again.")
        unfinished = self._journals()
        catalog = self._episodes()
        return catalog, CheckReport(tuple(self._findings), len(catalog.records), unfinished)

    def _note(self, name: str, what: str, done: str) -> None:
        """``done`` is what becomes of it; an onlooker leaves it as it is."""
        self._findings.append(Finding(name, f"{what} {done if self._repair else ONLOOKER}"))

    def _remove_parts(self) -> None:
        for part in [*self._folder.private.glob(".*.part"), *self._folder.trash.glob("*/.*.part")]:
            part.unlink()
            self._note("part", f"{part.name} was only partly written.", "It has been removed.")

    def _journals(self) -> int:
        """Mend the journals of takes that a crash interrupted: how many there are."""
        count = 0
        for path in sorted(self._folder.takes.glob("*.journal")):
            try:
                journal = Journal(path)
                if safe_id(journal.id) != path.stem:
                    raise DamagedFileError(f"The journal {path.name} tells of another take.")
            except DamagedFileError as error:
                self._note("empty take", error.sentence, "It has been put aside.")
                if self._repair:
                    path.rename(path.with_suffix(".unreadable"))
                continue
            if journal.torn and self._repair:
                journal.cut()
                what = f"The last write of the take “{journal.info.task}” was cut short by a crash."
                self._note("torn take", what, f"Its {len(journal)} whole frames are safe.")
            if len(journal):
                count += 1
            elif self._repair:
                path.unlink()
                self._note("empty take", "A take ended before its first frame.", "It has been removed.")
        return count

    def _episodes(self) -> Catalog:
        found = [self._episode(slot) for slot in self._slots()]
        entries = [entry for entry in found if entry is not None]
        catalog = self._as_noted([entry.record for entry in entries])
        if not entries and not self._bad and not catalog.tasks:
            return catalog
        tasks = _tasks(catalog.tasks, entries)
        if tasks != catalog.tasks:
            self._note("tasks", "The table of tasks was missing or damaged.", "It has been rebuilt from the episodes.")
        after = replace(catalog, tasks=tasks)
        if self._moved(entries) and not self._findings:
            self._note("numbers", "The episodes were not numbered one after the other.", "They have been renumbered.")
        set_files = {name for name, content in after.set_files().items() if self._differs(name, content)}
        if set_files and not self._findings:
            self._note("set files", f"{', '.join(sorted(set_files))} did not fit the episodes.", "It has been rebuilt.")
        if self._repair and (set_files or self._bad or self._moved(entries)):
            return self._rewrite(catalog, after, entries)
        return after

    def _differs(self, name: str, content: bytes) -> bool:
        path = self._folder.root / name
        return not path.exists() or path.read_bytes() != content

    def _slots(self) -> list[int]:
        slots = set()
        for kind in ("data", "meta/episodes"):
            for path in (self._folder.root / kind).glob("chunk-*/file-*.parquet"):
                chunk, number = path.parent.name.removeprefix("chunk-"), path.stem.removeprefix("file-")
                if chunk.isdecimal() and number.isdecimal():
                    slots.add(int(chunk) * CHUNK + int(number))
        return sorted(slots)

    def _episode(self, slot: int) -> Entry | None:
        """The entry of a slot; None if it cannot be used, in which case its files go to the trash."""
        root = self._folder.root
        try:
            parquet = open_any(root / data_path(slot))
            labels_and_shape = carried(parquet)
            if labels_and_shape is None:
                raise ForeignSetError(f"{data_path(slot)} in {root} was written by another program.")
            labels, shape = labels_and_shape
            safe_id(labels.id)
            self._shape = self._shape or shape
            open_data(root / data_path(slot), self._shape)
            place = place_of(parquet)
            if place is None or not parquet.metadata.num_rows:
                raise DamagedFileError(f"{data_path(slot)} holds no frames.")
        except DamagedFileError as error:
            self._set_aside(slot, error.sentence)
            return None
        try:
            record = EpisodeRecord.from_parquet(root / meta_path(slot))
            if record.id != labels.id:
                raise DamagedFileError("The meta file is that of another episode.")
            meta_written = record.slot == slot
        except DamagedFileError:
            size = (root / data_path(slot)).stat().st_size
            stats, rows = measure(parquet, shape), parquet.metadata.num_rows
            checksum = sha256(root / data_path(slot))
            record, meta_written = (
                EpisodeRecord(labels, slot, place[0], place[1], rows, place[2], size, checksum, stats),
                False,
            )
            what = f"The meta file of “{labels.info.task}” was missing or damaged."
            self._note("meta file", what, "It has been rebuilt; its labels are those of the recording.")
        if self._wrong_bytes(record, slot):
            self._set_aside(slot, f"The frames of “{record.task}” are not those that were written.")
            return None
        placed = (record.index, record.start, record.task_index) == place and record.length == parquet.metadata.num_rows
        return Entry(replace(record, slot=slot), placed=placed, meta_written=meta_written)

    def _wrong_bytes(self, record: EpisodeRecord, slot: int) -> bool:
        path = self._folder.root / data_path(slot)
        return path.stat().st_size != record.size or (self._deep and sha256(path) != record.sha256)

    def _set_aside(self, slot: int, sentence: str) -> None:
        identity = f"damaged-{slot}"
        number = 1
        while (self._folder.trash / identity).exists():
            identity, number = f"damaged-{slot}-{number}", number + 1
        self._bad.append((slot, identity, sentence))
        self._note("damaged episode", sentence, "The episode has been moved to the trash.")

    def _as_noted(self, records: list[EpisodeRecord]) -> Catalog:
        """The catalog with the tasks that the table names."""
        tasks: tuple[str, ...] = ()
        shape = self._shape
        with suppress(DamagedFileError):
            tasks = read_tasks(self._folder.root / TASKS)
        if shape is None:
            with suppress(OSError, KeyError, TypeError, ValueError):
                shape = SetShape.from_info(json.loads((self._folder.root / INFO).read_bytes()))
        return Catalog(shape, tasks, tuple(records))

    @staticmethod
    def _moved(entries: list[Entry]) -> bool:
        """True if an episode's file, or its numbers, are not as they are to be."""
        start = 0
        for index, entry in enumerate(entries):
            if not (entry.placed and entry.meta_written) or (entry.record.index, entry.record.start) != (index, start):
                return True
            start += entry.record.length
        return False

    def _rewrite(self, before: Catalog, after: Catalog, entries: list[Entry]) -> Catalog:
        root = self._folder.root
        change = Change(root, self._folder.changes)
        try:
            for slot, identity, sentence in self._bad:
                for name, source in ((DATA, data_path(slot)), (META, meta_path(slot))):
                    change.drop(source)
                    if (root / source).exists():
                        change.adopt(root / source, trash_path(identity, name))
                change.write_json(trash_path(identity, WHY), reason(sentence, "", slot))
            result = stage_set(change, root, before, after, entries)
            change.apply()
        finally:
            change.abandon()
        return result


def _tasks(noted: tuple[str, ...], entries: list[Entry]) -> tuple[str, ...]:
    """The tasks as the table names them, unless an episode says otherwise or is beyond its end."""
    tasks = dict(enumerate(noted)) | {entry.record.task_index: entry.record.task for entry in entries}
    return tuple(tasks.get(k, f"(task {k})") for k in range(max(tasks, default=-1) + 1))


class ForeignSetError(DemonstrationError):
    """The folder holds episodes of another program."""

    name = "set of another program"
    default_next_move = "Import it into a folder of its own."
