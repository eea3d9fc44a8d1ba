"""An answer about demonstrations, light enough for the server to name it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

JSON = "application/json"


@dataclass(frozen=True)
class Answer:
    """``status`` as HTTP has it; ``body`` of the type ``media``. An error's body is JSON with a ``sentence``.

    ``version``: what it is about, in the version that never changes; empty where it may be another the next time.
    """

    status: int
    media: str
    body: bytes
    version: str = ""

    @staticmethod
    def of(content: Any, version: str = "") -> Answer:
        """Something as JSON."""
        return Answer(200, JSON, json.dumps(content, separators=(",", ":"), allow_nan=False).encode(), version)

    @staticmethod
    def error(status: int, sentence: str) -> Answer:
        """A sentence that says why there is nothing else."""
        return Answer(status, JSON, json.dumps({"sentence": sentence}).encode())
