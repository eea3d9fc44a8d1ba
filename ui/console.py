"""The console's layout: the top bar; below it Operate, with what the robot sees and the cards, or another panel."""

from __future__ import annotations

import gradio as gr

from ui.panels.operate import details, drive, execute, instruction, panels, plan, scene, setup, stop_event, top_bar


def build(stop: stop_event.Stop) -> gr.Blocks:
    """The page. Its only server-side event is a spare way to ``stop``: what is live goes over the WebSocket."""
    with gr.Blocks(title="CLAP console", fill_width=True, analytics_enabled=False) as page:
        top_bar.build()
        stop_event.build(stop)
        with gr.Row(elem_id="c-main", equal_height=False):
            with gr.Column(scale=62, min_width=560, elem_id="c-left"):
                scene.build()
            with gr.Column(scale=38, min_width=420, elem_id="c-right"):
                drive.build()
                instruction.build()
                setup.build()
                plan.build()
                execute.build()
                details.build()
        panels.build()
    return page
