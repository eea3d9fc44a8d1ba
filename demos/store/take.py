"""A take: recorded frame by frame, then committed as an episode, or discarded."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from demos.errors import DemonstrationError, SetMismatchError
from demos.frames import Outcome, RecordedFrame, TakeInfo
from demos.store.episode_record import EpisodeRecord
from demos.store.journal import Journal, first_record
from demos.store.journal_writer import JournalWriter
from demos.store.schema import SetShape


@dataclass(frozen=True)
class TakeStatus:
    """What the operator sees of a take: ``rate`` is measured, frames a second; ``problem`` says why it has ended."""

    frames: int
    dropped: int
    seconds: float
    bytes: int
    rate: float
    problem: DemonstrationError | None


Commit = Callable[["Take", Outcome, str], EpisodeRecord]


class Take:
    """A take in progress; made by the store. Frames are on the disk within a second, and survive a crash.

    ``add`` may be called from the thread that controls the arm: it returns at once.
    """

    def __init__(
        self,
        take_id: str,
        info: TakeInfo,
        path: Path,
        shape: SetShape | None,
        commit: Commit,
        discard: Callable[[Take], None],
        recovered: Journal | None = None,
    ):
        self.id, self.info, self.path = take_id, info, path
        self.recovered = recovered is not None
        self._shape, self._commit, self._discard = shape, commit, discard
        self._writer: JournalWriter | None = None
        self._times: list[float] = []
        if recovered is not None:
            self._shape = recovered.shape
            self._times = list(recovered.wall_times)
            self._writer = JournalWriter(path, b"", info.fps, recovered.offsets)
        self._lost = 0
        self._ended = self._stopped = False

    @property
    def dropped(self) -> int:
        """Frames that came faster than they could be written, or even be made (see ``lose``)."""
        return self._lost + (self._writer.dropped if self._writer else 0)

    def add(self, frame: RecordedFrame, wait: bool = False) -> bool:
        """Record a frame; False if it was dropped, because the disk lags behind or is full (see ``status``).

        With ``wait`` it is not dropped for a disk that lags behind, as when an episode is imported.

        Raises ValueError for a malformed frame, and SetMismatchError for one of other cameras than the set's.
        """
        self._require_open()
        if self._stopped:
            raise DemonstrationError("The recording of this take has ended.", "Commit or discard it.")
        frame.check()
        shape = SetShape.of(frame, self.info.fps, self.info.robot)
        if self._shape is not None and shape != self._shape:
            raise SetMismatchError(
                f"The frame has {shape.describe()}; the set was recorded with {self._shape.describe()}."
            )
        if self._writer is None:
            self._shape = shape
            self._writer = JournalWriter(self.path, first_record(self.id, self.info, shape), self.info.fps)
        taken = self._writer.add(frame, wait)
        if taken:
            self._times.append(frame.wall_time)
        return taken

    def mark_keyframe(self) -> None:
        """The operator says that the latest frame is a keyframe."""
        self._require_open()
        if self._writer is not None and not self._stopped:
            self._writer.mark()

    def lose(self) -> None:
        """Count a frame that was due and could not be made."""
        self._lost += 1

    def cut(self, frames: int) -> None:
        """Keep only the first ``frames``, as when a step is undone. Not for the thread that controls the arm."""
        self._require_open()
        if not 0 <= frames <= len(self._times):
            raise ValueError(f"the take has {len(self._times)} frames: it cannot be cut to {frames}")
        if self._writer is not None and not self._stopped:
            self._writer.cut(frames)
            del self._times[frames:]

    def status(self) -> TakeStatus:
        """How the recording goes."""
        writer, times = self._writer, self._times
        seconds = times[-1] - times[0] if len(times) > 1 else 0.0
        rate = (len(times) - 1) / seconds if seconds > 0 else 0.0
        size = writer.bytes if writer else 0
        return TakeStatus(len(times), self.dropped, seconds, size, rate, writer.problem if writer else None)

    def commit(self, outcome: Outcome = Outcome.UNKNOWN, notes: str = "") -> EpisodeRecord:
        """Make it an episode of the set, keyframes by the published rule and by hand.

        Raises DemonstrationError if it has no frame, and DiskFullError or ReadOnlyError if it cannot be written: the
        take is then still there, and may be committed again.
        """
        self._require_open()
        if self._writer is None:
            raise DemonstrationError("The take has no frame yet.", "Record something, or discard it.")
        self._stop()
        record = self._commit(self, outcome, notes)
        self._ended = True
        return record

    def discard(self) -> None:
        """Throw it away, into the trash."""
        self._require_open()
        self._stop()
        self._discard(self)
        self._ended = True

    def abandon(self) -> None:
        """Remove it without a trace, as after an import that failed."""
        if not self._ended:
            self._stop()
            self.path.unlink(missing_ok=True)
            self._discard(self)
            self._ended = True

    def leave(self) -> None:
        """Stop recording and leave the journal for ``DemonstrationStore.resume``."""
        self._stop()
        self._ended = True

    def _stop(self) -> None:
        """No frame comes any more; what came is on the disk."""
        self._stopped = True
        if self._writer is not None:
            self._writer.close()

    def _require_open(self) -> None:
        if self._ended:
            raise DemonstrationError("This take has ended.", "Begin another one.")


def new_id() -> str:
    """An id by the time of day, so that names sort as they were recorded; the digits behind keep it unique."""
    now = time.time()
    return f"{time.strftime('%Y%m%d-%H%M%S', time.localtime(now))}-{time.time_ns() % 1_000_000_000:09d}"
