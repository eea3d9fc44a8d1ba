"""The loop, measured: `python -m training.closed_loop --out runs/closed-loop`.

Finds a variation that the checkpoint fails (at most 30 % of some scenes), unless --cell names one; records ten takes
of it through the page, where an operator corrects every step; retrains; and evaluates the old and the new checkpoint
on unseen scenes of it and of all other tasks. The report (OUT/README.md, or --report) holds both tables and the
times. The command goes on where it was cut. It needs Playwright and Chromium (requirements-dev.txt).
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from clap.errors import ClapError
from clap.policies.checkpoint import default_checkpoint
from clap.program_name import program_name
from demos.frames import Outcome
from demos.store.store import DemonstrationStore
from training.commands.retrain import main as retrain
from training.evaluation.summary import counted_text
from training.experiments.closed_loop.failing import FAILS_BELOW, every_variation, rates
from training.experiments.closed_loop.operator import record_takes
from training.experiments.closed_loop.report import loop_report
from training.retraining.run_folder import RunFolder

FIRST_TAKE, MOST_TRIES = 5_000, 40
SCAN_SEED, JUDGE_SEED = 25_000, 30_000
"""Scenes in which a variation is found failing, and others in which old and new are compared."""


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    out = argparse.ArgumentParser(
        prog=program_name(), description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    out.add_argument("--out", type=Path, required=True)
    out.add_argument("--report", type=Path, help="where the report goes (OUT/README.md)")
    out.add_argument("--checkpoint", type=Path, default=default_checkpoint())
    out.add_argument("--cell", help='what is to be learned, as "shape_in_sorter:1"; else what is found failing')
    out.add_argument("--tasks", default="", help="among which tasks to look for it, joined by commas; all if left out")
    out.add_argument("--scan-episodes", type=int, default=10)
    out.add_argument("--takes", type=int, default=10)
    out.add_argument("--method", choices=("full", "lora"), default="full")
    out.add_argument("--minutes", type=float, default=25.0, help="CPU time of each part; all must stay below 45")
    out.add_argument("--data", type=Path, default=Path("data/rehearsal"))
    out.add_argument("--episodes-new", type=int, default=40)
    out.add_argument("--episodes-old", type=int, default=20)
    out.add_argument("--workers", type=int, default=2)
    return out


def find(options: argparse.Namespace) -> str | None:
    """The first variation that fails; prints the rate of each that was tried."""
    options.out.mkdir(parents=True, exist_ok=True)
    cells = every_variation([task for task in options.tasks.split(",") if task])
    results = options.out / "scan.jsonl"
    found = rates(options.checkpoint, cells, options.scan_episodes, SCAN_SEED, options.workers, results)
    for cell, counted in found:
        print(f"{cell}: {counted_text(counted)}", flush=True)
        if counted["successes"] <= FAILS_BELOW * counted["episodes"]:
            return cell
    return None


def record(options: argparse.Namespace, cell: str) -> None:
    """Record takes until there are enough."""
    task, _, variation = cell.partition(":")
    recordings = options.out / "recordings"
    for first in range(FIRST_TAKE, FIRST_TAKE + MOST_TRIES, options.takes):
        missing = options.takes - takes_in(recordings)
        if missing <= 0:
            return
        seeds = range(first, first + missing)
        for sentence in record_takes(options.checkpoint, recordings, task, int(variation), seeds, options.out / "page"):
            print(sentence, flush=True)
    if takes_in(recordings) < options.takes:
        raise SystemExit(f"Only {takes_in(recordings)} takes of {options.takes} reached their goal.")


def takes_in(recordings: Path) -> int:
    """Takes that ended in success."""
    if not recordings.is_dir():
        return 0
    with DemonstrationStore.open(recordings, read_only=True) as store:
        return sum(record.labels.outcome is Outcome.SUCCESS for record in store.episodes())


def main(arguments: list[str] | None = None) -> int:
    """Returns the process's exit status."""
    options = parser().parse_args(arguments)
    try:
        cell = options.cell or find(options)
        if cell is None:
            print("The checkpoint fails no variation; name one by --cell, or look at more --tasks.", file=sys.stderr)
            return 1
        print(f"to be learned: {cell}", flush=True)
        record(options, cell)
        run = options.out / "retrained"
        begun = time.monotonic()
        status = retrain(_retrain_arguments(options, cell, run))
        print(f"retraining and evaluation: {(time.monotonic() - begun) / 60:.1f} min", flush=True)
    except ClapError as error:
        print(f"closed_loop: {error}", file=sys.stderr)
        return 1
    if status == 0:
        text = loop_report(RunFolder(run).comparison, options.out / "recordings", _command(options, cell))
        path = options.report or options.out / "README.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        print(text)
    return status


def _command(options: argparse.Namespace, cell: str) -> str:
    chosen = f"--cell {cell} --method {options.method} --minutes {options.minutes:g}"
    return f"python -m training.closed_loop {chosen} --out {os.path.relpath(options.out)}"


def _retrain_arguments(options: argparse.Namespace, cell: str, run: Path) -> list[str]:
    if (run / "settings.json").exists():
        return ["--out", str(run), "--resume"]
    chosen = {
        "out": run,
        "recordings": options.out / "recordings",
        "checkpoint": options.checkpoint,
        "method": options.method,
        "minutes": options.minutes,
        "data": options.data,
        "tasks": cell,
        "episodes-new": options.episodes_new,
        "episodes-old": options.episodes_old,
        "first-seed": JUDGE_SEED,
        "workers": options.workers,
    }
    return [text for name, value in chosen.items() for text in (f"--{name}", str(value))]


if __name__ == "__main__":
    raise SystemExit(main())
