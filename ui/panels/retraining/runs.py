"""The retrainings on this machine: begun as programs of their own, found again on the disk after a restart.

Nothing of a page becomes part of a path or of a command: a run is one of those that are there, and what it is to do
lies in a file of settings, each of them checked.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clap.errors import ClapError
from training.retraining.progress import ENDED, read_progress
from training.retraining.run_folder import RunFolder
from training.retraining.settings import RetrainingError, RetrainSettings

ROOT = Path(__file__).parents[3]
RUNS = ROOT / "runs" / "retrain"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
EPISODE = re.compile(r"[A-Za-z0-9-]{1,64}")

NOT_HERE = "Retraining is off here: it changes what everybody's policy does. Start the console without --worlds."
DEFAULTS, REHEARSAL = "defaults.json", ".rehearsal"
START_S = 60.0
NEW_TASKS_EPISODES, OLD_TASKS_EPISODES = 20, 5
"""Scenes of the evaluation for each task that was shown, and for each other one: minutes, on two cores."""


@dataclass(frozen=True)
class Run:
    """A run as it is now. ``state``: "running", "done", "cancelled", "failed" or "interrupted" (its process died)."""

    name: str
    folder: RunFolder
    settings: RetrainSettings
    state: str
    lines: list[dict[str, Any]]

    @property
    def can_resume(self) -> bool:
        """True if there is something left to do."""
        return self.state in ("cancelled", "failed", "interrupted")

    @property
    def has_checkpoint(self) -> bool:
        """True once there is a checkpoint to use."""
        return self.folder.checkpoint.is_dir()


class Retrainings:
    """Any thread may call any method; those that change something raise RetrainingError with a sentence.

    ``sets``: the folders of demonstrations by name; ``checkpoint``: the one to begin with.
    """

    def __init__(self, sets: Mapping[str, Path], checkpoint: Path, runs: Path = RUNS):
        self._sets, self.checkpoint, self._runs = dict(sets), checkpoint, runs
        self._lock = threading.Lock()
        self._started: list[subprocess.Popen[bytes]] = []
        self._read: dict[Path, tuple[tuple[int, int], list[dict[str, Any]]]] = {}

    def all(self) -> list[Run]:
        """Every run, the latest first."""
        folders = [path for path in self._runs.glob("*") if NAME.fullmatch(path.name) and path.is_dir()]
        found = [self._run(RunFolder(path)) for path in folders]
        return sorted((run for run in found if run is not None), key=lambda run: run.name, reverse=True)

    def get(self, name: str) -> Run:
        """A run by its name. Raises RetrainingError if there is none."""
        for run in self.all():
            if run.name == name:
                return run
        raise RetrainingError("There is no such retraining.", "Choose one of the list.")

    def start(self, which: str, episodes: Sequence[str], method: str, minutes: float) -> str:
        """Begin a run on episodes of a set; returns its name."""
        if which not in self._sets:
            raise RetrainingError("There is no such set of demonstrations.", "Start the console with --recordings.")
        if not all(EPISODE.fullmatch(identity) for identity in episodes):
            raise RetrainingError("That is no demonstration's name.", "Choose from the list.")
        settings = RetrainSettings.made_of(
            {
                "data": str(self._runs.absolute() / REHEARSAL),
                "episodes_new": NEW_TASKS_EPISODES,
                "episodes_old": OLD_TASKS_EPISODES,
                **self._defaults(),
                "recordings": str(self._sets[which].absolute()),
                "episodes": list(dict.fromkeys(episodes)),
                "checkpoint": str(self.checkpoint.absolute()),
                "method": method,
                "minutes": minutes,
            },
            str(self._runs / DEFAULTS),
        )
        with self._lock:
            self._refuse_second()
            name = time.strftime("%Y%m%d-%H%M%S")
            run = RunFolder(self._runs / name)
            run.path.mkdir(parents=True)
            settings.save(run.settings)
            self._launch(run)
        return name

    def _defaults(self) -> dict[str, Any]:
        """What this machine's keeper has put into DEFAULTS: other values of the settings than the program's own."""
        path = self._runs / DEFAULTS
        try:
            found = json.loads(path.read_text("utf-8")) if path.exists() else {}
        except (OSError, ValueError, RecursionError) as error:
            raise RetrainingError(
                f"{path} cannot be read as JSON ({error}).", "Correct it, or take it away."
            ) from error
        return found if isinstance(found, dict) else {}

    def resume(self, name: str) -> None:
        """Go on with a run that ended early."""
        run = self.get(name)
        with self._lock:
            self._refuse_second()
            if not run.can_resume:
                raise RetrainingError("This retraining is finished.", "Start another one.")
            self._launch(run.folder)

    def cancel(self, name: str) -> None:
        """Let a run keep what it has learned and end; asked again, end at once."""
        run = self.get(name)
        group = run.folder.group()
        if run.state != "running" or group is None:
            raise RetrainingError("This retraining is not under way.", "Nothing has to be cancelled.")
        asked = run.folder.path / "cancelled"
        kind = signal.SIGKILL if asked.exists() else signal.SIGTERM
        asked.touch()
        os.killpg(group, kind)

    def checkpoint_of(self, name: str) -> Path:
        """The checkpoint that a run has made."""
        run = self.get(name)
        if not run.has_checkpoint:
            raise RetrainingError("This retraining has made no checkpoint yet.", "Wait for it, or resume it.")
        return run.folder.checkpoint

    def _refuse_second(self) -> None:
        under_way = next((run for run in self.all() if run.state == "running"), None)
        if under_way is not None:
            raise RetrainingError(f"The retraining {under_way.name} is under way.", "Wait for it, or cancel it.")

    def _launch(self, run: RunFolder) -> None:
        """Start the program in a session of its own, where neither the console's end nor its terminal's reaches it."""
        (run.path / "cancelled").unlink(missing_ok=True)
        command = [sys.executable, "-m", "training.retrain", "--resume", "--background", "--out", str(run.path)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "LP_NUM_THREADS": "1"}
        with run.log.open("ab") as log:
            process = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                start_new_session=True,
            )  # fmt: skip
        self._started = [one for one in self._started if one.poll() is None] + [process]
        until = time.monotonic() + START_S
        while not run.is_running and process.poll() is None and time.monotonic() < until:
            time.sleep(0.05)

    def _run(self, folder: RunFolder) -> Run | None:
        for process in self._started:
            process.poll()  # else one that has ended stays in the list of processes
        try:
            settings = RetrainSettings.load(folder.settings)
        except ClapError:
            return None
        lines = self._lines(folder.progress)
        last = lines[-1]["phase"] if lines else ""
        state = "running" if folder.is_running else last if last in ENDED else "interrupted"
        return Run(folder.name, folder, settings, state, lines)

    def _lines(self, path: Path) -> list[dict[str, Any]]:
        """The lines of a run's progress, read again where it has changed."""
        try:
            found = path.stat()
        except OSError:
            return []
        stamp = found.st_mtime_ns, found.st_size
        if self._read.get(path, ((0, 0), []))[0] != stamp:
            self._read[path] = stamp, read_progress(path)
        return self._read[path][1]
