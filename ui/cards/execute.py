"""Execute: predict, approve, run, pause, and the sentence that says what to do next."""

from __future__ import annotations

import gradio as gr

from ui.cards.common import command, shell

HEAD = """
<div class="c-execute-head">
  <h2 class="c-heading">Execute</h2>
  <label class="c-speed">Speed
    <input id="c-speed" type="range" min="0" max="4" step="1" value="1" aria-describedby="c-speed-text">
    <output id="c-speed-text" for="c-speed">real time</output>
  </label>
</div>
"""


def build() -> None:
    """Add the card."""
    with gr.Column(elem_classes="c-card"):
        shell(HEAD, "c-execute-head")
        shell('<p class="c-hint" id="c-hint" role="status" aria-live="polite">Connecting …</p>', "c-next-move")
        with gr.Row(elem_classes="c-tight"):
            command("◎ Predict", "predict", primary=True)
            command("▶ Approve & run step", "approve", primary=True, scale=2)
        with gr.Row(elem_classes="c-tight"):
            command("▶▶ Run all", "run")
            command("❚❚ Pause", "pause")
            command("↺ Redo", "redo")
            command("⇥ Skip", "skip")
            command("⌂ Home", "home")
