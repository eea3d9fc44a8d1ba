"""The planner's rounds as onlookers see them: the text while it is written, and what the look found."""

from __future__ import annotations

import time
from types import MappingProxyType

from clap.episode.events import Looked, TextWritten
from clap.episode.worker import Worker
from clap.policies.base import OnText
from clap.rollout.rollout import Rollout


def name_what_is_there(worker: Worker, rollout: Rollout) -> None:
    """Round zero, unless the instruction's look has been taken."""
    if rollout.has_looked:
        return
    begun = time.perf_counter()
    seen = rollout.look(writer(worker, "look"))
    worker.note_seconds(look=time.perf_counter() - begun)
    worker.note(seen=seen)
    if seen is not None:
        worker.tell(Looked, seen=seen)


def writer(worker: Worker, name: str) -> OnText:
    """Publishes a round's text as it is written."""

    def write(text: str) -> None:
        texts = worker.board.snapshot.round_texts
        worker.note(round_texts=MappingProxyType({**texts, name: text}))
        worker.tell(TextWritten, round=name, text=text)

    return write
