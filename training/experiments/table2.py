"""The paper's ablation, table 2, in the tabletop world: `python -m training.table2 --data data/mini`.

Every row is a planner trained with parts left out, for the same CPU time on the same demonstrations, and a fine
predictor that saw the same number of samples. Nothing is pretrained here: row 5, "without pretrained encoder",
replaces the 3D-aware representation by a plain convolutional encoder. An episode counts as solved when its goal holds
at its end, whether the planner knows that it is done (rows 4 to 6) or the episode ends as soon as the goal holds
(rows 1 to 3, which are not told the last step), as in GemBench. Cut and run again, it goes on where it was.
"""

from __future__ import annotations

import argparse
import datetime
import json
from dataclasses import dataclass
from pathlib import Path

from clap.policies.checkpoint import PLANNER, PREDICTOR
from clap.program_name import program_name
from clap.worlds.tabletop.tasks import task_infos
from training.evaluation.rates import wilson
from training.experiments.mini import Command, assemble, command, run_together


@dataclass(frozen=True)
class Row:
    """One line of the table: the planner's switches (as ``train_planner`` names them) and the predictor's encoder."""

    title: str
    planner: tuple[str, ...] = ()
    encoder: str = "clap"

    @property
    def planner_name(self) -> str:
        """Rows with the same switches share their planner."""
        return "planner" + "".join(f"_{option.removeprefix('--no-')}" for option in self.planner)


_NO_PLAN, _NO_OBJECTS = ("--no-plan-data", "--no-reason-plan"), ("--no-object-data",)
ROWS = {
    1: Row("base", (*_NO_PLAN, *_NO_OBJECTS, "--no-reason-objects", "--no-last-step")),
    2: Row("reason objects", (*_NO_PLAN, *_NO_OBJECTS, "--no-last-step")),
    3: Row("language plans, reason plan", (*_NO_OBJECTS, "--no-reason-objects", "--no-last-step")),
    4: Row("+ reason objects, last step", _NO_OBJECTS),
    5: Row("+ object data, plain encoder", (), "plain"),
    6: Row("CLAP (all)"),
}

FIRST_SEED = 30_000

NOTES = {
    1: "Rows 1 to 3 are not told the last step, and their episodes end as soon as the goal holds. Rows 1 and 2 have no "
    "round one: round two is given the instruction.",
    4: "Rows 1 to 4 learn from the four tasks' demonstrations alone where things are, and their planners are not asked "
    "what is on the table.",
    5: "Row 5 shares row 6's planner. Nothing is pretrained here: it replaces the 3D-aware representation by plain "
    "convolutions.",
}
"""What a reader of the rows has to know besides."""


def training_commands(args: argparse.Namespace) -> list[Command]:
    """One command for every planner and predictor that the rows need and that is not finished."""
    rows = [ROWS[number] for number in args.rows]
    shared = ["--data", args.data, "--seed", args.seed, "--resume"]
    if args.validation:
        shared += ["--validation", args.validation]
    found = []
    for name, switches in {row.planner_name: row.planner for row in rows}.items():
        if not (args.run / name / "training_record.json").exists():
            budget = ["--minutes", args.planner_minutes, *switches]
            found.append(command("planner.train", "--out", args.run / name, *budget, *shared))
    for encoder in {row.encoder: None for row in rows}:
        if not (args.run / encoder / "evaluation.json").exists():
            budget = ["--samples", args.predictor_samples, "--encoder", encoder]
            found.append(command("predictor.train", "--out", args.run / encoder, *budget, *shared))
    return found


def evaluate_row(number: int, args: argparse.Namespace) -> Path:
    """Put a row's parts together and run its episodes; the file of their records."""
    row, parts = ROWS[number], args.run / f"row-{number}-parts"
    parts.mkdir(parents=True, exist_ok=True)
    for part, folder in ((PLANNER, row.planner_name), (PREDICTOR, row.encoder)):
        link = parts / part
        if not link.exists():
            link.symlink_to((args.run / folder).resolve(), target_is_directory=True)
    checkpoint = args.run / f"row-{number}"
    assemble(parts, checkpoint, [])
    results = args.run / f"row-{number}.json"
    options = ["--checkpoint", checkpoint, "--conditions", "all", "--episodes", args.episodes]
    options += ["--first-seed", args.first_seed, "--workers", args.workers, "--out", results]
    run_together([command("evaluate", *options)])
    return results.with_suffix(".jsonl")


def markdown(results: dict[int, Path], args: argparse.Namespace) -> str:
    """The table, with Wilson's 95 % intervals."""
    trained = {info.key for info in task_infos() if info.trained}
    lines = ["| row | planner and predictor | trained tasks | never trained | all |", "|---|---|---|---|---|"]
    for number, path in sorted(results.items()):
        records = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        groups = [
            [record for record in records if record["task"] in trained],
            [record for record in records if record["task"] not in trained],
            records,
        ]
        lines.append(f"| {number} | {ROWS[number].title} | " + " | ".join(map(_rate, groups)) + " |")
    lines += ["", " ".join(NOTES[number] for number in sorted(results) if number in NOTES)]
    places = "".join(f" --{name} {getattr(args, name)}" for name in ("data", "validation") if getattr(args, name))
    some = "" if sorted(results) == list(ROWS) else " --rows " + " ".join(map(str, sorted(results)))
    first = "" if args.first_seed == FIRST_SEED else f" --first-seed {args.first_seed}"
    lines += [
        "",
        f"{datetime.date.today().isoformat()}: {args.planner_minutes:g} CPU minutes for each planner, "
        f"{args.predictor_samples:,} samples for each predictor, seed {args.seed}; {args.episodes} episodes of each "
        f"task in each of four conditions, from seed {args.first_seed} on. Goal reached, with Wilson 95 % intervals.",
        "",
        f"`python -m training.table2{places}{some} --planner-minutes {args.planner_minutes:g} --predictor-samples "
        f"{args.predictor_samples} --episodes {args.episodes}{first}`",
    ]
    return "\n".join(lines) + "\n"


def _rate(records: list[dict]) -> str:
    reached = sum(record["goal_holds"] for record in records)
    low, high = wilson(reached, len(records))
    share = 100 * reached / len(records)
    return f"{reached}/{len(records)} = {share:.0f} % ({100 * low:.0f} to {100 * high:.0f})"


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    out = argparse.ArgumentParser(
        prog=program_name(), description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    out.add_argument("--data", type=Path, default=Path("data/mini"))
    out.add_argument("--validation", type=Path)
    out.add_argument("--run", type=Path, default=Path("runs/table2"))
    out.add_argument("--out", type=Path, default=Path("docs/table2.md"))
    out.add_argument("--rows", type=int, nargs="+", choices=list(ROWS), default=list(ROWS))
    out.add_argument("--planner-minutes", type=float, default=20, help="CPU time for each planner")
    out.add_argument("--predictor-samples", type=int, default=24_000)
    out.add_argument("--episodes", type=int, default=5, help="for each task and condition")
    out.add_argument("--first-seed", type=int, default=FIRST_SEED)
    out.add_argument("--workers", type=int, default=2, help="trainings, or processes of an evaluation, at a time")
    out.add_argument("--seed", type=int, default=0)
    return out


def main() -> None:
    args = parser().parse_args()
    todo = training_commands(args)
    for k in range(0, len(todo), args.workers):
        run_together(todo[k : k + args.workers])
    results = {number: evaluate_row(number, args) for number in args.rows}
    text = markdown(results, args)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(text, "utf-8")
    print(text)


if __name__ == "__main__":
    main()
