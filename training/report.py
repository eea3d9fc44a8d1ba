"""The report of one or several evaluations: `python -m training.report runs/clap.json --out docs/evaluation`.

Writes index.html, README.md and strips/ into the folder. A run is FILE.json or LABEL=FILE.json, as
`python -m training.evaluate` wrote it; film strips are taken from the folder beside it.
"""

from __future__ import annotations

import argparse
import shlex
import shutil
import sys
from pathlib import Path

from clap.failures import ClapError
from training.evaluation.html_report import html_report
from training.evaluation.markdown_report import markdown_report
from training.evaluation.reported_run import ReportedRun, choose_films, strip_file

FILMS_PER_CELL = 3
FILM_BYTES = 2_400_000
"""Film strips of all runs together: with them the report stays below 3 MB."""


def write_report(runs: list[ReportedRun], out: Path, command: str) -> None:
    """Write index.html, README.md and the film strips; those of an earlier report in ``out`` are removed."""
    folder = out / "strips"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    films = []
    for run, record in choose_films(runs, FILMS_PER_CELL, FILM_BYTES):
        source = strip_file(run, record)
        name = f"{runs.index(run)}-{source.name}"
        shutil.copyfile(source, folder / name)
        films.append((run, record, f"{folder.name}/{name}"))
    (out / "index.html").write_text(html_report(runs, films, command), "utf-8")
    (out / "README.md").write_text(markdown_report(runs, films, command), "utf-8")


def main(arguments: list[str] | None = None) -> int:
    """Returns the process's exit status."""
    arguments = sys.argv[1:] if arguments is None else arguments
    parser = argparse.ArgumentParser(prog="python -m training.report", description=__doc__.splitlines()[0])
    parser.add_argument("run", metavar="[LABEL=]FILE.json", help="the run that the report is about")
    parser.add_argument("--compare", nargs="+", default=[], metavar="[LABEL=]FILE.json", help="runs to set beside it")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="the folder of the report")
    options = parser.parse_args(arguments)
    try:
        runs = [ReportedRun.load(text) for text in (options.run, *options.compare)]
    except ClapError as error:
        print(f"report: {error}", file=sys.stderr)
        return 2
    write_report(runs, options.out, "python -m training.report " + shlex.join(arguments))
    print(f"The report is in {options.out}.")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
