"""What a retraining is judged by: the old and the new checkpoint on the same scenes, those shown anew and all others.

A cell is a task, or one variation of it. Scenes come from seeds that no training saw; a seed decides the variation,
so a variation's scenes are those of the seeds that have it.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clap.errors import WorldError
from clap.policies.checkpoint import open_checkpoint
from clap.worlds.tabletop.tasks import all_task_infos, sample_task, task_infos, variation_of
from demos.frames import TakeInfo
from training.evaluation.episode_job import Finished, Job, key_of
from training.evaluation.results import evaluate
from training.evaluation.runners import run_jobs
from training.retraining.progress import RetrainingProgress
from training.retraining.run_folder import RunFolder
from training.retraining.settings import RetrainingError, RetrainSettings

NEW, OLD = "new", "old"


@dataclass(frozen=True)
class Cell:
    """Scenes that are counted together: of a ``task`` those with this ``variation``, or with any but ``without``.

    ``kind`` NEW for what the demonstrations show, OLD for everything else.
    """

    kind: str
    task: str
    variation: int | None = None
    without: tuple[int, ...] = ()

    def seeds(self, first: int, count: int) -> list[int]:
        """The first ``count`` seeds from ``first`` on that belong to it."""
        return list(itertools.islice(filter(self._has, itertools.count(first)), count))

    def _has(self, seed: int) -> bool:
        variation = variation_of(self.task, seed)
        return variation == self.variation if self.variation is not None else variation not in self.without


def shown_variations(takes: Sequence[TakeInfo]) -> tuple[str, ...]:
    """What takes of the tabletop world show, as "task:variation"; a take says its seed, and its words the rest."""
    infos = {info.key: info for info in all_task_infos()}
    found: dict[str, None] = {}
    for take in takes:
        if take.task_key not in infos or take.seed is None:
            continue
        for variation in range(infos[take.task_key].variations):
            if sample_task(take.task_key, take.seed, variation).instruction == take.task:
                found[f"{take.task_key}:{variation}"] = None
    return tuple(found)


def cells_of(tasks: Sequence[str]) -> list[Cell]:
    """The cells for these "task" or "task:variation", the new ones first. Raises RetrainingError for an unknown one."""
    variations = {info.key: info.variations for info in all_task_infos()}
    new = []
    for text in tasks:
        task, _, number = text.partition(":")
        if task not in variations or (number and not (number.isdigit() and int(number) < variations[task])):
            raise RetrainingError(f"There is no task and variation “{text}”; tasks: {', '.join(variations)}.")
        new.append(Cell(NEW, task, int(number) if number else None))
    old = []
    for task, count in ((info.key, info.variations) for info in task_infos()):
        own = [cell.variation for cell in new if cell.task == task]
        shown = tuple(number for number in own if number is not None)
        if None not in own and len(set(shown)) < count:
            old.append(Cell(OLD, task, None, shown))
    return new + old


def evaluate_checkpoint(
    run: RunFolder, settings: RetrainSettings, which: str, folder: Path, progress: RetrainingProgress
) -> list[tuple[Cell, list[dict[str, Any]]]]:
    """The records of each cell's episodes with the checkpoint in ``folder``; those that are there are not run again."""
    checkpoint = open_checkpoint(folder)
    model = checkpoint.fingerprint()
    counts = {NEW: settings.episodes_new, OLD: settings.episodes_old}
    cells = [cell for cell in cells_of(settings.tasks) if counts[cell.kind]]
    jobs: dict[Cell, list[Job]] = {}
    for cell in cells:
        jobs[cell] = [
            Job("clap", str(checkpoint.folder), model, "four", "on", cell.task, "none", seed)
            for seed in cell.seeds(settings.first_seed, counts[cell.kind])
        ]
    every = [job for cell in cells for job in jobs[cell]]
    kinds = {job.key: cell.kind for cell in cells for job in jobs[cell]}
    run.evaluation.mkdir(parents=True, exist_ok=True)

    def report(todo: list[Job]) -> Iterator[Finished]:
        begun, tally = time.monotonic(), {NEW: [0, 0], OLD: [0, 0]}
        for done, finished in enumerate(run_jobs(todo, min(settings.workers, len(todo))), 1):
            record = finished.record
            kind = kinds[key_of(record)]
            tally[kind][0] += bool(record["success"])
            tally[kind][1] += 1
            left = (time.monotonic() - begun) / done * (len(todo) - done) / 60
            progress.publish(
                "evaluation", checkpoint=which, done=len(every) - len(todo) + done, of=len(every),
                minutes_left=round(left, 2), successes={name: list(pair) for name, pair in tally.items()},
            )  # fmt: skip
            yield finished

    try:
        records = evaluate(every, run.evaluation / f"{which}.jsonl", report)
    except WorldError as error:
        raise RetrainingError(f"The evaluation failed: {error}") from error
    found = iter(records)
    return [(cell, list(itertools.islice(found, len(jobs[cell])))) for cell in cells]
