"""Everything from nothing to clap-mini: data, both trainings, the evaluation: `python -m training.mini`.

Stages run one after the other, each in processes of its own, and each can be cut and resumed: a shard that exists is
not made again, trainings go on from their last checkpoint with `--resume`, evaluation skips finished episodes. On two
cores the planner and the predictor train side by side, one core each.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

from clap.policies.checkpoint import CURVES, EVALUATION, PLANNER, PREDICTOR, RECORD, default_checkpoint
from clap.program_name import program_name
from training.evaluation.training_curves import curves_of, curves_text

Command = list[str]

PLANNER_MINUTES, PREDICTOR_SAMPLES = 130, 110_000
"""What the shipped clap-mini was trained with: CPU minutes, and samples, which took another 73 CPU minutes."""

VALIDATION = (
    *("--scenes", 2, "--tasks", "all", "--first-demo", 9000, "--demos", 4, "--copies", 1),
    *("--conditions", "none", "table colour", "distractors", "light strength"),
)
VALIDATION_SHARDS = 128
"""128 demonstrations that no training sees: four of each task in each condition, two per other shard."""

EVALUATION_SEED = 20_000
"""Seeds from 10,000 to 10,024 guided the grammar of round two; the figures are taken from here on."""


def command(name: str, *arguments: object) -> Command:
    """A module of training as a command of this Python."""
    return [sys.executable, "-m", f"training.{name}", *(str(argument) for argument in arguments)]


def run_together(commands: list[Command]) -> None:
    """Run commands side by side; when one fails, stop the others and exit with its status."""
    running = [subprocess.Popen(command) for command in commands]
    try:
        alive = True
        while alive:
            time.sleep(0.2)
            alive = any(process.poll() is None for process in running)
            for process, command in zip(running, commands, strict=True):
                if process.poll():
                    raise SystemExit(f"`{' '.join(command[1:])}` ended with status {process.returncode}; see above.")
    finally:
        for process in running:
            if process.poll() is None:
                process.terminate()


def assemble(run: Path, target: Path, commands: list[Command]) -> None:
    """Put the two trained models and their records together into a checkpoint folder, with the curves of their logs.

    The folder is made beside the target and swapped in at the end, so that a cut leaves the old checkpoint whole.
    """
    part = target.with_name(target.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    exported = {PLANNER: run / PLANNER, PREDICTOR: run / PREDICTOR / "predictor"}
    for name, folder in exported.items():
        shutil.copytree(folder, part / name, ignore=shutil.ignore_patterns("*.pt", "*.jsonl", "training_record.json"))
    record: dict[str, object] = {"date": date.today().isoformat()}
    record["commands"] = [" ".join(["python", *command[1:]]) for command in commands]
    record[PLANNER] = json.loads((run / PLANNER / "training_record.json").read_text("utf-8"))
    record[PREDICTOR] = json.loads((run / PREDICTOR / "evaluation.json").read_text("utf-8"))
    (part / RECORD).write_text(json.dumps(record, indent=2) + "\n", "utf-8")
    if curves := curves_of(run):
        (part / CURVES).write_text(curves_text(curves), "utf-8")
    shutil.rmtree(target, ignore_errors=True)
    part.rename(target)


def data_commands(args: argparse.Namespace) -> list[Command]:
    """Training data of ``--demos`` demonstrations per task, and a validation set of others, of every task and
    condition, each in as many processes as there are workers."""
    kinds = {
        args.data: ["--shards", args.shards, "--demos", args.demos],
        validation_folder(args): [*VALIDATION, "--shards", min(args.shards, VALIDATION_SHARDS)],
    }
    return [
        command("data.generate", "--out", out, "--seed", args.seed, *options, "--worker", f"{k}/{args.workers}")
        for out, options in kinds.items()
        for k in range(args.workers)
    ]


def training_commands(args: argparse.Namespace) -> list[Command]:
    """The two trainings, which run side by side."""
    options = ["--data", args.data, "--validation", validation_folder(args), "--threads", 1, "--seed", args.seed]
    options += ["--resume"] if args.resume else []
    return [
        command("planner.train", "--out", args.run / PLANNER, "--minutes", args.planner_minutes, *options),
        command("predictor.train", "--out", args.run / PREDICTOR, "--samples", args.predictor_samples, *options),
    ]


def evaluation_command(args: argparse.Namespace, results: Path) -> Command:
    """The episodes of the new checkpoint. The result tells its command: it names no folder of this machine."""
    options: list[object] = [] if args.out == default_checkpoint() else ["--checkpoint", args.out]
    options += ["--conditions", "all", "--episodes", args.episodes, "--seeds", args.seeds]
    options += ["--first-seed", EVALUATION_SEED, "--workers", args.workers, "--out", results]
    return command("evaluate", *options)


def validation_folder(args: argparse.Namespace) -> Path:
    """Beside the training data."""
    return args.data.with_name(args.data.name + "-validation")


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    out = argparse.ArgumentParser(
        prog=program_name(), description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    out.add_argument("--data", type=Path, default=Path("data/mini"))
    out.add_argument("--run", type=Path, default=Path("runs/mini"))
    out.add_argument("--out", type=Path, default=default_checkpoint(), help="the checkpoint folder to write")
    out.add_argument("--shards", type=int, default=128)
    out.add_argument("--demos", type=int, default=10, help="demonstrations per training task")
    out.add_argument("--planner-minutes", type=float, default=PLANNER_MINUTES, help="CPU time")
    out.add_argument("--predictor-samples", type=int, default=PREDICTOR_SAMPLES)
    out.add_argument("--episodes", type=int, default=20, help="of the evaluation, per task, condition and seed")
    out.add_argument("--seeds", type=int, default=3, help="of the evaluation")
    out.add_argument("--workers", type=int, default=2, help="processes for data and evaluation")
    out.add_argument("--seed", type=int, default=0)
    out.add_argument("--resume", action="store_true", help="go on with the trainings that are there")
    return out


def main() -> None:
    args = parser().parse_args()
    data, train = data_commands(args), training_commands(args)
    for k in range(0, len(data), args.workers):
        run_together(data[k : k + args.workers])
    run_together(train)
    assemble(args.run, args.out, [*data, *train])
    results = args.run / EVALUATION
    run_together([evaluation_command(args, results)])
    shutil.copy2(results, args.out / EVALUATION)
    print(f"clap-mini is in {args.out}.", flush=True)


if __name__ == "__main__":
    main()
