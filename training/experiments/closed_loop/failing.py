"""Which variation of a task a checkpoint fails."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from clap.policies.checkpoint import open_checkpoint
from clap.worlds.tabletop.tasks import all_task_infos
from training.evaluation.episode_job import Job
from training.evaluation.rates import rate
from training.evaluation.results import evaluate
from training.evaluation.runners import THREAD_VARIABLES, run_jobs
from training.retraining.evaluation import NEW, Cell

FAILS_BELOW = 0.3


def rates(
    checkpoint: Path, cells: Sequence[str], episodes: int, first_seed: int, workers: int, results: Path
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Successes of each "task:variation" in scenes from ``first_seed`` on; those in ``results`` are not run again."""
    for variable in THREAD_VARIABLES:
        os.environ.setdefault(variable, "1")
    folder = open_checkpoint(checkpoint)
    model = folder.fingerprint()
    for text in cells:
        task, _, variation = text.partition(":")
        seeds = Cell(NEW, task, int(variation)).seeds(first_seed, episodes)
        jobs = [Job("clap", str(folder.folder), model, "four", "on", task, "none", seed) for seed in seeds]
        records = evaluate(jobs, results, lambda todo: run_jobs(todo, min(workers, len(todo))))
        yield text, rate(records)


def every_variation(tasks: Sequence[str]) -> list[str]:
    """ "task:variation" for all variations of these tasks, all tasks if there are none; what was never taught first."""
    infos = [info for info in reversed(all_task_infos()) if not tasks or info.key in tasks]
    return [f"{info.key}:{number}" for info in infos for number in range(info.variations)]
