"""Instruction: the text box, its examples, and Plan."""

from __future__ import annotations

import gradio as gr

from ui.cards.common import heading, shell

SEND = "(text) => window.__clap.plan(text)"


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
            plan = gr.Button("Plan", elem_id="c-do-plan", variant="primary", size="md", min_width=70, scale=1)
        shell('<div class="c-chips" id="c-chips" aria-label="Examples"></div>', "c-examples")
        text.submit(None, [text], js=SEND, api_visibility="private")
        plan.click(None, [text], js=SEND, api_visibility="private")
