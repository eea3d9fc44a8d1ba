"""Edits of the recorded demonstrations: made on the thread of the one writer, and taken back one by one.

Every edit is answered to its page by the ``id`` that it gave; all pages are told what could be undone.
"""

from __future__ import annotations

import functools
import logging
import shutil
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from clap.episode.episode import Episode, EpisodeSnapshot
from clap.errors import ClapError
from demos.errors import DemonstrationError
from demos.frames import Outcome
from demos.recording.preconditions import Objections
from demos.sample import SAMPLE
from demos.store.store import DemonstrationStore
from ui.protocol import commands
from ui.protocol.messages import EditDone, ReviewState
from ui.station.channel import frame
from ui.station.demonstration_preconditions import Demonstrations, demonstration_objections
from ui.station.orders import DemoImport
from ui.station.outbox import Outbox
from ui.station.recording import Recording
from ui.station.replaying import Replaying

MOST_UNDO = 20

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Done:
    """What an edit did, as a sentence; the episodes that it made; and how it is taken back, if it can be."""

    sentence: str
    made: tuple[str, ...] = ()
    undo: Callable[[], object] | None = None


class Editing:
    """Obeys the commands whose names begin with "demo-"."""

    def __init__(self, recording: Recording, outbox: Outbox):
        self._recording, self._outbox = recording, outbox
        self._episode: Episode | None = None
        self._undo: deque[tuple[str, Callable[[], object]]] = deque(maxlen=MOST_UNDO)
        self._replaying = Replaying(self._publish)

    def follow(self, episode: Episode) -> None:
        """Edits wait while this episode's arm moves; demonstrations are replayed in it."""
        self._episode = episode

    def handle(self, page: int, command: commands.DemoCommand) -> None:
        """Carry a command out soon, and return at once; its page is answered."""
        self._recording.submit(page, functools.partial(self._answer, page, command))

    def objections(self, snapshot: EpisodeSnapshot) -> Objections:
        """Why not now, by verb, of all that records, edits and replays. Any thread may ask."""
        recording = self._recording
        now = Demonstrations(
            recording.off, recording.objections(), recording.is_recording, bool(self._undo), self._replaying.under_way
        )
        return demonstration_objections(snapshot, now)

    # On the recording's thread

    def _answer(self, page: int, command: commands.DemoCommand) -> None:
        try:
            self._require(command.type)
            done, ok = self._do(command), True
            if done.undo is not None:
                self._undo.append((done.sentence, done.undo))
        except (ClapError, ValueError) as error:
            sentence = str(error) if isinstance(error, ClapError) else f"{str(error)[:1].upper()}{str(error)[1:]}."
            done, ok = Done(sentence), False
        except Exception as error:
            logger.exception("A demonstration could not be edited")
            done, ok = Done(f"That failed ({type(error).__name__}: {error})."), False
        finally:
            if isinstance(command, DemoImport):
                shutil.rmtree(command.folder, ignore_errors=True)
        undo = ok and bool(self._undo) and not isinstance(command, commands.DemoUndo | commands.DemoReplay)
        answer = EditDone(id=command.id, undo=undo, ok=ok, sentence=done.sentence, made=list(done.made))
        self._outbox.answer(frame(answer, page))
        self._publish()

    def _do(self, command: commands.DemoCommand) -> Done:
        if isinstance(command, commands.DemoReplay):
            return self._replay(command)
        store = self._store()
        match command:
            case commands.DemoLabel():
                return self._label(store, command)
            case commands.DemoKeyframes():
                return self._keyframes(store, command)
            case commands.DemoStep():
                return self._step(store, command)
            case commands.DemoTrim():
                return self._trim(store, command)
            case commands.DemoSplit():
                return self._split(store, command)
            case commands.DemoDelete():
                return self._delete(store, command)
            case commands.DemoRestore():
                return self._restore(store, command)
            case commands.DemoEmptyTrash():
                return self._empty_trash(store)
            case commands.DemoUndo():
                return self._take_back()
            case commands.DemoCopySample():
                return self._copy_sample(store)
            case DemoImport():
                return self._import(store, Path(command.folder))
        raise TypeError(f"{type(command).__name__} is no edit")

    def _publish(self) -> None:
        """Tell all pages what could be undone, and how a replay goes."""
        self._outbox.refresh()
        undo = self._undo[-1][0] if self._undo else None
        self._outbox.answer(frame(ReviewState(undo=undo, replay=self._replaying.state)))

    def _store(self) -> DemonstrationStore:
        store = self._recording.store
        if store is None:
            raise DemonstrationError("There is no folder of demonstrations.")
        return store

    def _require(self, verb: str) -> None:
        snapshot = EpisodeSnapshot() if self._episode is None else self._episode.snapshot()
        error = self.objections(snapshot)[verb]
        if error is not None:
            raise error

    # The edits

    def _label(self, store: DemonstrationStore, command: commands.DemoLabel) -> Done:
        record = store.get(command.episode)
        old = record.labels
        task, notes = command.task, command.notes
        if task is not None and not task.strip():
            raise ValueError("a demonstration needs the instruction that it shows")
        outcome = None if command.outcome is None else Outcome(command.outcome)
        store.relabel(record.id, task=task, outcome=outcome, notes=notes)

        def undo() -> None:
            store.relabel(record.id, task=old.info.task, outcome=old.outcome, notes=old.info.notes)

        return Done("The labels were changed.", (), undo)

    def _keyframes(self, store: DemonstrationStore, command: commands.DemoKeyframes) -> Done:
        record = store.get(command.episode)
        former = record.labels.keyframes
        store.set_keyframes(record.id, command.frames)
        more = len(set(command.frames)) - len(former)
        what = "A keyframe was added." if more > 0 else "A keyframe was removed." if more < 0 else "Keyframes moved."
        return Done(what, (), lambda: store.set_keyframes(record.id, former))

    def _step(self, store: DemonstrationStore, command: commands.DemoStep) -> Done:
        episode = command.episode
        former = list(store.read(episode).steps)
        store.set_step(episode, command.start, command.stop, command.text)
        return Done("The step's text was changed.", (), lambda: store.set_steps(episode, former))

    def _trim(self, store: DemonstrationStore, command: commands.DemoTrim) -> Done:
        whole = command.episode
        kept = store.trim(whole, command.start, command.stop)
        sentence = f"The frames {command.start} to {command.stop - 1} were kept; the whole take is in the trash."
        return Done(sentence, (kept.id,), lambda: _put_back(store, whole, [kept.id]))

    def _split(self, store: DemonstrationStore, command: commands.DemoSplit) -> Done:
        whole = command.episode
        made = [record.id for record in store.split(whole, command.frame)]
        sentence = f"It was split before frame {command.frame}; the whole take is in the trash."
        return Done(sentence, tuple(made), lambda: _put_back(store, whole, made))

    def _delete(self, store: DemonstrationStore, command: commands.DemoDelete) -> Done:
        doomed = list(dict.fromkeys(command.episodes))
        names = [store.get(one).task for one in doomed]
        if not doomed:
            raise ValueError("no demonstration is chosen")
        store.delete(doomed)
        what = f"“{names[0]}” was" if len(names) == 1 else _count(names)

        def undo() -> None:
            for one in doomed:
                store.restore(one)

        return Done(f"{what} moved to the trash.", (), undo)

    def _restore(self, store: DemonstrationStore, command: commands.DemoRestore) -> Done:
        takes = {entry.id for entry in store.trash() if entry.is_take}
        restored = list(dict.fromkeys(command.episodes))
        for one in restored:
            store.restore(one)
        if takes & set(restored):
            return Done("The take waits on Operate to be kept or discarded.")
        return Done(f"{_count(restored)} restored.", tuple(restored), lambda: store.delete(restored))

    def _empty_trash(self, store: DemonstrationStore) -> Done:
        freed = store.empty_trash()
        self._undo.clear()  # what could be taken back may need what was in the trash
        return Done(f"The trash was emptied: {freed / 1e6:.1f} MB are free again.")

    def _take_back(self) -> Done:
        sentence, undo = self._undo.pop()
        undo()
        return Done(f"Undone: {sentence}")

    def _copy_sample(self, store: DemonstrationStore) -> Done:
        with DemonstrationStore.open(SAMPLE, read_only=True) as sample:
            made = [record.id for record in store.merge(sample)]
        if not made:
            raise DemonstrationError("All of the sample is in the recordings already.")
        return Done(f"{_count(made)} copied.", tuple(made), lambda: store.delete(made))

    def _import(self, store: DemonstrationStore, folder: Path) -> Done:
        """Take in what the server has unpacked, read and staged: a set like our own, in a folder for this alone."""
        with DemonstrationStore.open(folder / "staged", read_only=True) as staged:
            total = len(staged.episodes())
            made = [record.id for record in store.merge(staged)]
        if not made:
            raise DemonstrationError("All that the file holds is in the recordings already.")
        rest = f" {total - len(made)} were there already." if total > len(made) else ""
        return Done(f"{_count(made)} imported.{rest}", tuple(made), lambda: store.delete(made))

    def _replay(self, command: commands.DemoReplay) -> Done:
        if self._episode is None:
            raise DemonstrationError("The world is still starting.", "Wait until it is there.")
        if command.set == "sample":
            with DemonstrationStore.open(SAMPLE, read_only=True) as sample:
                recorded = sample.read(command.episode)
        else:
            recorded = self._store().read(command.episode)
        self._replaying.begin(self._episode, recorded, command.every_frame)
        return Done("The replay begins: watch it on Operate.")


def _count(made: list[str]) -> str:
    return f"{len(made)} demonstration{'s were' if len(made) != 1 else ' was'}"


def _put_back(store: DemonstrationStore, whole: str, parts: list[str]) -> None:
    """Undo a cut: the parts can be cut from the whole again, so they need not stay in the trash."""
    store.delete(parts)
    store.restore(whole)
    store.empty_trash(parts)
