"""Success rates of a policy on unseen seeds: `python -m training.evaluate --policy clap --tasks all --out FILE.json`.

Every finished episode is a line of FILE.jsonl; a second call with the same arguments resumes after the last one, and
FILE.json holds the summary. Seeds below 10000 are those of the training demonstrations.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import json
import multiprocessing
import os
import shlex
import sys
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from clap.checkpoint import open_checkpoint
from clap.failures import ClapError, WorldError
from clap.policy import Policy
from clap.rollout import run_unattended
from clap.worlds.world import TaskInfo, World
from training.evaluation_report import markdown, summary

FIRST_UNSEEN_SEED = 10_000
"""Demonstrations for training are drawn from smaller seeds."""


@dataclass(frozen=True)
class Job:
    """One episode. ``model`` tells checkpoints apart: their fingerprint, or "" for a policy without weights."""

    policy: str
    checkpoint: str
    model: str
    task: str
    condition: str
    seed: int

    @property
    def key(self) -> tuple[str, str, str, str, int]:
        """What makes two episodes the same measurement."""
        return self.policy, self.model, self.task, self.condition, self.seed


def run_job(job: Job) -> dict[str, Any]:
    """Run one episode in this process's world, and return its record."""
    world, policy = _stage(job.policy, job.checkpoint)
    begun = time.perf_counter()
    instruction = world.reset(job.task, job.seed, condition=job.condition)
    result = run_unattended(world, policy, instruction)
    return {
        **{field: value for field, value in asdict(job).items() if field != "checkpoint"},
        "instruction": instruction,
        "success": result.success,
        "goal_holds": result.goal_holds,
        "failure": None if result.failure is None else asdict(result.failure),
        "steps": result.steps_done,
        "log": [asdict(step) for step in result.log],
        "seconds": round(time.perf_counter() - begun, 3),
    }


@functools.lru_cache(maxsize=1)
def _stage(policy: str, checkpoint: str) -> tuple[World, Policy]:
    """The world and the policy of this process, made once: they take longer than an episode."""
    from clap.worlds.tabletop.expert import ExpertPolicy
    from clap.worlds.tabletop.world import TabletopWorld

    world = TabletopWorld()
    if policy == "expert":
        return world, ExpertPolicy(world)
    import torch

    from clap.clap_policy import ClapPolicy

    torch.set_num_threads(1)
    return world, ClapPolicy.load(checkpoint, world.workspace)


def run_jobs(jobs: list[Job], workers: int) -> Iterator[dict[str, Any]]:
    """Records in the order in which the episodes end. One worker runs in this very process."""
    if workers == 1:
        yield from map(run_job, jobs)
        return
    context = multiprocessing.get_context("spawn")  # OpenGL contexts and threads do not survive a fork
    pool = ProcessPoolExecutor(workers, context)
    try:
        waiting: set[Future[dict[str, Any]]] = {pool.submit(run_job, job) for job in jobs}
        while waiting:
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            yield from (future.result() for future in done)
    finally:
        # After an error or Ctrl-C the episodes under way end, the others never begin.
        pool.shutdown(cancel_futures=True)


def read_records(path: Path) -> list[dict[str, Any]]:
    """The records of a results file. A last line that a kill cut short is removed from the file."""
    if not path.exists():
        return []
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if len(whole) < len(content):
        path.write_bytes(whole)
    return [json.loads(line) for line in whole.splitlines()]


def choose_tasks(text: str, tasks: tuple[TaskInfo, ...]) -> list[str]:
    """Keys of "all", "trained", or of a list of keys. Raises WorldError for one that does not exist."""
    if text in ("all", "trained"):
        return [task.key for task in tasks if text == "all" or task.trained]
    return _known(text, [task.key for task in tasks], "task")


def _known(text: str, known: list[str], what: str) -> list[str]:
    chosen = [part.strip() for part in text.split(",") if part.strip()]
    for part in chosen:
        if part not in known:
            raise WorldError(f'There is no {what} "{part}". There are: {", ".join(known)}.')
    return chosen


