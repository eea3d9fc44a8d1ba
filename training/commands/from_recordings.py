"""Recorded demonstrations as training data: `python -m training.from_recordings FOLDER --out data/recorded`.

FOLDER is a set of demonstrations, as the console records them or `python -m demos FOLDER import` brings them in. Each
episode that ended in success becomes a shard, in the format of training.data.generate; those that cannot be learned
from are named with the reason. Rendered are the moments after each keyframe, as all of the recording's cameras or some
of them saw them, as they were and turned and shifted; colours are varied when the shards are read.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from clap.errors import ClapError
from clap.program_name import program_name
from demos.store.store import DemonstrationStore
from training.data.recordings.export import Copies, export_training


def main(arguments: list[str] | None = None) -> int:
    """Returns the process's exit status."""
    parser = argparse.ArgumentParser(
        prog=program_name(), description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("recordings", type=Path, metavar="FOLDER", help="the set of demonstrations")
    parser.add_argument("--out", type=Path, required=True, help="folder of the shards")
    parser.add_argument("--episodes", help="their ids, joined by commas; all if left out")
    parser.add_argument("--copies", type=int, default=Copies.copies, help="renderings of every moment (%(default)s)")
    parser.add_argument("--moments", type=int, default=Copies.moments, help="moments of every step (%(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    if min(options.copies, options.moments) < 1:
        parser.error("--copies and --moments must be at least 1")
    if not options.recordings.is_dir():
        parser.error(f"there is no folder {options.recordings}")
    try:
        with DemonstrationStore.open(options.recordings, read_only=True) as store:
            chosen = options.episodes.split(",") if options.episodes else [record.id for record in store.episodes()]
            copies = Copies(options.copies, options.moments)
            export_training(store, chosen, options.out, copies, options.seed, lambda line: print(line, flush=True))
    except ClapError as error:
        print(f"from_recordings: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
