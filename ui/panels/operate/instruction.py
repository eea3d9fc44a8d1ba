"""Instruction: the text box, its history and examples, what was not understood, and Plan."""

from __future__ import annotations

import gradio as gr

from ui.panels.operate.common import heading, shell

SEND = "(text) => window.__clap.plan(text)"

HISTORY = """
<button type="button" class="c-mini" id="c-history-open" aria-label="Instructions given before" aria-expanded="false"
  aria-controls="c-history" disabled>▾</button>
<ul class="c-history" id="c-history" aria-label="Instructions given before" hidden></ul>
"""

BELOW = """
<div class="c-chips" id="c-chips" role="group" aria-label="Examples"></div>
<div class="c-explain" id="c-explain" hidden></div>
<p class="c-unseen" id="c-explain-live" role="status" aria-live="polite"></p>
"""


def build() -> None:
    """Add the card. The examples are those of the scene's task; clicking one puts it into the box."""
    with gr.Column(elem_classes="c-card", elem_id="c-instruction-card"):
        heading("Instruction")
        with gr.Row(elem_classes="c-tight"):
            text = gr.Textbox(
                label="Instruction",
                show_label=False,
                container=False,
                lines=1,
                max_lines=1,
                placeholder="Say what the robot should do …",
                elem_id="c-instruction",
                html_attributes=gr.InputHTMLAttributes(autocomplete="off", spellcheck=False),
                scale=5,
                min_width=200,
            )
            shell(HISTORY, "c-history-shell")
            plan = gr.Button("Plan", elem_id="c-do-plan", variant="primary", size="md", min_width=70, scale=1)
        shell(BELOW, "c-examples")
        text.submit(None, [text], js=SEND, api_visibility="private")
        plan.click(None, [text], js=SEND, api_visibility="private")
