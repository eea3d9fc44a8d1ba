"""What may be done with demonstrations now, and why not: one table for what records, edits and replays them."""

from __future__ import annotations

from dataclasses import dataclass

from clap.episode.preconditions import Preconditions
from clap.episode.snapshot import EpisodeSnapshot
from demos.errors import DemonstrationError
from demos.recording.preconditions import Objections

RECORDS = ("record-begin", "record-mark", "record-end", "record-resume", "record-commit", "record-discard")
EDITS = (
    "demo-label",
    "demo-keyframes",
    "demo-step",
    "demo-trim",
    "demo-split",
    "demo-delete",
    "demo-restore",
    "demo-empty-trash",
    "demo-copy-sample",
    "demo-import",
)


@dataclass(frozen=True)
class Demonstrations:
    """How it stands: ``off`` says why nothing can be recorded or changed, empty if it can; ``recorder`` is what the
    recorder objects to, None while the recordings are being opened. ``undo``: there is an edit to take back.
    """

    off: str
    recorder: Objections | None
    is_recording: bool
    undo: bool
    replaying: bool


def demonstration_objections(snapshot: EpisodeSnapshot, now: Demonstrations) -> Objections:
    """Why not now, by verb; None for what is accepted."""
    shut = None
    if now.off:
        shut = DemonstrationError(now.off, " ")
    elif now.recorder is None:
        shut = DemonstrationError("The recordings are being opened.", "Wait a moment.")
    recorder = now.recorder or {}
    take = {verb: shut or recorder.get(verb.removeprefix("record-")) for verb in RECORDS}
    edit = shut or _not_at_rest(snapshot, now)
    undo = None if now.undo else DemonstrationError("There is no edit that could be undone.")
    # Setting the scene up would end a take that is being recorded.
    replay = _recorded(now) or cannot_replay(snapshot, now.replaying)
    return {**take, **dict.fromkeys(EDITS, edit), "demo-undo": edit or undo, "demo-replay": replay}


def cannot_replay(snapshot: EpisodeSnapshot, replaying: bool) -> DemonstrationError | None:
    """Why no replay can begin now. What can only be looked at can be replayed too."""
    if snapshot.state.busy or replaying:
        return DemonstrationError("The arm has something to do already.", "Wait until it rests, or press Stop.")
    return None


def as_sentences(objections: Objections) -> Preconditions:
    """The table as the pages are told it."""
    return {verb: None if error is None else str(error).strip() for verb, error in objections.items()}


def _not_at_rest(snapshot: EpisodeSnapshot, now: Demonstrations) -> DemonstrationError | None:
    if snapshot.state.in_motion:
        return DemonstrationError("The arm is moving.", "Wait until it rests, then try again.")
    return _recorded(now)


def _recorded(now: Demonstrations) -> DemonstrationError | None:
    return DemonstrationError("A take is being recorded.", "End it first.") if now.is_recording else None
