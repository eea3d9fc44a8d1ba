"""A console of a test's own, in a process of its own."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from clap.policies.checkpoint import default_checkpoint

ROOT = Path(__file__).parents[2]
Started = tuple["subprocess.Popen[str]", str]
"""A console's process and its address."""

DEAD_MAN_S = 8
"""Taking a screenshot stops a page for longer than the console waits otherwise: drawing without a GPU is slow."""


def start(policy: str, *options: str, recordings: str = "off") -> Started:
    """Start one; the test is skipped where the policy "clap" has no checkpoint."""
    if policy == "clap" and not default_checkpoint().exists():
        pytest.skip("clap/pretrained/clap-mini is not there: run `make train-mini`")
    errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 (open as long as the console runs; a pipe nobody reads fills up)
    command = [sys.executable, "app.py", "--port", "0", "--policy", policy, "--dead-man", str(DEAD_MAN_S)]
    command += ["--recordings", recordings, *options]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if found := re.search(r"http://\S+", line):
            return process, found.group()
    errors.seek(0)
    raise AssertionError(f"the console did not start:\n{errors.read()}")


@contextmanager
def serving(policy: str, *options: str, recordings: str = "off") -> Iterator[Started]:
    """The same, which ends with the test."""
    process, url = start(policy, *options, recordings=recordings)
    try:
        yield process, url
    finally:
        end(process)


def end(process: subprocess.Popen[str]) -> None:
    """End a console, and wait until it has."""
    process.terminate()
    process.wait(30)
