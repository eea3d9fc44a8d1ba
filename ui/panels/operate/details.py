"""Details: what the planner wrote, what the fine stage saw, the cameras, correcting a pose, recording, and the log."""

from __future__ import annotations

import gradio as gr

from ui.panels.operate import record
from ui.panels.operate.common import shell

TEXT = """
<div class="c-texts" role="region" aria-label="What the planner wrote" tabindex="0">
  <h3>Detecting <span>views to names</span></h3><pre id="c-text-look">Nothing written yet.</pre>
  <h3>Planning <span>instruction to steps</span></h3><pre id="c-text-plan">Nothing written yet.</pre>
  <h3>Locating <span>views to objects, step and keypoint</span></h3><pre id="c-text-reason">Nothing written yet.</pre>
</div>
"""

FINE = """
<p class="c-empty-line" id="c-fine-empty">The enlarged views around the keypoint appear here after Predict.</p>
<div class="c-tiles c-tiles-3" id="c-fine"></div>
"""

HEAT = '<label class="c-switch-label" hidden><input type="checkbox" role="switch" id="c-heat"> Heatmaps</label>'

CAMERAS = '<div class="c-tiles c-tiles-4" id="c-cameras"><p class="c-empty-line">No camera picture yet.</p></div>'
LOG = """
<div class="c-log-panel">
  <div class="c-log-tools">
    <select id="c-log-level" aria-label="Which events"></select>
    <input id="c-log-text" type="search" placeholder="containing …" aria-label="Events that contain" autocomplete="off">
    <button type="button" class="c-small" id="c-log-copy">Copy</button>
    <button type="button" class="c-small" id="c-log-csv" title="Save what is shown as a table">CSV</button>
    <button type="button" class="c-small" id="c-log-json" title="Save what is shown as JSON">JSON</button>
  </div>
  <p class="c-empty-line" id="c-log-empty"></p>
  <ol class="c-log" id="c-log" aria-live="polite" aria-label="Log" tabindex="0"></ol>
</div>
"""

NUDGE = '<div class="c-nudge" id="c-nudge"></div>'

TABS = (
    ("Planner text", "What the planner wrote, word for word", TEXT),
    ("Zoomed views", "The enlarged views around the keypoint, with heatmaps", FINE),
    ("Cameras", "The raw camera pictures and their age", CAMERAS),
    ("Correct", "Move the proposed pose by hand", NUDGE),
    ("Record", "Record what the arm does as a demonstration", record.MARKUP),
    ("Log", "What has happened", LOG),
)


def build() -> None:
    """Add the tabs: plain ones, because Gradio's render a tab only when it is opened, and these fill while hidden."""
    with gr.Column(elem_classes="c-card c-details"):
        shell(_tabs(), "c-details")


def _tabs() -> str:
    heads = "".join(
        f'<button type="button" role="tab" id="c-tab-{k}" title="{tip}" aria-controls="c-panel-{k}" '
        f'aria-selected="{_flag(k == 0)}" tabindex="{0 if k == 0 else -1}">{title}</button>'
        for k, (title, tip, _) in enumerate(TABS)
    )
    panels = "".join(
        f'<div role="tabpanel" id="c-panel-{k}" aria-labelledby="c-tab-{k}"{" hidden" if k else ""}>{markup}</div>'
        for k, (_, _, markup) in enumerate(TABS)
    )
    tabs = f'<div class="c-tabs" role="tablist" aria-label="Details">{heads}</div>'
    return f'<div class="c-tabs-row">{tabs}{HEAT}</div>{panels}'


def _flag(value: bool) -> str:
    return "true" if value else "false"
