"""Put a trained RVT-2 baseline where the console and the evaluation find it.

    python -m training.baselines.export_rvt2 --run runs/rvt2

Takes the two branches that ``train_rvt2`` wrote into the run's folder, rounds their weights to float16 (half the size;
what is evaluated is what is shipped), and adds ``record.json``: what each branch saw, how long, and how well it does on
demonstrations held out.
"""

from __future__ import annotations

import argparse
import json
import shutil
from datetime import date
from pathlib import Path
from typing import Any

from clap.errors import CheckpointError, ClapError
from clap.policies.predictor.predictor import FineActionPredictor
from clap.program_name import program_name
from training.baselines.rvt2 import BRANCHES
from training.baselines.rvt2_policy import PRETRAINED

RECORD = "record.json"


def export(run: Path, out: Path) -> dict[str, Any]:
    """Write ``out`` anew from a finished run, beside it first, so that a cut leaves the old one whole; its record.

    Raises CheckpointError if a branch is missing or has not been trained to its end.
    """
    record: dict[str, Any] = {"date": date.today().isoformat()}
    record.update({branch: _end(run, branch) for branch in BRANCHES})
    part = out.with_name(out.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    for branch in BRANCHES:
        predictor = FineActionPredictor.load(run / branch)
        predictor.network.half()
        predictor.save(part / branch)
    (part / RECORD).write_text(json.dumps(record, indent=1) + "\n", "utf-8")
    shutil.rmtree(out, ignore_errors=True)
    part.rename(out)
    return record


def _end(run: Path, branch: str) -> dict[str, Any]:
    """The last line of a branch's log: progress, and the errors on what is held out."""
    log = run / f"{branch}-run" / "log.jsonl"
    lines = log.read_text("utf-8").splitlines() if log.exists() else []
    last = json.loads(lines[-1]) if lines else {}
    if last.pop("event", None) != "end":
        raise CheckpointError(
            f"The {branch} branch in {run} is not trained to its end.",
            f"Train it: python -m training.baselines.train_rvt2 --out {run} --branch {branch} --resume",
        )
    return last


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog=program_name(), description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--run", type=Path, required=True, help="folder that train_rvt2 wrote")
    parser.add_argument("--out", type=Path, default=PRETRAINED, help="where the console looks")
    options = parser.parse_args()
    try:
        print(json.dumps(export(options.run, options.out), indent=1))
    except ClapError as error:
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    main()
