"""Plan: the checklist of steps, which the operator can edit, and what the planner writes."""

from __future__ import annotations

import gradio as gr

from ui.panels.operate.common import shell

MARKUP = """
<div class="c-card-head">
  <h2 class="c-heading">Plan</h2>
  <span class="c-group" role="group" aria-label="Change the plan">
    <button type="button" class="c-mini" id="c-plan-raw" title="What the planner wrote, verbatim">Planner
    output</button> <button type="button" class="c-mini" id="c-plan-add" disabled>+ Step</button>
    <button type="button" class="c-mini" id="c-plan-replan" disabled>↻ Re-plan from here</button>
  </span>
</div>
<p class="c-seen" id="c-seen" hidden></p>
<p class="c-plan-empty" id="c-plan-empty"></p>
<ol class="c-plan" id="c-plan-steps" aria-label="Steps of the plan"></ol>
<div class="c-plan-draft" id="c-plan-draft" role="status" hidden>
  <span id="c-plan-note">Edited, not used yet.</span>
  <button type="button" class="c-mini c-accent" id="c-plan-use">Use this plan</button>
  <button type="button" class="c-mini" id="c-plan-undo" title="Take the last edit back">Undo</button>
  <button type="button" class="c-mini" id="c-plan-discard" title="Drop all edits that were not used">Discard</button>
</div>
<div class="c-writing" id="c-writing" aria-label="What the planner is writing" hidden><b></b><pre></pre></div>
"""


def build() -> None:
    """Add the card."""
    with gr.Column(elem_classes="c-card c-plan-card"):
        shell(MARKUP, "c-plan")
