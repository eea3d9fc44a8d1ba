"""Execute: predict, approve, run, pause, and the sentence that says what to do next."""

from __future__ import annotations

import gradio as gr

from ui.panels.operate.common import command, shell

HEAD = """
<div class="c-execute-head">
  <h2 class="c-heading">Execute</h2>
  <label class="c-switch-label"><input type="checkbox" role="switch" id="c-approve-each"> Approve each step</label>
  <label class="c-speed">Speed
    <input id="c-speed" type="range" min="0" max="4" step="1" value="1" aria-describedby="c-speed-text">
    <output id="c-speed-text" for="c-speed">real time</output>
  </label>
</div>
<div class="c-hint-line">
  <p class="c-hint" id="c-hint" role="status" aria-live="polite">Connecting …</p>
  <span class="c-elapsed" id="c-elapsed" title="Time since this began" hidden></span>
</div>
<div class="c-verdict-card" id="c-verdict" data-decision="none">
  <button type="button" class="c-verdict-head" id="c-verdict-more" aria-expanded="false" aria-controls="c-verdict-list"
    ><span id="c-verdict-head">Checks</span></button>
  <ul class="c-checks" id="c-checks" aria-label="Safety checks of the step shown"></ul>
  <ul class="c-verdict-list" id="c-verdict-list" aria-label="Safety checks in full" hidden></ul>
</div>
"""


def build() -> None:
    """Add the card."""
    with gr.Column(elem_classes="c-card c-execute-card"):
        shell(HEAD, "c-execute-head")
        with gr.Row(elem_classes="c-tight"):
            command("◎ Predict", "predict", primary=True)
            command("▶ Approve & run step", "approve", primary=True, scale=2)
        with gr.Row(elem_classes="c-tight"):
            command("▶▶ Run all", "run")
            command("❚❚ Pause", "pause")
            command("↺ Redo", "redo")
            command("⇥ Skip", "skip")
            command("↶ Undo", "undo")
            command("◌ Preview motion", "preview")
            command("⌂ Home", "home")
