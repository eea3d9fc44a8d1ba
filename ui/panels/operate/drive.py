"""Drive: teleoperation by keys, the pad on the page, a gamepad, or the handle in the scene."""

from __future__ import annotations

from html import escape

import gradio as gr

from ui.panels.operate.common import shell

# Axis (0-2 along world x, y, z; 3-5 turns about them), sign, key as in static/drive/jog_keys.js, place, spoken name.
PAD = (
    (0, 1, "W", "a", "forwards, along x"),
    (1, 1, "A", "b", "to the left, along y"),
    (1, -1, "D", "c", "to the right, against y"),
    (0, -1, "S", "d", "back, against x"),
    (2, 1, "R", "e", "up, along z"),
    (2, -1, "F", "f", "down, against z"),
    (5, 1, "←", "g", "turn left, about z"),
    (5, -1, "→", "h", "turn right, about z"),
)
MORE = (
    (4, 1, "↑", "i", "pitch up, about y"),
    (4, -1, "↓", "j", "pitch down, about y"),
    (3, -1, "Q", "k", "roll left, about x"),
    (3, 1, "E", "l", "roll right, about x"),
)
SIGNS = {
    "a": "↑ x+", "b": "← y+", "c": "y− →", "d": "↓ x−", "e": "▲ up", "f": "▼ down", "g": "⟲ yaw", "h": "yaw ⟳",
    "i": "pitch +", "j": "pitch −", "k": "roll −", "l": "roll +",
}  # fmt: skip
BARS = ("x", "y", "z", "roll", "pitch", "yaw")


def _hold(axis: int, sign: int, key: str, place: str, spoken: str) -> str:
    return (
        f'<button type="button" class="c-hold c-at-{place}" data-axis="{axis}" data-sign="{sign}" '
        f'aria-label="Hold: {escape(spoken)} (key {key})" disabled>{SIGNS[place]}<kbd>{key}</kbd></button>'
    )


def _bar(name: str) -> str:
    return f'<div><dt>{name}</dt><dd><span class="c-speed-bar"><i></i></span><output>0</output></dd></div>'


MARKUP = f"""
<section class="c-drive" id="c-drive" aria-labelledby="c-drive-title" hidden>
  <div class="c-drive-head">
    <h2 class="c-heading" id="c-drive-title">Teleoperate</h2>
    <button type="button" class="c-switch" id="c-drive-on" role="switch" aria-checked="false" aria-label="Teleoperation"
      ><i></i><span>Off</span></button>
    <button type="button" class="c-icon" id="c-drive-close" aria-label="Close teleoperation">×</button>
  </div>
  <p class="c-drive-hint" id="c-drive-hint" role="status" aria-live="polite"></p>
  <div class="c-drive-body">
    <div class="c-pad" role="group" aria-label="Hold to move">{"".join(_hold(*entry) for entry in PAD)}</div>
    <div class="c-drive-side">
      <div class="c-grip" role="group" aria-label="Gripper">
        <button type="button" data-grip="open" disabled>Open</button>
        <button type="button" data-grip="close" disabled>Close</button>
        <span class="c-dim">gripper <kbd>G</kbd></span>
      </div>
      <p class="c-dim">Or drag the handle on the gripper in the scene.</p>
      <label class="c-check"><input type="checkbox" id="c-drive-slow"> Slow <kbd>Shift</kbd></label>
      <dl class="c-bars" aria-label="Speed asked for">{"".join(_bar(name) for name in BARS)}</dl>
    </div>
  </div>
  <details class="c-drive-more">
    <summary>Pitch and roll</summary>
    <div class="c-pad c-pad-more" role="group" aria-label="Hold to turn">
      {"".join(_hold(*entry) for entry in MORE)}
    </div>
  </details>
  <p class="c-drive-foot"><span id="c-drive-pad">No gamepad</span><span id="c-drive-figures"></span></p>
</section>
"""


def build() -> None:
    """Add the card, closed; static/drive/drive.js opens it in place of the instruction's cards."""
    with gr.Column(elem_classes="c-card c-drive-card"):
        shell(MARKUP, "c-drive-shell")
