"""What the planner makes of instructions that it has not seen: `python -m training.evaluate_planner --plans 1000`.

Round one answers drawn requests (training.data.language_plans), without robot or world: sentences as in training,
sentences held out of it, compositions of tasks held out, and requests that have to be refused. A plan counts
when it is right to the last word. Writes a table with Wilson's 95 % intervals.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import torch

from clap.errors import ClapError
from clap.policies.checkpoint import Checkpoint, open_checkpoint
from clap.policies.planner.local import CoarseTaskPlanner
from clap.program_name import program_name
from training.data.language_plans import SPLITS
from training.evaluation.rates import wilson
from training.planner.evaluation import count_plans

WHAT = {
    "train": "sentences as in training: exactly right",
    "phrasing": "held-out phrasings of known tasks: exactly right",
    "composition": "held-out compositions of tasks: exactly right",
    "impossible": "impossible requests, held-out phrasings: refused",
}
REASON = "impossible requests, held-out phrasings: refused for exactly the right reason"


@dataclass(frozen=True)
class Counted:
    """So many of ``total`` plans are as ``what`` says."""

    what: str
    right: int
    total: int

    def row(self) -> str:
        """A line of the table."""
        low, high = (100 * share for share in wilson(self.right, self.total))
        share = 100 * self.right / self.total
        return f"| {self.what} | {self.right}/{self.total} = {share:.1f} % ({low:.1f} to {high:.1f}) |"


def count(planner: CoarseTaskPlanner, plans: int, seed: int) -> list[Counted]:
    """``plans`` requests of each split, drawn with ``seed``."""
    out = []
    for split in SPLITS:
        exact, refused = count_plans(planner, split, plans, seed)
        if split == "impossible":
            out += [Counted(WHAT[split], refused, plans), Counted(REASON, exact, plans)]
        else:
            out.append(Counted(WHAT[split], exact, plans))
        print(*(counted.row() for counted in out[-1 - (split == "impossible") :]), sep="\n", flush=True)
    return out


def markdown(counted: list[Counted], checkpoint: Checkpoint, plans: int, seed: int) -> str:
    """The table, with the command that makes it."""
    lines = ["# The planner on language that it has not seen", "", "| requests | plans |", "|---|---|"]
    lines += [one.row() for one in counted]
    lines += [
        "",
        f"{checkpoint.name} {checkpoint.fingerprint()}, {date.today().isoformat()}, seed {seed}, with Wilson 95 % "
        "intervals. Tables, words and last steps are drawn at random; in 15 % of the requests nobody has looked at the "
        "table, and in 8 % a word is misspelt.",
        "",
        f"`python -m training.evaluate_planner --plans {plans} --seed {seed}`",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog=program_name(), description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--checkpoint", type=Path, help="folder of a CLAP checkpoint (default: the shipped clap-mini)")
    parser.add_argument("--plans", type=int, default=1000, help="requests of each kind (1000, some minutes)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("docs/evaluation/planner.md"))
    options = parser.parse_args()
    if options.plans < 1:
        parser.error("--plans must be at least 1")
    torch.set_num_threads(1)
    try:
        checkpoint = open_checkpoint(options.checkpoint)
        planner = CoarseTaskPlanner.load(checkpoint.planner)
    except ClapError as error:
        raise SystemExit(str(error)) from None
    counted = count(planner, options.plans, options.seed)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(markdown(counted, checkpoint, options.plans, options.seed), "utf-8")


if __name__ == "__main__":
    main()
