"""``python -m demos FOLDER COMMAND``: look at a set of demonstrations, check it, and carry it in and out.

    python -m demos FOLDER list
    python -m demos FOLDER check [--deep]
    python -m demos FOLDER import SOURCE [--task TEXT] [--camera NAME ...]
    python -m demos FOLDER export TARGET [EPISODE ...] [--language]
    python -m demos FOLDER push OWNER/NAME [EPISODE ...] [--dry-run] [--public] [--licence NAME] [--language]

SOURCE is a LeRobot v3 set with depth, or a folder of GemBench keysteps or of RLBench's stored demonstrations.
Without episodes, all are meant. ``push`` takes its token from the environment, HF_TOKEN.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from clap.program_name import program_name
from demos.errors import DemonstrationError
from demos.formats.hub import push_to_hub
from demos.formats.import_any import import_any
from demos.formats.lerobot.export import export_lerobot
from demos.store.episode_record import EpisodeRecord
from demos.store.store import DemonstrationStore


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; 0 if all went well, 1 with a sentence if not, or if the check found something."""
    given = _parser().parse_args(arguments)
    try:
        if given.command != "import" and not given.folder.is_dir():
            raise DemonstrationError(f"There is no folder {given.folder}.", "Name the folder of a set.")
        looks = given.command != "import"
        deep = given.command == "check" and given.deep
        with DemonstrationStore.open(given.folder, read_only=looks, deep_check=deep) as store:
            return _run(store, given)
    except DemonstrationError as error:
        print(error, file=sys.stderr)
        return 1


def _run(store: DemonstrationStore, given: argparse.Namespace) -> int:
    if given.command == "list":
        _show(store.episodes())
    elif given.command == "check":
        for finding in store.report.findings:
            print(finding.sentence)
        print(f"{store.report.episodes} episodes open, {store.report.unfinished} takes are unfinished.")
        return 0 if store.report.clean else 1
    elif given.command == "import":
        if not given.source.is_dir():
            raise DemonstrationError(f"There is no folder {given.source}.", "Name the folder to be imported.")
        _show(import_any(store, given.source, given.task, given.camera))
    else:
        chosen = given.episodes or [record.id for record in store.episodes()]
        if given.command == "export":
            _show(export_lerobot(store, chosen, given.target, language=given.language))
        else:
            _push(store, chosen, given)
    return 0


def _push(store: DemonstrationStore, chosen: list[str], given: argparse.Namespace) -> None:
    upload = push_to_hub(
        store,
        given.repo_id,
        chosen,
        licence=given.licence,
        language=given.language,
        private=not given.public,
        dry_run=given.dry_run,
    )
    if upload.url is None:
        print(upload.card)
    for file in upload.files:
        print(f"{file.size:12,d}  {file.path}")
    print(f"{upload.size:12,d}  bytes {'would go' if upload.url is None else 'went'} to {upload.url or upload.repo_id}")


def _show(records: Sequence[EpisodeRecord]) -> None:
    for record in records:
        labels = record.labels
        print(f"{record.id}  {record.length:5d} frames  {labels.outcome.value:8s} {labels.source:7s} {record.task}")
    print(f"{len(records)} episodes, {sum(record.size for record in records):,d} bytes")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=program_name(), description="Sets of demonstrations, from the shell.")
    parser.add_argument("folder", type=Path, help="the set's folder")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="the episodes, one a line")
    check = commands.add_parser("check", help="what a crash or a damaged disk has left; nothing is changed")
    check.add_argument("--deep", action="store_true", help="compare all checksums, which reads all files")
    take = commands.add_parser("import", help="a LeRobot set with depth, GemBench keysteps, demos of RLBench")
    take.add_argument("source", type=Path, metavar="SOURCE")
    take.add_argument("--task", default="", metavar="TEXT", help="the instruction of keysteps, which hold none")
    take.add_argument("--camera", action="append", metavar="NAME", help="only this of a LeRobot set; may be repeated")
    export = commands.add_parser("export", help="write episodes as a LeRobot v3 set")
    export.add_argument("target", type=Path, metavar="TARGET", help="a folder that is empty or does not exist")
    push = commands.add_parser("push", help="publish episodes on the Hugging Face Hub, with a card")
    push.add_argument("repo_id", metavar="OWNER/NAME")
    push.add_argument("--dry-run", action="store_true", help="print the card and the files, and send nothing")
    push.add_argument("--public", action="store_true", help="for everyone to see; private otherwise")
    push.add_argument("--licence", metavar="NAME", help="the Hub's name of a licence, such as cc-by-4.0")
    for command in (export, push):
        command.add_argument("episodes", nargs="*", metavar="EPISODE", help="their ids; all if there are none")
        command.add_argument("--language", action="store_true", help="add the columns that LeRobot 0.6 reads")
    return parser


if __name__ == "__main__":
    sys.exit(main())