def evaluate(jobs: list[Job], results: Path, workers: int) -> list[dict[str, Any]]:
    """Run those jobs that the results file does not hold yet; the records of all of them, in the jobs' order."""
    keys = {job.key for job in jobs}
    found = {_key(record): record for record in read_records(results) if _key(record) in keys}
    todo = [job for job in jobs if job.key not in found]
    if found:
        print(f"{results}: {len(found)} of {len(jobs)} episodes are already there", file=sys.stderr)
    results.parent.mkdir(parents=True, exist_ok=True)
    begun = time.monotonic()
    with results.open("a", encoding="utf-8") as file:
        for count, record in enumerate(run_jobs(todo, min(workers, max(1, len(todo)))), start=1):
            file.write(json.dumps(record) + "\n")
            file.flush()
            found[_key(record)] = record
            left = (time.monotonic() - begun) / count * (len(todo) - count)
            print(f"[{len(found)}/{len(jobs)}] {_line(record)}, about {_duration(left)} left", file=sys.stderr)
    return [found[job.key] for job in jobs]


def _key(record: dict[str, Any]) -> tuple[str, str, str, str, int]:
    return record["policy"], record["model"], record["task"], record["condition"], record["seed"]


def _line(record: dict[str, Any]) -> str:
    outcome = "success" if record["success"] else "failed"
    if record["failure"]:
        outcome += f" ({record['failure']['name']})"
    where = f"{record['task']} / {record['condition']} / {record['seed']}"
    return f"{where}: {outcome} after {record['steps']} steps, {record['seconds']:.1f} s"


def _duration(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    out = argparse.ArgumentParser(prog="python -m training.evaluate", description=__doc__.splitlines()[0])
    out.add_argument("--policy", choices=("clap", "expert"), default="clap")
    out.add_argument("--checkpoint", metavar="DIR", help="the CLAP checkpoint; the shipped clap-mini if left out")
    out.add_argument("--tasks", default="all", help='"all", "trained", or task keys joined by commas')
    out.add_argument("--conditions", default="none", help="conditions joined by commas")
    out.add_argument("--episodes", type=int, default=25, help="episodes for each task and condition (25)")
    out.add_argument("--first-seed", type=int, default=FIRST_UNSEEN_SEED, help=f"({FIRST_UNSEEN_SEED})")
    out.add_argument("--workers", type=int, default=1, help="processes, each with a world of its own (1)")
    out.add_argument("--out", type=Path, required=True, metavar="FILE.json", help="where the summary goes")
    return out


def main(arguments: list[str] | None = None) -> int:
    """Evaluate, print the table, and write the summary. Returns the process's exit status."""
    arguments = sys.argv[1:] if arguments is None else arguments
    options = parser().parse_args(arguments)
    if options.episodes < 1 or options.workers < 1 or options.first_seed < 0:
        parser().error("--episodes and --workers must be at least 1, --first-seed at least 0")
    if options.out.suffix != ".json":
        parser().error(f"--out must end in .json, got {options.out}")
    # Read when Mesa and torch start, here or in the workers: with more threads than cores everything gets slower.
    for variable in ("OMP_NUM_THREADS", "LP_NUM_THREADS"):
        os.environ.setdefault(variable, "1")
    from clap.worlds.tabletop.tasks import CONDITIONS, task_infos

    try:
        infos = task_infos()
        tasks = choose_tasks(options.tasks, infos)
        conditions = _known(options.conditions, list(CONDITIONS), "condition")
        folder, model = "", ""
        if options.policy == "clap":
            checkpoint = open_checkpoint(options.checkpoint)
            folder, model = str(checkpoint.folder), checkpoint.fingerprint()
        seeds = range(options.first_seed, options.first_seed + options.episodes)
        jobs = [
            Job(options.policy, folder, model, task, condition, seed)
            for condition, task, seed in itertools.product(conditions, tasks, seeds)
        ]
        records = evaluate(jobs, options.out.with_suffix(".jsonl"), options.workers)
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
