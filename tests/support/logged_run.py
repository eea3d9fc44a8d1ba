"""A run's folder with logs that the real loggers wrote, without the hour that the trainings take."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from types import SimpleNamespace

from training.planner.train import PlannerTraining
from training.predictor.train import PredictorTraining
from training.trainer.json_log import JsonLog
from training.trainer.training_run import Progress

LINES = 450


def write_logs(run: Path, lines: int = LINES) -> None:
    """planner/log.jsonl and predictor/log.jsonl in the run's folder, with falling losses and two evaluations each."""
    with contextlib.redirect_stdout(io.StringIO()):  # the loggers print each line too
        _log(run, lines)


def _log(run: Path, lines: int) -> None:
    for part in ("planner", "predictor"):
        (run / part).mkdir(parents=True, exist_ok=True)
        (run / part / "log.jsonl").unlink(missing_ok=True)
    at, stage = Progress(), {"stage_step": 0, "joint": 1, "scenes": 0, "plans": 0}
    planner, predictor = JsonLog(run / "planner" / "log.jsonl"), JsonLog(run / "predictor" / "log.jsonl")

    def tell_planner(**figures: object) -> None:
        counts = {"step": at.step, **stage, "evaluations": 0}
        position = PlannerTraining.position(SimpleNamespace(progress=at, counts=counts))
        planner.append({**position, **figures})

    def tell_predictor(**figures: object) -> None:
        predictor.append({**PredictorTraining.position(SimpleNamespace(progress=at)), **figures})

    tell_predictor(event="start", parameters=2_000_000, train=15_000, held_out=800)
    for k in range(1, lines + 1):
        at.cpu_seconds, at.step, stage["scenes"] = 8.0 * k, 25 * k, 200 * k
        tell_planner(loss=10 / k, text=4 / k, within_8px=1 - 1 / k, plan_accuracy=1 - 0.5 / k)
        if k in (lines // 2, lines):
            figures = {"scenes": 40, "plans": 30, "keypoints_within_8px": 0.8, "keypoint_median_p90_px": [2.5, 13.0]}
            tell_planner(**figures, step_accuracy=0.9, plans_exact=0.7)
        at.step, at.samples, at.seconds = 50 * k, 800 * k, 9.0 * k
        tell_predictor(heatmap=9 / k, rotation=6 / k, samples_per_second=22.0, minutes_left=1.0)
        if k in (lines // 2, lines):
            event = "end" if k == lines else "evaluation"
            tell_predictor(event=event, count=800, median_mm=3.0, p90_mm=9.0, within_1cm=0.9)


def write_run(run: Path, checkpoint: Path) -> None:
    """What both trainings leave in a run's folder, with the models and records of a checkpoint."""
    write_logs(run)
    record = json.loads((checkpoint / "record.json").read_text("utf-8"))
    for part, target in (("planner", run / "planner"), ("predictor", run / "predictor" / "predictor")):
        for source in (checkpoint / part).rglob("*"):
            if source.is_file():
                copy = target / source.relative_to(checkpoint / part)
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.write_bytes(source.read_bytes())
    (run / "planner" / "training_record.json").write_text(json.dumps(record["planner"]), "utf-8")
    (run / "predictor" / "evaluation.json").write_text(json.dumps(record["predictor"]), "utf-8")
