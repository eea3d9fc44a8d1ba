"""One episode of an evaluation: what it is, and what its record is known by."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

POLICIES = ("clap", "expert", "rvt2")
SENTENCE_POLICIES = ("rvt2",)
"""Policies that know the whole task's sentence alone: they make no plan of steps that could be judged."""

Key = tuple[Any, ...]


@dataclass(frozen=True)
class Job:
    """One episode. ``model`` tells checkpoints apart: their fingerprint, or "" for a policy without weights.

    ``correction``: "on" or "off", whether steps are checked and failures get remedies (``self_correction``).
    ``planner_url`` and ``planner_model``: an OpenAI-compatible server that answers for CLAP's planner ("": none does);
    its model's name is then part of ``model``, for one model is the same measurement wherever it is served.
    """

    policy: str
    checkpoint: str
    model: str
    cameras: str
    correction: str
    task: str
    condition: str
    seed: int
    planner_url: str = ""
    planner_model: str = ""

    @property
    def key(self) -> Key:
        """What makes two episodes the same measurement."""
        return tuple(getattr(self, field) for field in KEY_FIELDS)


_WHERE = ("checkpoint", "planner_url", "planner_model")
KEY_FIELDS = tuple(field.name for field in fields(Job) if field.name not in _WHERE)
RUN_FIELDS = tuple(field for field in KEY_FIELDS if field not in ("task", "condition", "seed"))
"""What the episodes of one evaluation have in common."""


def key_of(record: dict[str, Any]) -> Key:
    """The key of the job that a record came from. A record of an older form has none that a job could have."""
    return tuple(record.get(field) for field in KEY_FIELDS)


@dataclass(frozen=True)
class Finished:
    """An episode's record, and for one that failed its film strip as WebP."""

    record: dict[str, Any]
    strip: bytes | None = None
