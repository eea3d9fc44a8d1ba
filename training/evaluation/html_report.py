"""The evaluation report as one HTML page: light and dark, no script, film strips in files beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from importlib import resources
from typing import Any

from training.evaluation.failure_classes import CLASSES
from training.evaluation.html_parts import (
    difference,
    failure_bars,
    interval,
    legend,
    percent,
    rate_cell,
    rates_table,
    row,
    share,
    table,
    text_cell,
)
from training.evaluation.rates import pooled
from training.evaluation.reported_run import ReportedRun
from training.evaluation.summary import correction_text, seeds_text
from training.evaluation.taxonomy import step_fault
from training.evaluation.thresholds import CLOSE_PX

Film = tuple[ReportedRun, dict[str, Any], str]
"""A run, the record of an episode that failed, and the address of its film strip."""

SECTIONS = {
    "rates": "Success rates",
    "failures": "Why episodes fail",
    "accuracy": "Accuracy of the decisions",
    "films": "Film strips of failures",
    "method": "How this was measured",
}


def html_report(runs: Sequence[ReportedRun], films: Sequence[Film], command: str) -> str:
    """The whole page. The first run is the one that the report is about; others stand beside it."""
    css = resources.files(__package__).joinpath("report.css").read_text("utf-8")
    links = "".join(f'<a href="#{key}">{title}</a>' for key, title in SECTIONS.items())
    bodies = (_rates(runs), _failures(runs), _accuracy(runs), _films(films), _method(runs, command))
    sections = "".join(
        f'<section id="{key}"><h2>{title}</h2>{body}</section>'
        for (key, title), body in zip(SECTIONS.items(), bodies, strict=True)
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><title>CLAP evaluation</title>'
        f"<style>\n{css}</style></head>\n<body><main><h1>CLAP evaluation</h1>"
        f'<p class="dim">{_subtitle(runs[0])}</p><nav>{links}</nav>{_figures(runs[0])}{sections}</main></body></html>\n'
    )


def _subtitle(run: ReportedRun) -> str:
    about = run.summary
    model = f", weights <code>{escape(about['model'])}</code>" if about["model"] else ""
    cameras = "four cameras" if about["cameras"] == "four" else "a single noisy camera"
    return f"{escape(run.label)}{model}, {about['date']}, {cameras}, {seeds_text(about)}"


def _figures(run: ReportedRun) -> str:
    """The headline figures of the first run."""
    cards = []
    for title, where in (
        ("all tasks", {}),
        ("trained tasks", {"trained": True}),
        ("never trained", {"trained": False}),
    ):
        cell = run.rate(**where)
        if cell is not None:
            cards.append((title, percent(share(cell), 1), f"{cell['episodes']} episodes, {interval(cell)} %"))
    counted = [(row["keypoints"], row["keypoints_close"] or 0.0) for row in run.summary["accuracy"].values()]
    total = sum(count for count, _ in counted)
    if total:
        close = sum(count * part for count, part in counted) / total
        cards.append((f"keypoints within {CLOSE_PX:g} px", percent(close, 1), f"{total} decisions"))
    parts = (
        f'<div class="card">{title}<b>{figure}</b><span class="dim">{note}</span></div>'
        for title, figure, note in cards
    )
    return f'<div class="figures">{"".join(parts)}</div>'


def _rates(runs: Sequence[ReportedRun]) -> str:
    note = (
        "<p>Share of episodes in which the policy finished and the goal holds in the physics state, with the counts "
        "and Wilson's 95 % interval. The paper's figures come from a real robot: context, not a like-for-like "
        "comparison.</p>"
    )
    parts = [note, _comparison(runs) if len(runs) > 1 else ""]
    parts += [f"<h3>{escape(run.label)}</h3>" * (len(runs) > 1) + rates_table(run) + _notes(run) for run in runs]
    return "".join(parts)


def _comparison(runs: Sequence[ReportedRun]) -> str:
    first = runs[0]
    rows = []
    for run in runs:
        cells = [rate_cell(run.rate(**where)) for where in ({"trained": True}, {"trained": False}, {})]
        rows.append(row([text_cell(run.label, run.summary["model"]), *cells, _lead_cell(first, run)]))
    return table(["policy", "trained tasks", "never trained", "all tasks", f"{first.label} leads by"], rows)


def _lead_cell(first: ReportedRun, run: ReportedRun) -> str:
    ours, theirs = first.rate(trained=False), run.rate(trained=False)
    if run is first or ours is None or theirs is None:
        return text_cell("–")
    apart, low, high = difference(ours, theirs)
    return text_cell(f"{100 * apart:+.0f} points", f"{100 * low:+.0f} to {100 * high:+.0f}, never trained")


def _notes(run: ReportedRun) -> str:
    """What self-correction did, and the rates of the blocks of seeds if there are several."""
    notes = [escape(correction_text(run.summary))]
    blocks = run.summary["blocks"]
    if len(blocks) > 1:
        rates = ", ".join(percent(share(block), 1) for block in blocks)
        notes.append(f"By block of seeds, all tasks and conditions: {rates}.")
    return "".join(f'<p class="dim">{note}</p>' for note in notes)


def _failures(runs: Sequence[ReportedRun]) -> str:
    parts = [
        "<p>Each failed episode has one class: that of the first step that went wrong, judged against the simulator's "
        "own state in the order of the list below. The last of several attempts at a step counts, and whatever came "
        "before a success on the way (the right thing between the fingers, a sub-task done) is forgiven.</p>"
    ]
    for run in runs:
        by_task = [_bar(run, task["title"], task=task["task"]) for task in run.tasks]
        by_condition = [_bar(run, condition, condition=condition) for condition in run.conditions]
        parts.append(f"<h3>{escape(run.label)}</h3>" + f'<div class="card">{failure_bars(by_task)}</div>')
        parts.append(f'<div class="card">{failure_bars(by_condition)}</div>' * (len(by_condition) > 1))
    shown = [name for name in CLASSES if any(run.classes()[name] for run in runs)]
    rows = [row([text_cell(name), *(text_cell(str(run.classes()[name])) for run in runs)]) for name in shown]
    counts_table = table(["class", *(run.label for run in runs)], rows) if shown else ""
    return "".join(parts) + legend(shown) + counts_table


def _bar(run: ReportedRun, label: str, **where: str) -> tuple[str, Mapping[str, int], int]:
    return label, run.classes(**where), pooled(run.cells_where(**where))["episodes"]


def _accuracy(runs: Sequence[ReportedRun]) -> str:
    note = (
        "<p>Every decision against the expert's keyframe for the same moment, also those after a mistake; “first”: "
        "each step's first decision alone, before a correction brings the step back. Pixels are of the 224 px views "
        "(4.5 mm each), the largest over the three views; millimetres and degrees are those of the final action, after "
        "the fine stage, over equivalent grasps.</p>"
    )
    head = [
        "",
        "keypoints",
        f"first within {CLOSE_PX:g} px",
        f"within {CLOSE_PX:g} px",
        "keypoint px",
        "objects",
        "action mm",
        "action °",
        "plans",
        "steps",
    ]
    rows = []
    for run in runs:
        rows.append(row([f'<td colspan="{len(head)}">{escape(run.label)}</td>'], "part"))
        rows += [_accuracy_row(condition, figures) for condition, figures in run.summary["accuracy"].items()]
    return note + table(head, rows)


def _accuracy_row(condition: str, figures: Mapping[str, Any]) -> str:
    cells = [
        text_cell(condition),
        text_cell(str(figures["keypoints"])),
        text_cell(percent(figures.get("keypoints_first_close"), 1)),
        text_cell(percent(figures["keypoints_close"], 1)),
    ]
    cells += [_quantiles(figures["keypoint_px"]), text_cell(percent(figures["objects_close"], 1))]
    cells += [_quantiles(figures["position_mm"]), _quantiles(figures["rotation_deg"])]
    cells += [text_cell(percent(figures[field], 1)) for field in ("plans_right", "steps_right")]
    return row(cells)


def _quantiles(values: Sequence[float] | None) -> str:
    return text_cell("–") if values is None else text_cell(f"{values[0]:.1f}", f"90 %: {values[1]:.1f}")


def _films(films: Sequence[Film]) -> str:
    if not films:
        return "<p>No failure left a film strip.</p>"
    parts = [
        "<p>The first camera's picture before each step and after the last one. Red cross: the predicted keypoint; "
        "green ring: the expert's. The step at fault is red in the list.</p>"
    ]
    for name in CLASSES:
        chosen = [film for film in films if film[1]["fault"]["name"] == name]
        if chosen:
            figures = "".join(map(_film, chosen))
            parts.append(f"<details open><summary>{name} ({len(chosen)})</summary>{figures}</details>")
    return "".join(parts)


def _film(film: Film) -> str:
    run, record, address = film
    fault = record["fault"]
    words = escape(f"{run.label}, {record['task']}, {record['condition']}, seed {record['seed']}")
    steps = "".join(_film_step(facts, k == fault["step"]) for k, facts in enumerate(record["facts"]))
    return (
        f'<figure class="film"><img loading="lazy" src="{escape(address)}" alt="Film strip: {words}">'
        f"<figcaption><b>“{escape(record['instruction'])}”</b> {words}: {escape(fault['why'])}</figcaption>"
        f"<ol>{steps}</ol></figure>"
    )


def _film_step(facts: Mapping[str, Any], at_fault: bool) -> str:
    measured = [
        f"{facts[field]:g} {unit}"
        for field, unit in (("keypoint_px", "px"), ("position_mm", "mm"), ("rotation_deg", "°"))
        if facts[field] is not None
    ]
    found = step_fault(facts) if at_fault else None
    notes = [*measured, facts["motion"], *([found[1]] if found else [])]
    # A policy that knows the sentence alone names no steps: the wanted one tells more.
    step = facts["step"] if facts["step_right"] is not None else facts["wanted"] or facts["step"]
    return f'<li class="{"fault" if at_fault else ""}">{escape(step)}: {escape(", ".join(notes))}</li>'


def _method(runs: Sequence[ReportedRun], command: str) -> str:
    items = "".join(
        f"<li>{escape(run.label)}, {run.summary['date']}, {seeds_text(run.summary)}, "
        f"{run.summary['seconds_per_episode']:.1f} s an episode: <code>{escape(run.summary['command'])}</code></li>"
        for run in runs
    )
    return (
        "<p>Every task, condition and seed gives one fixed scene; a condition changes the table's colour, the light or "
        "adds other things, and leaves the layout as it is. Nobody helps: what an operator would be asked about is "
        "carried out. The same command gives the same episodes, on one core, several, or Ray.</p>"
        f"<ul>{items}<li>This page: <code>{escape(command)}</code></li></ul>"
    )
