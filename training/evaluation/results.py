"""The results file, a line for each finished episode, and the folder of film strips beside it."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from training.evaluation.episode_job import Finished, Job, key_of

Run = Callable[[list[Job]], Iterator[Finished]]


def read_records(path: Path) -> list[dict[str, Any]]:
    """The records of a results file, [] if there is none; a last line that is cut short is left out."""
    content = path.read_bytes() if path.exists() else b""
    return [json.loads(line) for line in content[: content.rfind(b"\n") + 1].splitlines()]


def drop_cut_line(path: Path) -> None:
    """Remove what a kill left of a last line, so that more lines can follow."""
    content = path.read_bytes() if path.exists() else b""
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        os.truncate(path, whole)


def strips_folder(results: Path) -> Path:
    """Where the film strips of a results file are."""
    return results.with_suffix(".strips")


def strip_name(record: dict[str, Any]) -> str:
    """File name of an episode's film strip."""
    return "-".join(str(word).replace(" ", "_") for word in key_of(record) if word != "") + ".webp"


def evaluate(jobs: list[Job], results: Path, run: Run) -> list[dict[str, Any]]:
    """Run those jobs that the results file does not hold yet; the records of all of them, in the jobs' order."""
    drop_cut_line(results)
    keys = {job.key for job in jobs}
    found = {key_of(record): record for record in read_records(results) if key_of(record) in keys}
    todo = [job for job in jobs if job.key not in found]
    if found:
        print(f"{results}: {len(found)} of {len(jobs)} episodes are already there", file=sys.stderr)
    strips_folder(results).mkdir(parents=True, exist_ok=True)
    begun = time.monotonic()
    with results.open("a", encoding="utf-8") as file:
        for count, finished in enumerate(run(todo) if todo else (), start=1):
            record = finished.record
            if finished.strip is not None:
                (strips_folder(results) / strip_name(record)).write_bytes(finished.strip)
            file.write(json.dumps(record) + "\n")
            file.flush()
            found[key_of(record)] = record
            left = (time.monotonic() - begun) / count * (len(todo) - count)
            print(f"[{len(found)}/{len(jobs)}] {_line(record)}, about {_duration(left)} left", file=sys.stderr)
    return [found[job.key] for job in jobs]


def _line(record: dict[str, Any]) -> str:
    outcome = f"failed ({record['fault']['name']})" if record["fault"] else "success"
    where = f"{record['task']} / {record['condition']} / {record['seed']}"
    return f"{where}: {outcome} after {record['steps']} steps, {record['seconds']:.1f} s"


def _duration(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"
