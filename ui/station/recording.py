"""The recording, in the station's process: the one writer of the demonstrations, and the recorder that fills them.

All that touches files runs on one thread here, one thing after the other; the thread that obeys Stop only hands over.
"""

from __future__ import annotations

import functools
import logging
import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Literal

from clap.episode.episode import Episode
from demos.errors import DemonstrationError, InUseError, ReadOnlyError
from demos.frames import Outcome
from demos.recording.preconditions import Objections
from demos.recording.recorder import Recorder, RecorderStatus
from demos.store.store import DemonstrationStore
from ui.protocol import commands
from ui.protocol.messages import RecordingOff, RecordingOpening, RecordingState, UnfinishedTake
from ui.protocol.shared import Level
from ui.station import recording_messages as messages
from ui.station.channel import frame
from ui.station.outbox import Outbox

RECORDING_TICK_S, IDLE_TICK_S = 0.25, 2.0
"""How often the pages are told how the recording goes, if that has changed."""

OpenState = Literal["idle", "recording", "ended", "saving"]
OUTCOMES = {True: Outcome.SUCCESS, False: Outcome.FAILURE, None: Outcome.UNKNOWN}

logger = logging.getLogger(__name__)


class Recording:
    """Opens the set in ``folder``, records into it, and tells the pages.

    Without a folder it only tells ``why_not``. ``store`` is the set: None until it is open and where it cannot be; open
    for viewing only where it cannot be written. It is for the thread of this object alone: see ``submit``.
    """

    def __init__(self, folder: Path | None, why_not: str, outbox: Outbox):
        self._folder, self._why_not, self._outbox = folder, why_not, outbox
        self._is_off = folder is None
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._episode: Episode | None = None
        self._recorder: Recorder | None = None
        self._begun: float | None = None
        self._note = ""
        self._unfinished: list[UnfinishedTake] = []
        self._told: RecordingState | None = None
        self._was_recording = False
        self.store: DemonstrationStore | None = None

    @property
    def is_recording(self) -> bool:
        """A take is being recorded. Any thread may ask; a take may begin right after."""
        status = None if self._recorder is None else self._recorder.status()
        return status is not None and status.take is not None and not status.ended

    @property
    def off(self) -> str:
        """Why nothing can be recorded; empty while it can, or may be soon. Any thread may ask."""
        return self._why_not if self._is_off else ""

    def objections(self) -> Objections | None:
        """Why not now, by the recorder's verbs; None without a recorder. Any thread may ask."""
        return None if self._recorder is None else self._recorder.objections()

    def follow(self, episode: Episode, world: str = "tabletop") -> None:
        """Open the set, then record this episode whenever the operator wants it; takes name the ``world``."""
        self._thread = threading.Thread(target=self._run, args=(episode, world), name="recording", daemon=True)
        self._thread.start()

    def handle(self, page: int, command: commands.RecordCommand) -> None:
        """Carry a command out soon, and return at once; its page is told if it is refused."""
        self.submit(page, functools.partial(self._do, command))

    def submit(self, page: int, job: Callable[[], None]) -> None:
        """Do something with the ``store`` on the thread that may, and return at once.

        If ``job`` raises a ClapError, the page of this number is told its sentences.
        """
        self._jobs.put(functools.partial(self._outbox.attempt, page, job))

    def close(self, timeout: float) -> None:
        """Leave a take that is open to be resumed, and let others write the set; waits at most so many seconds."""
        self._jobs.put(None)
        if self._thread is not None:
            self._thread.join(timeout)

    # On the recording's own thread

    def _run(self, episode: Episode, world: str) -> None:
        with suppress(BrokenPipeError):  # the server has ended, and so will this process
            self._open(episode, world)
            while True:
                recording = self._try_to_publish()
                try:
                    job = self._jobs.get(timeout=RECORDING_TICK_S if recording else IDLE_TICK_S)
                except queue.Empty:
                    continue
                if job is None:
                    break
                job()
                self._look_for_unfinished()
        if self._recorder is not None:
            self._recorder.close()
        if self.store is not None:
            self.store.close()

    def _open(self, episode: Episode, world: str) -> None:
        """Open the set for writing, or else for viewing only, or else say why it cannot be."""
        self._episode = episode
        if self._folder is None:
            return
        self._publish_state(RecordingOpening(note=self._note))
        try:
            self.store = DemonstrationStore.open(self._folder)
        except (DemonstrationError, OSError) as error:
            self._why_not, self._is_off = _why_not(error), True
            self._outbox.log("bad", self._why_not)
            if isinstance(error, (InUseError, ReadOnlyError)) and self._folder.is_dir():
                with suppress(DemonstrationError, OSError):
                    self.store = DemonstrationStore.open(self._folder, read_only=True)
            return
        for finding in self.store.report.findings:
            self._outbox.log("warn", f"Demonstrations: {finding.sentence}")
        self._recorder = Recorder(episode, self.store, world=world)
        self._look_for_unfinished()

    def _do(self, command: commands.RecordCommand) -> None:
        recorder, store = self._recorder, self.store
        if recorder is None or store is None:
            raise DemonstrationError(self._why_not, " ")
        match command:
            case commands.RecordBegin():
                recorder.begin(command.operator, command.notes)
                self._begun, self._note = time.monotonic(), ""
            case commands.RecordMark():
                recorder.mark_keyframe()
            case commands.RecordEnd():
                recorder.end(messages.BY_OPERATOR)
            case commands.RecordResume():
                recorder.resume(command.take)
                self._begun = None
            case commands.RecordCommit():
                self._tell_open("saving", store, recorder.status())
                record = recorder.commit(OUTCOMES[command.success], command.notes)
                size = f"{record.length} frames, {record.size / 1e6:.1f} MB"
                self._say("good", f"The take is kept as episode {record.index + 1}: {size}.")
            case commands.RecordDiscard():
                recorder.discard()
                self._say("info", "The take is in the trash, from which it can be restored.")

    def _say(self, level: Level, sentence: str) -> None:
        self._note = sentence
        self._outbox.log(level, sentence)

    def _look_for_unfinished(self) -> None:
        if self._recorder is not None and self.store is not None:
            with suppress(DemonstrationError, OSError):
                self._unfinished = [messages.unfinished(take) for take in self.store.unfinished()]

    # Telling

    def _try_to_publish(self) -> bool:
        """The same, whatever happens: takes are to be kept even where the pages cannot be told."""
        try:
            return self._publish()
        except BrokenPipeError:
            raise
        except Exception:
            logger.exception("The pages cannot be told how the recording goes")
            return False

    def _publish(self) -> bool:
        """Tell the pages what has changed; True while a take is being recorded."""
        if self._recorder is None or self.store is None:
            self._publish_state(RecordingOff(note=self._note, sentence=self._why_not))
            return False
        status = self._recorder.status()
        recording = status.take is not None and not status.ended
        if self._was_recording and status.ended:
            self._outbox.log("info", f"Recording has ended. {status.ended} The take waits to be kept or discarded.")
            if status.failed:
                self._halt_the_arm()
        self._was_recording = recording
        state: OpenState = "recording" if recording else "ended" if status.take is not None else "idle"
        self._tell_open(state, self.store, status)
        return recording

    def _halt_the_arm(self) -> None:
        """What was to be recorded and no longer is does not go on unseen."""
        assert self._episode is not None
        now = self._episode.snapshot()
        if now.state.in_motion or (now.state.busy and now.running):
            self._outbox.log("warn", "The arm was halted, because what it does is recorded no longer.")
            self._episode.stop()

    def _tell_open(self, state: OpenState, store: DemonstrationStore, status: RecorderStatus) -> None:
        elapsed = time.monotonic() - self._begun if state == "recording" and self._begun is not None else None
        take = messages.take(status, elapsed)
        self._publish_state(messages.recording_open(state, self._note, store, self._unfinished, take))

    def _publish_state(self, message: RecordingState) -> None:
        if message != self._told:
            self._told = message
            if self._episode is not None:  # what may be done now is told first
                self._outbox.tell_status(self._episode)
            self._outbox.publish(frame(message))


def _why_not(error: DemonstrationError | OSError) -> str:
    """Why there is no recording, and what to do about it where the console runs."""
    if not isinstance(error, DemonstrationError):
        return f"Recording is off: {error}."
    start = "then start this console anew. All else works."
    move = {
        InUseError: f"Close the other console, or choose another folder with --recordings, {start}",
        ReadOnlyError: f"Make the folder writable, or choose another one with --recordings, {start}",
    }.get(type(error), f"{error.next_move} A folder is chosen with --recordings when the console is started.")
    return f"Recording is off: {error.sentence} {move}"
