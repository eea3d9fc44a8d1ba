"""One part of a retraining in a process of its own: `python -m training.retraining.part RUN PART PARENT`."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path

import torch

from clap.errors import ClapError
from training.retraining.loop import CANCELLED, Learner, Retraining
from training.retraining.planner import PlannerLearner
from training.retraining.predictor import PredictorLearner
from training.retraining.progress import RetrainingProgress
from training.retraining.run_folder import RunFolder
from training.retraining.settings import RetrainSettings
from training.retraining.tracking import Tracker
from training.trainer.training_run import TrainingCancelledError


def train_part(run: RunFolder, name: str, parent: int) -> int:
    """Train a part, or go on with it, while ``parent`` lives. Returns the process's exit status."""
    torch.set_num_threads(1)
    settings = RetrainSettings.load(run.settings)
    learner: Learner = (
        PlannerLearner(settings, run.recorded) if name == "planner" else PredictorLearner(settings, run.recorded)
    )
    tracker = Tracker(run.path.parent, run.name, name, asdict(settings))
    try:
        Retraining(learner, settings, run.part(name), RetrainingProgress(run.progress), tracker, parent).run()
    except TrainingCancelledError:
        return CANCELLED
    finally:
        tracker.finish()
    return 0


def main() -> int:
    """Command line of ``training.retrain``, not of people."""
    run, name, parent = RunFolder(Path(sys.argv[1])), sys.argv[2], int(sys.argv[3])
    try:
        return train_part(run, name, parent)
    except ClapError as error:
        RetrainingProgress(run.progress).publish("failed", sentence=str(error))
        return 1


if __name__ == "__main__":
    raise SystemExit(main())
