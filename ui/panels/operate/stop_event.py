"""Stop's third way, for a page whose WebSocket and whose plain requests fail: an event of Gradio's own."""

from __future__ import annotations

from collections.abc import Callable

import gradio as gr

ELEMENT = "c-stop-by-event"

Stop = Callable[[gr.Request], int]


def build(stop: Stop) -> None:
    """Add the button and its answer out of sight; static/live/stop.js clicks the one and watches the other.

    ``stop`` halts all motion and returns the stop's number. It is the only function of the server that Gradio calls.
    """
    button = gr.Button(elem_id=ELEMENT, visible="hidden")
    answer = gr.Textbox(elem_id=f"{ELEMENT}-answer", visible="hidden", show_label=False)

    def pressed(request: gr.Request) -> str:
        return str(stop(request))

    button.click(
        pressed,
        outputs=answer,
        queue=False,
        api_visibility="private",
        trigger_mode="multiple",
        show_progress="hidden",
        concurrency_limit=None,
    )
