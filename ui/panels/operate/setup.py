"""Scene: which task, seed, variation and condition to set up, and which policy to ask."""

from __future__ import annotations

import gradio as gr

from ui.panels.operate.common import heading, shell

# Plain form elements: Gradio's dropdown has no groups, and these follow the console's state from any page.
MARKUP = """
<form class="c-form" id="c-setup">
  <label class="c-w7 c-set-up">Task <select id="c-task"></select></label>
  <label class="c-w5">Policy <select id="c-policy"></select></label>
  <div class="c-form-row c-set-up">
    <label class="c-seed">Seed
      <input id="c-seed" type="number" min="0" max="2147483647" step="1" value="0" required>
    </label>
    <label>Variation <select id="c-variation"></select></label>
    <label>Condition <select id="c-condition"></select></label>
    <button class="c-button" id="c-do-reset" type="submit" title="Set the scene up anew">↻ Reset scene</button>
  </div>
</form>
"""


def build() -> None:
    """Add the card."""
    with gr.Column(elem_classes="c-card"):
        heading("Scene")
        shell(MARKUP, "c-setup-card")
