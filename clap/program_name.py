"""What a command calls itself in its help."""

from __future__ import annotations

import sys
from pathlib import Path

SCRIPT = "clap"
"""The console script, which puts the words that chose a command into ``sys.argv[0]``: "clap train mini"."""


def program_name() -> str:
    """As the command was started: "clap evaluate", "python -m training.evaluate", or "app.py"."""
    spec = sys.modules["__main__"].__spec__
    if spec is None or sys.argv[0].startswith(f"{SCRIPT} "):
        return Path(sys.argv[0]).name
    return f"python -m {spec.name.removesuffix('.__main__')}"
