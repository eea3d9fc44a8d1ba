"""What the Training panel shows of retrainings, as JSON; the files of a run are read without trust."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, Query
from fastapi.responses import Response

from training.evaluation.rates import wilson
from training.retraining.settings import METHODS
from ui.panels.results.parts import Json, section, table
from ui.panels.retraining.charts import (
    PARTS,
    apart,
    comparison_chart,
    counted,
    loss_chart,
    number,
    success_chart,
)
from ui.panels.retraining.runs import NOT_HERE, Retrainings, Run

MOST_RUNS, MOST_ROWS, LOG_BYTES, LOG_LINES = 20, 60, 8_192, 40
MAX_BYTES = 1_000_000
METHOD_NAMES = {"full": "all weights", "lora": "LoRA adapters"}
STATES = {
    "running": "running",
    "done": "finished",
    "cancelled": "cancelled",
    "failed": "failed",
    "interrupted": "interrupted",
}
PHASES = {
    "demonstrations": "Reading the demonstrations",
    "rehearsal": "Making scenes of the old tasks, to rehearse",
    "planner": "Training",
    "predictor": "Training",
    "training": "Training",
    "checkpoint": "Putting the checkpoint together",
    "evaluation": "Comparing old and new in the same scenes",
}
KINDS = {"new": "Shown in the demonstrations", "old": "All other tasks"}


def retraining_panel(retrainings: Retrainings | None, wanted: str | None) -> Json:
    """The list of runs, and all of the ``wanted`` one; of the latest if that is none."""
    if retrainings is None:
        return {"why": NOT_HERE, "runs": [], "shown": None, "methods": [], "checkpoint": ""}
    runs = retrainings.all()[:MOST_RUNS]
    shown = next((run for run in runs if run.name == wanted), runs[0] if runs else None)
    return {
        "why": "",
        "checkpoint": retrainings.checkpoint.name,
        "methods": [{"key": key, "label": METHOD_NAMES[key]} for key in METHODS],
        "runs": [_entry(run) for run in runs],
        "shown": None if shown is None else {**_entry(shown), **_detail(shown)},
    }


def _entry(run: Run) -> Json:
    count = len(run.settings.episodes)
    about = f"{count} demonstration{'s' * (count != 1)}, {METHOD_NAMES[run.settings.method]}"
    return {
        "name": run.name,
        "state": run.state,
        "state_text": STATES[run.state],
        "about": f"{about}, {run.settings.minutes:g} min",
        "can_resume": run.can_resume,
        "can_use": run.has_checkpoint,
    }


def _detail(run: Run) -> Json:
    charts = [one for one in (loss_chart(run.lines), success_chart(run.lines)) if one is not None]
    sections = []
    compared = _comparison(run)
    if compared is not None:
        sections.append(compared)
    if charts:
        note = "Each part has a time of its own, and both run side by side. Held out: seen by no step of the training."
        sections.append(section("Training", note, charts=charts))
    return {
        "doing": _doing(run),
        "minutes_left": _minutes_left(run),
        "share": _share(run),
        "tally": _tally(run),
        "sentence": _sentence(run),
        "sections": sections,
        "log": _log(run.folder.log),
    }


def _doing(run: Run) -> str:
    if run.state != "running":
        return ""
    if not run.lines:
        return "Starting"
    line = run.lines[-1]
    done, total = number(line.get("done")), number(line.get("of"))
    counted_text = f", {done:.0f} of {total:.0f}" if done is not None and total else ""
    return PHASES.get(line["phase"], "Starting") + counted_text


def _latest(run: Run, phase: str, name: str) -> float | None:
    found = (number(line.get(name)) for line in reversed(run.lines) if line["phase"] == phase and name in line)
    return next(found, None)


def _minutes_left(run: Run) -> float | None:
    """Of what is under way now: the longer of both trainings, or the evaluation of one checkpoint."""
    if run.state != "running" or not run.lines:
        return None
    line = run.lines[-1]
    phases = PARTS if line["phase"] in PARTS else (line["phase"],)
    passed = (time.time() - (number(line.get("time")) or time.time())) / 60
    left = [value for phase in phases if (value := _latest(run, phase, "minutes_left")) is not None]
    return max(0.0, max(left) - passed) if left else None


def _share(run: Run) -> float | None:
    """How far the trainings are, the slower one; None before and after them."""
    if run.state != "running" or not run.lines or run.lines[-1]["phase"] not in PARTS:
        return None
    return min(min(1.0, _latest(run, phase, "share") or 0.0) for phase in PARTS)


def _tally(run: Run) -> list[list[str]]:
    """Successes so far in the scenes of the evaluation, by checkpoint and kind of task."""
    if run.state != "running" or not run.lines or run.lines[-1]["phase"] != "evaluation":
        return []
    out = []
    for which, title in {"old": "Old checkpoint", "new": "New checkpoint"}.items():
        lines = [line for line in run.lines if line["phase"] == "evaluation" and line.get("checkpoint") == which]
        counts = lines[-1].get("successes") if lines else None
        for kind, words in KINDS.items():
            pair = counts.get(kind) if isinstance(counts, dict) else None
            if isinstance(pair, list) and len(pair) == 2 and all(isinstance(one, int) for one in pair) and pair[1]:
                out.append([f"{title}: {words.lower()}", f"{pair[0]} of {pair[1]}"])
    return out


def _sentence(run: Run) -> str:
    """Why it ended early, and what there is to do."""
    last = run.lines[-1] if run.lines else {}
    if run.state == "failed":
        return str(last.get("sentence", "It failed; look at the log."))[:600]
    if run.state == "cancelled":
        return "Cancelled. What it has learned is kept: Resume goes on from there."
    if run.state == "interrupted":
        return "Its program ended without a word, as when the machine goes down. Resume goes on from the last state."
    left_out: list[Any] = [line["left_out"] for line in run.lines if isinstance(line.get("left_out"), list)]
    reasons = [str(one.get("reason", ""))[:200] for one in (left_out[-1] if left_out else []) if isinstance(one, dict)]
    if reasons:
        count = f"{len(reasons)} demonstration{'s were' if len(reasons) > 1 else ' was'} left out"
        return f"{count}: {'; '.join(dict.fromkeys(reasons))}."
    return ""


def _comparison(run: Run) -> Json | None:
    try:
        if run.folder.comparison.stat().st_size > MAX_BYTES:
            return None
        found = json.loads(run.folder.comparison.read_text("utf-8"))
        rows = [_row(row) for row in found["rows"][:MOST_ROWS]]
        sums = [[title, *_sums(found["sums"][kind])] for kind, title in KINDS.items() if kind in found["sums"]]
        seed = int(found["settings"]["first_seed"])
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError, ZeroDivisionError):
        return None
    note = f"Both checkpoints in the same scenes, of seeds from {seed} on, unseen in training. Lines: 95 % intervals."
    together = table(["", "before", "after", "difference"], sums)
    return section("Old and new, side by side", note, table=together, charts=[comparison_chart(rows)])


def _row(row: Any) -> Json:
    kind = row["kind"]
    if kind not in KINDS:
        raise ValueError("another kind of row")
    return {"kind": kind, "title": str(row["title"])[:120], **_counts(row)}


def _counts(row: Any) -> Json:
    out: Json = {"difference": [float(value) for value in row["difference"]]}
    for which in ("old", "new"):
        successes, episodes = int(row[which]["successes"]), int(row[which]["episodes"])
        out[which] = {"successes": successes, "episodes": episodes, "interval": wilson(successes, episodes)}
    if len(out["difference"]) != 3:
        raise ValueError("a difference has two bounds")
    return out


def _sums(row: Any) -> Sequence[str]:
    cells = _counts(row)
    return counted(cells["old"]), counted(cells["new"]), apart(cells["difference"])


def _log(path: Path) -> str:
    """The last lines of what the programs printed."""
    try:
        with path.open("rb") as file:
            file.seek(0, 2)
            size = file.tell()
            file.seek(max(0, size - LOG_BYTES))
            text = file.read(LOG_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""
    lines = text.splitlines()
    return "\n".join(line[:300] for line in (lines[1:] if size > LOG_BYTES else lines)[-LOG_LINES:])


Name = Annotated[str | None, Query(pattern=r"^[A-Za-z0-9_-]{1,64}$")]


def add_retraining_routes(app: FastAPI, retrainings: Retrainings | None) -> None:
    """Serve the state of the runs; None where retraining is off."""

    @app.get("/clap/retraining")
    def retraining(run: Name = None) -> Response:
        content = json.dumps(retraining_panel(retrainings, run), allow_nan=False)
        return Response(content, media_type="application/json", headers={"Cache-Control": "no-cache"})
