"""Writes the journal of a take on a thread of its own, so that encoding and the disk do not hold up control."""

from __future__ import annotations

import os
import queue
import shutil
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from demos.errors import DemonstrationError, DiskFullError, explained
from demos.frames import RecordedFrame
from demos.store.durable import SPARE, sync
from demos.store.journal import pack
from demos.store.rows import row_of

BACKLOG_SECONDS = 0.4
"""Frames that wait to be written; with the time between two syncs it stays below the second that a crash may cost."""

SYNC_SECONDS = 0.3
COMMIT_FACTOR = 1.1
"""Room that a commit needs, relative to the journal: recording ends while the take can still be committed."""


class JournalWriter:
    """Appends to a journal. ``add`` never waits: while the disk or the encoding lags behind, frames are dropped.

    ``frames``, ``bytes`` and ``dropped`` count; ``problem`` is why nothing more is written, once that is so.
    """

    def __init__(self, path: Path, begin: bytes, fps: int, starts: Sequence[int] = ()):
        """Create the journal with its first record.

        With an empty ``begin`` it goes on with a journal that is there, the records of whose frames are at ``starts``.
        """
        self.path = path
        self.frames, self.dropped, self.bytes = len(starts), 0, 0
        self.problem: DemonstrationError | None = None
        self._waiting: queue.Queue[RecordedFrame | int | None] = queue.Queue(max(2, round(BACKLOG_SECONDS * fps)))
        self._marks: deque[int] = deque()
        self._accepted = len(starts)
        self._starts = list(starts)
        self._marked: dict[int, int] = {}
        self._lock = threading.Lock()
        with explained(path.parent, "beginning a take"):
            self._file = path.open("xb" if begin else "ab", buffering=0)
            self._file.write(begin)
            os.fsync(self._file.fileno())
            sync(path.parent)
            self.bytes = os.fstat(self._file.fileno()).st_size
        self._synced = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    def add(self, frame: RecordedFrame, wait: bool = False) -> bool:
        """Hand a frame over; False if it had to be dropped. ``wait`` for room, where nothing is under control."""
        with self._lock:
            if self.problem is None:
                with suppress(queue.Full):
                    self._waiting.put(frame, block=wait)
                    self._accepted += 1
                    return True
            self.dropped += 1
            return False

    def mark(self) -> None:
        """Mark the latest frame as a keyframe."""
        with self._lock:
            if self._accepted:
                self._marks.append(self._accepted - 1)

    def cut(self, frames: int) -> None:
        """Take back all but the first ``frames``. Waits for room: not for a thread that controls anything."""
        with self._lock:
            self._accepted = frames
            self._marks = deque(mark for mark in self._marks if mark < frames)
        self._waiting.put(frames)

    def close(self) -> None:
        """Write what is waiting, sync, and end the thread."""
        if self._thread.is_alive():
            self._waiting.put(None)
            self._thread.join()
        self._file.close()

    def _run(self) -> None:
        while True:
            try:
                item = self._waiting.get(timeout=SYNC_SECONDS)
            except queue.Empty:
                self._guarded(self._write_marks)
                self._guarded(self._sync)
                continue
            if item is None:
                self._guarded(self._write_marks)
                self._guarded(self._sync)
                return
            if isinstance(item, int):
                self._guarded(self._cut, item)
            elif not self._guarded(self._write_frame, item):
                self.dropped += 1

    def _guarded(self, function: Callable[..., None], *arguments: RecordedFrame | int) -> bool:
        """True if it went well; once something has not, nothing more is written."""
        if self.problem is not None:
            return False
        try:
            with explained(self.path.parent, "recording"):
                function(*arguments)
        except DemonstrationError as problem:
            self.problem = problem
            self._take_back()
        return self.problem is None

    def _take_back(self) -> None:
        """Remove the part of a record that went onto a full disk; where that fails too, the reader cuts it off."""
        with suppress(OSError):
            self._file.truncate(self.bytes)
            os.fsync(self._file.fileno())

    def _write_frame(self, frame: RecordedFrame) -> None:
        start = self.bytes
        self._append(pack(row_of(frame)))
        self._starts.append(start)
        self.frames += 1
        self._write_marks()

    def _cut(self, frames: int) -> None:
        if frames >= self.frames:
            return
        self._write_marks()
        end = self._starts[frames]
        self._file.truncate(end)
        self._file.seek(end)
        self.bytes, self.frames = end, frames
        del self._starts[frames:]
        kept = {mark: at for mark, at in self._marked.items() if mark < frames}
        # The mark of a frame that stays may have been written behind the first one that goes.
        self._marks.extendleft(mark for mark, at in kept.items() if at >= end)
        self._marked = {mark: at for mark, at in kept.items() if at < end}
        self._write_marks()
        self._sync()

    def _write_marks(self) -> None:
        while self._marks:
            mark = self._marks.popleft()
            self._marked[mark] = self.bytes
            self._append(pack({"mark": mark}))

    def _append(self, record: bytes) -> None:
        self._require_room(len(record))
        left = memoryview(record)
        while left:
            left = left[self._file.write(left) :]
        self.bytes += len(record)
        if time.monotonic() - self._synced > SYNC_SECONDS:
            self._sync()

    def _require_room(self, record: int) -> None:
        if shutil.disk_usage(self.path.parent).free < record + COMMIT_FACTOR * (self.bytes + record) + 3 * SPARE:
            raise DiskFullError(
                f"The disk is nearly full, so recording has ended after {self.frames} frames.",
                "Commit the take, for which there is still room, then free some space.",
            )

    def _sync(self) -> None:
        os.fsync(self._file.fileno())
        self._synced = time.monotonic()
