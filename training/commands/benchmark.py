"""CPU time of what the console does at every step, beside other implementations: `python -m training.benchmark`.

A section is a module of ``training.benchmarks`` with ``rows(settings) -> list[Row]``; list it in ``SECTIONS``.
`python -m training.benchmark console` is apart: the figures of the real page in a browser, with options of their own.
"""

from __future__ import annotations

import argparse
import datetime
import importlib
import os
import platform
import sys

from clap.program_name import program_name
from training.benchmarks.measure import SectionUnavailable, Settings, table

SECTIONS = {
    "observation": "One observation with its three views",
    "projection": "262,144 points into three views",
    "decision": "One CLAP decision: both rounds and the fine stage",
    "demonstrations": "Recording a demonstration of four cameras and committing it",
}


def main(arguments: list[str] | None = None) -> int:
    """Print the table of each section asked for; 1 if one of them cannot run."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments[:1] == ["console"]:
        return importlib.import_module("training.benchmarks.console.command").main(arguments[1:])
    parser = argparse.ArgumentParser(prog=program_name(), description=__doc__.splitlines()[0])
    parser.add_argument("sections", nargs="*", metavar="section", help=f"of {', '.join(SECTIONS)}; all if left out")
    parser.add_argument("--repeats", type=int, default=15, help="timed repetitions, whose median counts (15)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the scene (0)")
    parser.add_argument("--checkpoint", help="folder of the CLAP checkpoint to decide with (the shipped one)")
    options = parser.parse_args(arguments)
    unknown = sorted(set(options.sections) - set(SECTIONS))
    if unknown or options.repeats < 1:
        parser.error(f"no section {unknown[0]!r}; there are {', '.join(SECTIONS)}" if unknown else "--repeats is >= 1")
    # Before numpy, torch and Mesa are loaded: the sections import them.
    for variable in ("OMP_NUM_THREADS", "LP_NUM_THREADS"):
        os.environ.setdefault(variable, "1")
    settings = Settings(options.repeats, options.seed, options.checkpoint)
    print(
        f"{datetime.date.today()}, {platform.processor() or platform.machine()}, Python {platform.python_version()}, "
        f"{os.environ['OMP_NUM_THREADS']} thread, seed {settings.seed}, median of {settings.repeats}"
    )
    failed = False
    for name in options.sections or SECTIONS:
        print(f"\n{SECTIONS[name]}")
        try:
            print(table(importlib.import_module(f"training.benchmarks.{name}").rows(settings)))
        except SectionUnavailable as reason:
            failed = True
            print(f"  not measured: {reason}")
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main())
