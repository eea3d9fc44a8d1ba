"""The Evaluation panel: success, failures and times of the chosen evaluations, beside the paper's figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from training.evaluation.reported_run import Cell, ReportedRun, paper_table3
from ui.panels.results.evaluation_charts import (
    averages_chart,
    condition_name,
    failures_chart,
    success_chart,
    times_chart,
)
from ui.panels.results.evaluation_files import Evaluation, Evaluations
from ui.panels.results.parts import Json, percent, section, shown, table

MAX_SIDE_BY_SIDE = 4
GROUPS: Mapping[str, Mapping[str, bool]] = {
    "all tasks": {},
    "trained tasks": {"trained": True},
    "never-trained tasks": {"trained": False},
}
SUCCESS_NOTE = (
    "Share of episodes in which the goal held at the end, with its 95 % interval below it. Lighter is better; new: "
    "never trained on."
)
PAPER = {"CLAP": "CLAP, the paper", "RVT2": "RVT-2, the paper"}


def evaluation_panel(evaluations: Evaluations, wanted: Sequence[str] | None) -> Json:
    """The panel's content for the evaluations of these keys; without any, for the checkpoint's own first one."""
    found, problems = evaluations.found()
    known = [key for key in dict.fromkeys(wanted or ()) if key in found][:MAX_SIDE_BY_SIDE]
    own = [key for key, evaluation in found.items() if evaluation.place == "checkpoint"]
    chosen = [found[key] for key in known or own[:1]]
    return {
        "checkpoint": evaluations.checkpoint.name,
        "problems": problems,
        "choices": [_choice(evaluation, evaluation in chosen) for evaluation in found.values()],
        "most": MAX_SIDE_BY_SIDE,
        "empty": None if chosen else _empty(evaluations),
        "sections": _sections(evaluations, chosen) if chosen else [],
    }


def _choice(evaluation: Evaluation, chosen: bool) -> Json:
    run = evaluation.run
    cell = run.rate()
    episodes = cell["episodes"] if cell else 0
    about = [f"{episodes} episodes", run.summary["date"]]
    about += ["from the report"] if evaluation.place == "report" else []
    about += [f"weights {run.summary['model']}"] if run.summary["model"] else []
    return {"key": evaluation.key, "label": run.label, "about": " · ".join(about), "chosen": chosen}


def _empty(evaluations: Evaluations) -> Json:
    folder = shown(evaluations.checkpoint)
    command = f"python -m training.evaluate --checkpoint {folder} --conditions all --episodes 20 --seeds 3"
    return {
        "sentence": f"{evaluations.checkpoint.name} has not been evaluated yet. This command measures it and puts the "
        "figures into its folder; open this panel again afterwards.",
        "command": f"{command} --out {folder}/evaluation.json",
    }


def _sections(evaluations: Evaluations, chosen: list[Evaluation]) -> list[Json]:
    runs = [evaluation.run for evaluation in chosen]
    failed = [run for run in runs if run.classes()]
    out = [
        _averages(runs),
        section("Success by task and condition", SUCCESS_NOTE, charts=[success_chart(run) for run in runs]),
    ]
    if failed:
        note = "Each failed episode counts once: for the first step that went wrong."
        out.append(section("Failures by cause", note, charts=[failures_chart(run) for run in failed]))
    elif not all(cell["has_classes"] for run in runs for cell in run.cells):
        out.append(
            section("Failures by cause", "This evaluation is of an older form, which did not tell causes apart.")
        )
    timed = [run for run in runs if run.summary["decision_seconds"]]
    if timed:
        note = "Of one decision, on the machine that measured: bars to the median, lines to the slowest tenth."
        out.append(section("Time per decision", note, charts=[times_chart(timed)]))
    films = [
        _filmstrip(evaluation, k, record) for evaluation in chosen for k, record in _numbered(evaluations, evaluation)
    ]
    if films:
        note = "Before each step and after the last one. Red cross: the predicted keypoint; green ring: the expert's."
        out.append(section("Film strips of failures", note, films=films))
    return [*out, _method(runs)]


def _averages(runs: list[ReportedRun]) -> Json:
    conditions = list(dict.fromkeys(condition for run in runs for condition in run.conditions))
    rows: list[tuple[str, str, dict[str, Cell | None]]] = [
        (run.label, world(run), {name: run.rate(**where) for name, where in GROUPS.items()}) for run in runs
    ]
    paper = {PAPER[policy]: paper_averages(policy, runs[0], conditions) for policy in PAPER}
    texts = [[name, where, *(_counted(cells[group]) for group in GROUPS)] for name, where, cells in rows]
    texts += [
        [name, "a real robot, one camera", *(_whole(shares[group]) for group in GROUPS)]
        for name, shares in paper.items()
    ]
    note = (
        f"Averages over {_conditions_text(conditions)}. The paper's figures (table 3) are of a real robot, ours of a "
        "simulation: for context, not like for like."
    )
    head = ["policy", "world", *GROUPS]
    numbers = table(head, texts)
    return section("Averages", note, charts=[averages_chart(rows, paper, list(GROUPS), numbers)])


def world(run: ReportedRun) -> str:
    """The world that an evaluation is of."""
    cameras = "four cameras" if run.summary["cameras"] == "four" else "one noisy camera"
    return f"simulated table, {cameras}"


def paper_averages(policy: str, run: ReportedRun, conditions: Sequence[str]) -> dict[str, float | None]:
    """The paper's shares over the run's tasks, by group of tasks, over those of the conditions that it measured."""
    figures = paper_table3()
    at = [figures["conditions"].index(condition) for condition in conditions if condition in figures["conditions"]]
    out: dict[str, float | None] = {}
    for name, where in GROUPS.items():
        tasks = [task["task"] for task in run.tasks if all(task[field] == value for field, value in where.items())]
        values = [figures[policy][task][k] / 100 for task in tasks if task in figures[policy] for k in at]
        out[name] = sum(values) / len(values) if values else None
    return out


def _conditions_text(conditions: Sequence[str]) -> str:
    return ", ".join("scenes as trained on" if condition == "none" else condition for condition in conditions)


def _counted(cell: Cell | None) -> str:
    if cell is None:
        return "–"
    low, high = cell["interval"]
    share = cell["successes"] / cell["episodes"]
    return f"{percent(share)} ({100 * low:.0f} to {100 * high:.0f}), {cell['successes']} of {cell['episodes']}"


def _whole(share: float | None) -> str:
    return "–" if share is None else percent(share)


def _numbered(evaluations: Evaluations, evaluation: Evaluation) -> list[tuple[int, Json]]:
    return list(enumerate(evaluations.films(evaluation.key)))


def _filmstrip(evaluation: Evaluation, number: int, record: Json) -> Json:
    task, condition = record["task"].replace("_", " "), condition_name(record["condition"])
    where = f"{evaluation.run.label}, {task}, {condition}, seed {record['seed']}"
    return {
        "src": f"/clap/evaluation/film/{number}?{urlencode({'run': evaluation.key})}",
        "cause": record["fault"]["name"],
        "instruction": record["instruction"],
        "text": f"{where}: {record['fault']['why']}",
    }


def _method(runs: list[ReportedRun]) -> Json:
    head = ["policy", "measured on", "episodes", "seeds", "seconds an episode", "self-correction", "weights"]
    rows = []
    for run in runs:
        about = run.summary
        total = run.rate()
        correction = about["correction"] if about["correction_recorded"] else "not recorded"
        rows.append(
            [
                run.label,
                about["date"] or "not recorded",
                total["episodes"] if total else 0,
                ", ".join(f"{first} to {last}" for first, last in about["seed_blocks"]),
                f"{about['seconds_per_episode']:.1f}",
                correction,
                about["model"] or "none",
            ]
        )
    commands = [[run.label, run.summary["command"]] for run in runs if run.summary["command"]]
    note = (
        "Every task, condition and seed gives one fixed scene, and nobody helps the policy. Demonstrations for "
        "training are drawn from seeds below 10000."
    )
    return section("How it was measured", note, table=table(head, rows), commands=commands)
