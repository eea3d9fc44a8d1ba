"""Success rates of a policy on unseen seeds: `python -m training.evaluate --policy clap --tasks all --out FILE.json`.

Every finished episode is a line of FILE.jsonl, and one that failed leaves a film strip in FILE.strips/; a second call
with the same arguments resumes after the last one, and FILE.json holds the summary. Table 3 in full is
`--conditions all --episodes 20 --seeds 3`. Seeds below 10000 are those of the training demonstrations.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

from clap.errors import ClapError, WorldError
from clap.policies.checkpoint import open_checkpoint
from clap.policies.planner.remote import remote_planner
from clap.program_name import program_name
from clap.worlds.base import TaskInfo
from clap.worlds.tabletop.tasks import CONDITIONS, task_infos
from training.baselines.rvt2_policy import PRETRAINED
from training.evaluation.episode_job import POLICIES, SENTENCE_POLICIES, Finished, Job
from training.evaluation.jobs import fingerprint
from training.evaluation.results import evaluate
from training.evaluation.runners import LOCAL_RAY, THREAD_VARIABLES, run_jobs, run_jobs_on_ray
from training.evaluation.summary import markdown, summary

FIRST_UNSEEN_SEED = 10_000
"""Demonstrations for training are drawn from smaller seeds."""

BLOCK_STRIDE = 1_000
"""Distance of the first seeds of two blocks: independent draws of the episodes, the paper's "3 seeds"."""


def choose_tasks(text: str, tasks: tuple[TaskInfo, ...]) -> list[str]:
    """Keys of "all", "trained", "untrained", or of a list of keys. Raises WorldError for one that does not exist."""
    if text in ("all", "trained", "untrained"):
        return [task.key for task in tasks if text == "all" or task.trained is (text == "trained")]
    return _known(text, [task.key for task in tasks], "task")


def choose_conditions(text: str, conditions: tuple[str, ...]) -> list[str]:
    """ "all" or a list of conditions. Raises WorldError for one that does not exist."""
    return list(conditions) if text == "all" else _known(text, list(conditions), "condition")


def _known(text: str, known: list[str], what: str) -> list[str]:
    chosen = [part.strip() for part in text.split(",") if part.strip()]
    for part in chosen:
        if part not in known:
            raise WorldError(f'There is no {what} "{part}". There are: {", ".join(known)}.')
    return chosen


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    out = argparse.ArgumentParser(prog=program_name(), description=__doc__.splitlines()[0])
    out.add_argument("--policy", choices=POLICIES, default="clap")
    out.add_argument("--checkpoint", metavar="DIR", help="the policy's weights (those that are shipped)")
    out.add_argument("--planner-url", metavar="URL", help="an OpenAI-compatible server that answers for clap's planner")
    out.add_argument("--planner-model", metavar="NAME", help="which of the server's models; else the only one")
    out.add_argument("--cameras", choices=("four", "single"), default="four", help="single: one noisy D435i (four)")
    out.add_argument("--correction", choices=("on", "off"), default="on", help="check each step, repair failures (on)")
    out.add_argument("--tasks", default="all", help='"all", "trained", "untrained", or keys joined by commas')
    out.add_argument("--conditions", default="none", help='"all", or conditions joined by commas')
    out.add_argument("--episodes", type=int, default=20, help="episodes for each task, condition and block (20)")
    out.add_argument("--seeds", type=int, default=1, metavar="BLOCKS", help="blocks of seeds, 1000 apart (1)")
    out.add_argument("--first-seed", type=int, default=FIRST_UNSEEN_SEED, help=f"({FIRST_UNSEEN_SEED})")
    out.add_argument("--workers", type=int, default=1, help="processes, each with a world of its own (1)")
    out.add_argument(
        "--ray",
        nargs="?",
        const=LOCAL_RAY,
        metavar="ADDRESS",
        help="run the episodes on Ray: on this machine with --workers cores, or on the cluster at ADDRESS",
    )
    out.add_argument("--out", type=Path, required=True, metavar="FILE.json", help="where the summary goes")
    return out


def _checked(options: argparse.Namespace) -> None:
    """Ends the process with a usage message if a number makes no sense."""
    if min(options.episodes, options.workers, options.seeds) < 1 or options.first_seed < 0:
        parser().error("--episodes, --seeds and --workers must be at least 1, --first-seed at least 0")
    if options.seeds > 1 and options.episodes > BLOCK_STRIDE:
        parser().error(f"blocks of more than {BLOCK_STRIDE} episodes would overlap; lower --episodes or --seeds")
    if options.planner_url and options.policy != "clap":
        parser().error(f"--planner-url serves the policy clap alone; {options.policy} has no planner")
    if options.planner_model and not options.planner_url:
        parser().error("--planner-model needs --planner-url")
    if options.out.suffix != ".json":
        parser().error(f"--out must end in .json, got {options.out}")


def make_jobs(options: argparse.Namespace, tasks: list[str], conditions: list[str]) -> list[Job]:
    """The episodes of a command, block by block, so that a part that is cut off covers every cell.

    Raises CheckpointError if the policy's weights are missing, PlannerServerError if a server cannot be used.
    """
    folder = options.checkpoint or ""
    if options.policy == "clap":
        folder = str(open_checkpoint(options.checkpoint).folder)
    elif options.policy == "rvt2":
        folder = folder or str(PRETRAINED)
    url, served = options.planner_url or "", ""
    if url:
        served = remote_planner(url, options.planner_model).model
    model = fingerprint(options.policy, folder, served)
    # A policy that follows no last step cannot be sent back to one.
    correction = "off" if options.policy in SENTENCE_POLICIES else options.correction
    firsts = [options.first_seed + BLOCK_STRIDE * block for block in range(options.seeds)]
    return [
        Job(options.policy, folder, model, options.cameras, correction, task, condition, seed, url, served)
        for first, condition, task in itertools.product(firsts, conditions, tasks)
        for seed in range(first, first + options.episodes)
    ]


def main(arguments: list[str] | None = None) -> int:
    """Evaluate, print the table, and write the summary. Returns the process's exit status."""
    arguments = sys.argv[1:] if arguments is None else arguments
    options = parser().parse_args(arguments)
    _checked(options)
    for variable in THREAD_VARIABLES:
        os.environ.setdefault(variable, "1")

    def run(jobs: list[Job]) -> Iterator[Finished]:
        if options.ray:
            return run_jobs_on_ray(jobs, options.ray, options.workers)
        return run_jobs(jobs, min(options.workers, len(jobs)))

    try:
        infos = task_infos()
        tasks = choose_tasks(options.tasks, infos)
        jobs = make_jobs(options, tasks, choose_conditions(options.conditions, CONDITIONS))
        records = evaluate(jobs, options.out.with_suffix(".jsonl"), run)
    except ClapError as error:
        print(f"evaluate: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("evaluate: interrupted; the same command resumes", file=sys.stderr)
        return 130
    command = "python -m training.evaluate " + shlex.join(arguments)
    result = summary(records, {info.key: info for info in infos}, command)
    options.out.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    print(markdown(result))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
