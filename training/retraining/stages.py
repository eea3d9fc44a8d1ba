"""The stages of a retraining, one after the other; one that is done is not done again."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

from clap.policies.checkpoint import PLANNER, PREDICTOR, RECORD, open_checkpoint
from clap.policies.clap import ClapPolicy
from demos.store.store import DemonstrationStore
from training.data.recordings.export import Copies, export_training
from training.retraining.comparison import Counted, compare, comparison_text, report
from training.retraining.evaluation import evaluate_checkpoint, shown_variations
from training.retraining.loop import CANCELLED
from training.retraining.progress import RetrainingProgress, read_progress
from training.retraining.run_folder import RunFolder
from training.retraining.settings import CancelledError, RetrainingError, RetrainSettings

PARTS = (PLANNER, PREDICTOR)
PATIENCE_S = 60.0
"""Seconds for a program to keep what it has and end."""


class Stages:
    """Runs in the process of ``training.retrain``; programs that take long run beside it."""

    def __init__(self, run: RunFolder, settings: RetrainSettings, progress: RetrainingProgress):
        self._run, self._settings, self._progress = run, settings, progress
        self._before: Counted = ()
        self._after: Counted = ()

    def run(self) -> None:
        """All that are left. Raises CancelledError, RetrainingError and what they raise."""
        run = self._run
        if run.comparison.exists():
            self._progress.publish("done")
            return
        if not run.checkpoint.exists():
            self._timed("demonstrations", self._demonstrations)
            self._timed("rehearsal", self._rehearsal)
            self._timed("training", self._training)
            self._assemble()
        self._tidy()
        self._timed("evaluation", self._evaluation)
        self._compare()
        self._progress.publish("done")

    def _timed(self, name: str, stage: Callable[[], None]) -> None:
        begun = time.monotonic()
        stage()
        self._progress.publish(name, seconds=round(time.monotonic() - begun, 1))

    def _demonstrations(self) -> None:
        settings = self._settings
        self._progress.publish("demonstrations", episodes=len(settings.episodes))
        with DemonstrationStore.open(settings.recordings, read_only=True) as store:
            takes = [store.get(identity).labels.info for identity in settings.episodes]
            made = export_training(
                store, settings.episodes, self._run.recorded, Copies(settings.copies, settings.moments),
                settings.seed, lambda line: print(line, flush=True),
            )  # fmt: skip
        if not settings.tasks:
            self._settings = replace(settings, tasks=shown_variations(takes))
            self._settings.save(self._run.settings)
        self._check_words([step for one in made.episodes for plan in one.plans for step in plan])
        skipped = [{"episode": identity, "reason": reason} for identity, reason in made.skipped]
        self._progress.publish("demonstrations", records=sum(one.records for one in made.episodes), skipped=skipped)

    def _check_words(self, steps: Sequence[str]) -> None:
        """Raises RetrainingError for words that the checkpoint cannot read or write."""
        known = ClapPolicy.load(self._settings.checkpoint).step_words
        unknown = sorted({word for step in steps for word in step.split()} - known) if known else []
        if unknown:
            raise RetrainingError(
                f"The steps hold words that the checkpoint does not know: {', '.join(unknown)}.",
                "Write the steps with known words in the review.",
            )

    def _rehearsal(self) -> None:
        settings, folder = self._settings, Path(self._settings.data)
        shards = -1

        def watch() -> None:
            nonlocal shards
            there = len(list(folder.glob("shard-*")))
            if there != shards:
                shards = there
                wanted = settings.rehearsal_shards
                self._progress.publish("rehearsal", done=min(there, wanted), of=wanted)

        watch()
        if shards >= settings.rehearsal_shards:
            return
        options = ["--out", folder, "--shards", settings.rehearsal_shards, "--demos", settings.rehearsal_demos]
        options += ["--copies", settings.rehearsal_copies, "--seed", settings.seed]
        workers = range(settings.workers)
        commands = [
            self._module("training.data.generate", *options, "--worker", f"{k}/{settings.workers}") for k in workers
        ]
        self._together(commands, watch)

    def _training(self) -> None:
        todo = [part for part in PARTS if not (self._run.part(part) / "export").is_dir()]
        commands = [self._module("training.retraining.part", self._run.path, part, os.getpid()) for part in todo]
        self._together(commands)

    @staticmethod
    def _module(name: str, *arguments: object) -> list[str]:
        return [sys.executable, "-m", name, *map(str, arguments)]

    def _together(self, commands: Sequence[Sequence[str]], watch: Callable[[], None] = lambda: None) -> None:
        """Run programs side by side to their end; when one fails or this process is told to end, so are the others.

        ``watch`` is called all the while.
        """
        # They hold the run's lock as well, so that one which is left behind is seen.
        running = [subprocess.Popen(command, close_fds=False) for command in commands]
        try:
            while any(process.poll() is None for process in running):
                time.sleep(0.2)
                watch()
                failed = next((process for process in running if process.poll()), None)
                if failed is not None:
                    if failed.returncode == CANCELLED:
                        raise CancelledError
                    raise RetrainingError(
                        f"A program of the retraining ended with status {failed.returncode}.", "Look at the log."
                    )
        finally:
            for process in running:
                if process.poll() is None:
                    process.terminate()
            for process in running:
                try:
                    process.wait(PATIENCE_S)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()

    def _assemble(self) -> None:
        """Put both parts together into a checkpoint, by one rename."""
        base = open_checkpoint(self._settings.checkpoint)
        part = self._run.path / "checkpoint.part"
        shutil.rmtree(part, ignore_errors=True)
        for name in PARTS:
            shutil.copytree(self._run.part(name) / "export", part / name)
        record = {
            "date": date.today().isoformat(),
            "retrained_from": {"name": base.name, "fingerprint": base.fingerprint()},
            "retraining": self._settings.to_json(),
            "before": base.record,
        }
        (part / RECORD).write_text(json.dumps(record, indent=2) + "\n", "utf-8")
        os.replace(part, self._run.checkpoint)
        self._progress.publish("checkpoint")

    def _tidy(self) -> None:
        """What is only needed to train goes: with its views it is the most of a run."""
        for folder in (self._run.recorded, *map(self._run.part, PARTS)):
            shutil.rmtree(folder, ignore_errors=True)

    def _evaluation(self) -> None:
        settings, run = self._settings, self._run
        self._before = evaluate_checkpoint(run, settings, "old", Path(settings.checkpoint), self._progress)
        self._after = evaluate_checkpoint(run, settings, "new", run.checkpoint, self._progress)

    def _compare(self) -> None:
        run = self._run
        seconds: Counter[str] = Counter()
        for line in read_progress(run.progress):
            seconds[line["phase"]] += line.get("seconds", 0)
        took = {name: value for name, value in seconds.items() if value}
        comparison = compare(self._settings, self._before, self._after, took)
        run.report.write_text(report(comparison, self._command()), "utf-8")
        part = run.comparison.with_suffix(".part")
        part.write_text(comparison_text(comparison), "utf-8")
        os.replace(part, run.comparison)

    def _command(self) -> str:
        settings = self._settings
        places: dict[str, str | Path] = {
            "recordings": settings.recordings,
            "checkpoint": settings.checkpoint,
            "data": settings.data,
            "out": self._run.path,
        }
        options = " ".join(f"--{name} {os.path.relpath(path)}" for name, path in places.items())
        return f"python -m training.retrain {options} --method {settings.method} --minutes {settings.minutes:g}"
