"""The report of one or several evaluations: `python -m training.report runs/clap.json --out docs/evaluation`.

Writes index.html, README.md and runs/ into the folder. A run is FILE.json or LABEL=FILE.json, as
`python -m training.evaluate` wrote it; film strips are taken from the folder beside it. In runs/ every run lies as that
command wrote it, with the records and film strips of the failures that the report shows; the console reads it there.
"""

from __future__ import annotations

import argparse
import json
import re
import shlex
import shutil
import sys
from pathlib import Path

from clap.errors import ClapError
from clap.program_name import program_name
from training.evaluation.html_report import html_report
from training.evaluation.markdown_report import markdown_report
from training.evaluation.reported_run import ReportedRun, choose_filmstrips, strip_file
from training.evaluation.results import strip_name, strips_folder

RUNS = "runs"
FILMSTRIPS_PER_CELL = 3
FILMSTRIP_BYTES = 2_400_000
"""Film strips of all runs together: with them the report stays below 3 MB."""


def write_report(runs: list[ReportedRun], out: Path, command: str) -> None:
    """Write index.html, README.md and the runs; those of an earlier report in ``out`` are replaced."""
    folder, part = out / RUNS, out / f"{RUNS}.part"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    files = [part / name for name in file_names([run.label for run in runs])]
    for run, file in zip(runs, files, strict=True):
        file.write_text(json.dumps(run.summary, indent=1) + "\n", "utf-8")
    films = []
    for run, record in choose_filmstrips(runs, FILMSTRIPS_PER_CELL, FILMSTRIP_BYTES):
        file = files[runs.index(run)]
        strips = strips_folder(file)
        strips.mkdir(exist_ok=True)
        shutil.copyfile(strip_file(run, record), strips / strip_name(record))
        with file.with_suffix(".jsonl").open("a", encoding="utf-8") as records:
            records.write(json.dumps(record) + "\n")
        films.append((run, record, f"{folder.name}/{strips.name}/{strip_name(record)}"))
    shutil.rmtree(folder, ignore_errors=True)
    part.rename(folder)
    (out / "index.html").write_text(html_report(runs, films, command), "utf-8")
    (out / "README.md").write_text(markdown_report(runs, films, command), "utf-8")


def file_names(labels: list[str]) -> list[str]:
    """A file name for each label; a label that comes again gets a number."""
    words = [re.sub(r"[^a-z0-9]+", "-", label.lower()).strip("-") or "run" for label in labels]
    again = [words[:k].count(word) for k, word in enumerate(words)]
    return [f"{word}{f'-{k + 1}' if k else ''}.json" for word, k in zip(words, again, strict=True)]


def main(arguments: list[str] | None = None) -> int:
    """Returns the process's exit status."""
    arguments = sys.argv[1:] if arguments is None else arguments
    parser = argparse.ArgumentParser(prog=program_name(), description=__doc__.splitlines()[0])
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
