"""Plan: the checklist of steps, the proposed keypoint and the verdict on it."""

from __future__ import annotations

import gradio as gr

from ui.cards.common import heading, shell

MARKUP = """
<p class="c-seen" id="c-seen" hidden></p>
<p class="c-plan-empty" id="c-plan-empty"></p>
<ol class="c-plan" id="c-plan-steps" aria-label="Steps of the plan"></ol>
"""


def build() -> None:
    """Add the card."""
    with gr.Column(elem_classes="c-card c-plan-card"):
        heading("Plan")
        shell(MARKUP, "c-plan")
