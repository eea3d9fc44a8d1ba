"""The console's layout: the top bar, what the robot sees on the left, the cards on the right."""

from __future__ import annotations

import gradio as gr

from ui.cards import details, execute, instruction, plan, scene, setup, top_bar, views


def build() -> gr.Blocks:
    """The page. It has no server-side events: everything live goes over the WebSocket (see live.py)."""
    with gr.Blocks(title="CLAP console", fill_width=True, analytics_enabled=False) as page:
        top_bar.build()
        with gr.Row(elem_id="c-main", equal_height=False):
            with gr.Column(scale=62, min_width=560, elem_id="c-left"):
                views.build()
                scene.build()
            with gr.Column(scale=38, min_width=420, elem_id="c-right"):
                instruction.build()
                setup.build()
                plan.build()
                execute.build()
                details.build()
    return page
